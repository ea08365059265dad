"""The file of the result cache: opened, checked, and set aside where it is damaged.

Renaming an SQLite database that somebody opens or closes at the same moment mixes up its log with
that of its successor ("How To Corrupt An SQLite Database File", sqlite.org). So whoever does any of
it has a lock meanwhile: a transaction on an empty database beside it, which every system knows.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterator
from typing import TypeVar

from keyscan.errors import CacheBusy, CacheError, CacheUnusable

FORMAT = 2
"""Of the tables; a file with a higher number is left to the newer version that made it."""

_APPLICATION_ID = 0x6B657973  # "keys"
_TABLES = {
    "files": """path BLOB PRIMARY KEY, size INTEGER NOT NULL, modified_ns INTEGER NOT NULL,
        changed_ns INTEGER NOT NULL, digest BLOB NOT NULL""",
    "results": """digest BLOB NOT NULL, settings BLOB NOT NULL, checksum INTEGER NOT NULL,
        record BLOB NOT NULL, UNIQUE (digest, settings)""",
}
_COMPANIONS = ("-wal", "-shm", "-journal")
_MOST_ASIDE = 99

_Result = TypeVar("_Result")


class _Damaged(Exception):
    """It is no database of this format (any more)."""


class _Moved(Exception):
    """There is another file at the path, or none."""


class CacheFile:
    """A connection to the database at ``path`` that outlives the file: opened when it is used.

    Where the file is no database, damaged, or lacks our tables, it is renamed to
    ``FILE.corrupt-1`` (or a higher number that is free), ``warn`` is told in one line, and a fresh
    one takes its place. A file that was deleted or set aside by another process is let go of. What
    is another program's database, or was made by a newer version, is not touched.

    To be used by one thread at a time.
    """

    def __init__(self, path: str, warn: Callable[[str], None], patience: float) -> None:
        """``patience``: seconds to wait for other processes; may be set at any time."""
        self.patience = patience
        self._path = path
        self._warn = warn
        self._connection: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None

    def run(self, work: Callable[[sqlite3.Connection], _Result]) -> _Result:
        """The result of ``work``, which may be called again if the file had to be replaced.

        Raises:
            CacheError: it cannot be had; the next call tries again.
        """
        damage: _Damaged | None = None
        for _ in range(2):
            connection = self._current(damage)
            try:
                with _explained(), connection:  # a transaction that was begun ends here
                    connection.execute(f"PRAGMA busy_timeout = {int(self.patience * 1000)}")
                    return work(connection)
            except _Damaged as error:
                damage = error
            except _Moved:
                damage = None
        raise CacheUnusable(str(damage or "it is moved again and again"))

    def close(self) -> None:
        """Let go of the file, which a later ``run`` opens again."""
        if self._connection is not None:
            with contextlib.suppress(CacheError), self._alone():
                self._drop()
            self._drop()

    def _current(self, damage: _Damaged | None) -> sqlite3.Connection:
        """The connection to the file that is at the path now, and is not the damaged one."""
        connection = self._connection
        if connection is not None and damage is None and self._found() == self._identity:
            return connection
        with self._alone():
            damaged = self._identity
            self._drop()
            if damage is not None and damaged is not None and self._found() == damaged:
                self._set_aside(damage)  # if not, somebody else has been faster
            try:
                return self._open()
            except _Damaged as error:
                self._set_aside(error)
            try:
                return self._open()
            except _Damaged as error:
                raise CacheUnusable(str(error)) from error

    def _found(self) -> tuple[int, int] | None:
        """What tells the file at the path from any other."""
        try:
            status = os.stat(self._path)  # noqa: PTH116 - as quick as can be: for every file
        except OSError:
            return None
        return status.st_dev, status.st_ino

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """No other process opens, closes or renames the file meanwhile."""
        lock = None
        try:
            lock = sqlite3.connect(
                f"{self._path}-lock", timeout=self.patience, isolation_level=None
            )
            lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.Error as error:
            reason = _explain(error)
            if isinstance(reason, CacheBusy):
                assert lock is not None
                lock.close()
                raise reason from error
            # not to be had: then the file itself cannot be renamed either, as a rule
        try:
            yield
        finally:
            if lock is not None:
                lock.close()

    def _open(self) -> sqlite3.Connection:
        with _explained():
            connection = sqlite3.connect(
                self._path, timeout=self.patience, isolation_level=None, check_same_thread=False
            )
            try:
                _prepare(connection)
            except BaseException:
                connection.close()
                raise
        self._connection, self._identity = connection, self._found()
        return connection

    def _drop(self) -> None:
        connection, self._connection, self._identity = self._connection, None, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()

    def _set_aside(self, damage: _Damaged) -> None:
        """Rename the file, and with it what SQLite keeps beside it."""
        names = (f"{self._path}.corrupt-{number}" for number in range(1, _MOST_ASIDE + 1))
        aside = next((name for name in names if not os.path.lexists(name)), None)
        if aside is None:
            raise CacheUnusable(f"{damage}, like {_MOST_ASIDE} others that were set aside")
        try:
            os.rename(self._path, aside)  # noqa: PTH104 - paths are text here
        except FileNotFoundError:
            return
        except OSError as error:  # Windows: another process has it open
            raise CacheUnusable(f"{damage}, and cannot be renamed: {error.strerror}") from error
        for suffix in _COMPANIONS:
            with contextlib.suppress(OSError):
                os.rename(self._path + suffix, aside + suffix)  # noqa: PTH104
        self._warn(f"the cache {self._path} is damaged ({damage}): it is now {aside}")


def _prepare(connection: sqlite3.Connection) -> None:
    """Make the tables, or see that they are there."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application != _APPLICATION_ID and (application or tables):
        raise CacheUnusable("it is another program's database")
    if version > FORMAT:
        raise CacheUnusable("a newer version of this program made it")
    if tables and version < FORMAT:
        raise _Damaged(f"its format number is {version}, not {FORMAT}")
    connection.execute("PRAGMA journal_mode = WAL")  # or what it was, where that cannot be
    connection.execute("PRAGMA synchronous = NORMAL")
    if not tables:
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            for name, columns in _TABLES.items():
                connection.execute(f"CREATE TABLE IF NOT EXISTS {name} ({columns})")
            connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {FORMAT}")
    connection.execute("SELECT path, size, modified_ns, changed_ns, digest FROM files LIMIT 1")
    connection.execute("SELECT digest, settings, checksum, record FROM results LIMIT 1")


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise _explain(error) from error


def _explain(error: sqlite3.Error) -> Exception:
    """What an error means to us, by its result code (sqlite.org/rescode.html)."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)  # from Python 3.11 on
    if code == sqlite3.SQLITE_READONLY_DBMOVED:
        return _Moved()
    match code & 0xFF:
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB | sqlite3.SQLITE_ERROR:
            return _Damaged(str(error))  # ERROR: our tables are not there
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return CacheBusy("another program keeps it locked")
    return CacheUnusable(str(error))
