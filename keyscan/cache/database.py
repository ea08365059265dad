"""The cache's SQLite file: opened, checked, read and written, set aside where it is damaged.

An unchanged file costs a look at its size and times and two look-ups; a moved or copied file is
read once for its digest; a changed file is a new one. Rows take about 1.3 kB a track; rows of
contents that no file has any more stay.

To rename an SQLite database that another process opens or closes at the same moment mixes up its
log with that of its successor ("How To Corrupt An SQLite Database File", sqlite.org). So each of
these is done under a lock: a transaction on an empty database beside the file, which works on
every system.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from keyscan.cache.lookup import FileRow, ResultRow, Stamp
from keyscan.cache.ownership import APPLICATION_ID, COMPANIONS, LOCK, check_ownership
from keyscan.errors import CacheBusy, CacheError, CacheUnusable, NotACache

FORMAT = 2
"""Of the tables; a file with a higher number is left to the newer version that made it."""

_TABLES = {
    "files": """path BLOB PRIMARY KEY, size INTEGER NOT NULL, modified_ns INTEGER NOT NULL,
        changed_ns INTEGER NOT NULL, digest BLOB NOT NULL""",
    "results": """digest BLOB NOT NULL, settings BLOB NOT NULL, checksum INTEGER NOT NULL,
        record BLOB NOT NULL, UNIQUE (digest, settings)""",
}
_FIND_FILE = "SELECT size, modified_ns, changed_ns, digest FROM files WHERE path = ?"
_FIND_RESULT = "SELECT checksum, record FROM results WHERE digest = ? AND settings = ?"
_STORE_FILE = "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?)"
_STORE_RESULT = "INSERT OR REPLACE INTO results VALUES (?, ?, ?, ?)"
_MOST_ASIDE = 99

_Result = TypeVar("_Result")


class _Damaged(Exception):
    """The file is ours, but no database of this format."""


class _Moved(Exception):
    """There is another file at the path, or none."""


class Database:
    """The tables of the cache in the file at ``path``; for one thread at a time.

    Many processes may use one file. It is opened when it is used, and again when it was deleted or
    set aside by another process. A database of this program that is damaged or lacks the tables is
    renamed to ``FILE.corrupt-1`` (or a free higher number), and a fresh one takes its place;
    ``warn`` gets one line about it. Any other file, and the database of a newer version, is not
    touched. All methods raise ``CacheError`` if the file cannot be used now, ``NotACache`` if it
    is not ours, and may be called again. Where the folder may not be written to, the file can
    still be read.
    """

    def __init__(self, path: str, warn: Callable[[str], None], patience: float) -> None:
        """``path`` is absolute; ``patience``: seconds to wait for other processes, may be set."""
        self.path = path
        self.patience = patience
        self._warn = warn
        self._connection: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None

    def check(self) -> None:
        """Open the file now, and make it if there is none."""
        self._run(lambda connection: None)

    def digest_of(self, path: bytes, stamp: Stamp) -> bytes | None:
        """The digest of the file at an absolute path, if it is known and has not changed."""

        def find(connection: sqlite3.Connection) -> bytes | None:
            row = connection.execute(_FIND_FILE, (path,)).fetchone()
            if row is None or row[:3] != (stamp.size, stamp.modified_ns, stamp.changed_ns):
                return None
            digest = row[3]
            return digest if isinstance(digest, bytes) else None

        return self._run(find)

    def record_of(self, digest: bytes, settings: bytes) -> bytes | None:
        """What was found out about a content with these settings, if it can be read."""

        def find(connection: sqlite3.Connection) -> bytes | None:
            row = connection.execute(_FIND_RESULT, (digest, settings)).fetchone()
            if row is None or _checksum(row[1]) != row[0]:
                return None
            record: bytes = row[1]
            return record

        return self._run(find)

    def store(self, files: Sequence[FileRow], results: Sequence[ResultRow]) -> None:
        """Add or replace rows, all or none."""
        file_rows = [
            (row.path, row.stamp.size, row.stamp.modified_ns, row.stamp.changed_ns, row.digest)
            for row in files
        ]
        result_rows = [
            (row.digest, row.settings, _checksum(row.record), row.record) for row in results
        ]

        def write(connection: sqlite3.Connection) -> None:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(_STORE_RESULT, result_rows)
            connection.executemany(_STORE_FILE, file_rows)

        self._run(write)

    def close(self) -> None:
        """Let go of the file, complete without its log; any other method opens it again."""
        with contextlib.suppress(CacheError):
            self._run(_empty_log)
        if self._connection is not None:
            with contextlib.suppress(CacheError), self._alone():
                self._drop()
            self._drop()

    def _run(self, work: Callable[[sqlite3.Connection], _Result]) -> _Result:
        """The result of ``work``, which may be called again if the file had to be replaced."""
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

    def _current(self, damage: _Damaged | None) -> sqlite3.Connection:
        """The connection to the file that is at the path now, and is not the damaged one."""
        connection = self._connection
        if connection is not None and damage is None and self._found() == self._identity:
            return connection
        if connection is None:
            check_ownership(self.path)  # before the lock leaves a file beside it
        with self._alone():
            damaged = self._identity
            self._drop()
            check_ownership(self.path)
            if damage is not None and damaged is not None and self._found() == damaged:
                self._set_aside(damage)  # if not, another process has been faster
            try:
                return self._open()
            except _Damaged as error:
                self._set_aside(error)
            try:
                return self._open()
            except _Damaged as error:
                raise CacheUnusable(str(error)) from error

    def _found(self) -> tuple[int, int] | None:
        """Device and inode of the file at the path."""
        try:
            status = os.stat(self.path)  # noqa: PTH116 - as quick as can be: for every file
        except OSError:
            return None
        return status.st_dev, status.st_ino

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """No other process opens, closes or renames the file meanwhile."""
        lock = None
        try:
            lock = sqlite3.connect(self.path + LOCK, timeout=self.patience, isolation_level=None)
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
        try:
            return self._connect(self.path)
        except CacheUnusable:
            folder, effective = Path(self.path).parent, os.access in os.supports_effective_ids
            if os.access(folder, os.W_OK, effective_ids=effective):
                raise
            # SQLite cannot make the files that it needs to share it; what is stored can be read
            return self._connect(f"{Path(self.path).as_uri()}?immutable=1", uri=True)

    def _connect(self, name: str, *, uri: bool = False) -> sqlite3.Connection:
        with _explained():
            connection = sqlite3.connect(
                name, timeout=self.patience, isolation_level=None, check_same_thread=False, uri=uri
            )
            try:
                _prepare(connection, writable=not uri)
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
        names = (f"{self.path}.corrupt-{number}" for number in range(1, _MOST_ASIDE + 1))
        suffixes = ("", *COMPANIONS)
        aside = next((n for n in names if not any(os.path.lexists(n + s) for s in suffixes)), None)
        if aside is None:
            raise CacheUnusable(f"{damage}, like {_MOST_ASIDE} others that were set aside")
        try:
            os.rename(self.path, aside)  # noqa: PTH104 - paths are text here
        except FileNotFoundError:
            return
        except OSError as error:  # Windows: another process has it open
            raise CacheUnusable(f"{damage}, and cannot be renamed: {error.strerror}") from error
        for suffix in COMPANIONS:
            with contextlib.suppress(OSError):
                os.rename(self.path + suffix, aside + suffix)  # noqa: PTH104
        self._warn(f"the cache {self.path} is damaged ({damage}): it is now {aside}")


def _prepare(connection: sqlite3.Connection, *, writable: bool) -> None:
    """Make the tables, or see that they are there."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application != APPLICATION_ID and (application or tables):
        raise NotACache("it is another program's database")
    if version > FORMAT:
        raise CacheUnusable("a newer version of this program made it")
    if tables and version < FORMAT:
        raise _Damaged(f"its format number is {version}, not {FORMAT}")
    if not tables:  # before there is a log, so that the header of the file says whose it is
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            for name, columns in _TABLES.items():
                connection.execute(f"CREATE TABLE IF NOT EXISTS {name} ({columns})")
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {FORMAT}")
    if writable:
        connection.execute("PRAGMA journal_mode = WAL")  # or what it was, where that cannot be
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("SELECT path, size, modified_ns, changed_ns, digest FROM files LIMIT 1")
    connection.execute("SELECT digest, settings, checksum, record FROM results LIMIT 1")


def _checksum(record: object) -> int:
    """CRC-32 of a record: SQLite does not notice when bytes of it change."""
    return zlib.crc32(record) if isinstance(record, bytes) else -1


def _empty_log(connection: sqlite3.Connection) -> None:
    """Write the log into the database, unless another process is in the way."""
    connection.execute("PRAGMA busy_timeout = 100")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()


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
        case sqlite3.SQLITE_READONLY:
            return CacheUnusable("the system does not let this user write to it")
    return CacheUnusable(str(error))
