"""The result cache: which content a file has, and what was found out about it.

An unchanged file costs a look at its size and times and two look-ups, one that was moved or copied
is read once for its digest, and one that was changed is a new one. Rows take about 1.3 kB a track;
what belongs to contents that no file has any more stays.
"""

from __future__ import annotations

import contextlib
import sqlite3
import zlib
from collections.abc import Callable, Sequence

from keyscan.cache.database import CacheFile
from keyscan.cache.messages import FileRow, ResultRow, Stamp
from keyscan.errors import CacheError

_FIND_FILE = "SELECT size, modified_ns, changed_ns, digest FROM files WHERE path = ?"
_FIND_RESULT = "SELECT checksum, record FROM results WHERE digest = ? AND settings = ?"
_STORE_FILE = "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?)"
_STORE_RESULT = "INSERT OR REPLACE INTO results VALUES (?, ?, ?, ?)"


class Cache:
    """One SQLite file, of which many processes may have a ``Cache``; one thread at a time.

    All methods raise ``CacheError`` if the file cannot be used now, and may be called again.
    """

    def __init__(self, path: str, warn: Callable[[str], None], patience: float) -> None:
        """``path`` is absolute; see ``CacheFile`` for what becomes of a damaged file."""
        self.path = path
        self._file = CacheFile(path, warn, patience)

    @property
    def patience(self) -> float:
        """Seconds to wait for other processes."""
        return self._file.patience

    @patience.setter
    def patience(self, seconds: float) -> None:
        self._file.patience = seconds

    def check(self) -> None:
        """Open the file now, and make it if there is none."""
        self._file.run(lambda connection: None)

    def digest_of(self, path: bytes, stamp: Stamp) -> bytes | None:
        """The digest of the file at an absolute path, if it is known and has not changed."""

        def find(connection: sqlite3.Connection) -> bytes | None:
            row = connection.execute(_FIND_FILE, (path,)).fetchone()
            if row is None or row[:3] != (stamp.size, stamp.modified_ns, stamp.changed_ns):
                return None
            digest = row[3]
            return digest if isinstance(digest, bytes) else None

        return self._file.run(find)

    def record_of(self, digest: bytes, settings: bytes) -> bytes | None:
        """What was found out about a content with these settings, if it can be read."""

        def find(connection: sqlite3.Connection) -> bytes | None:
            row = connection.execute(_FIND_RESULT, (digest, settings)).fetchone()
            if row is None or _checksum(row[1]) != row[0]:
                return None
            record: bytes = row[1]
            return record

        return self._file.run(find)

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

        self._file.run(write)

    def close(self) -> None:
        """Let go of the file, complete without its log; any other method opens it again."""
        with contextlib.suppress(CacheError):
            self._file.run(_empty_log)
        self._file.close()


def _checksum(record: object) -> int:
    """CRC-32 of a record: SQLite does not notice when bytes of it change."""
    return zlib.crc32(record) if isinstance(record, bytes) else -1


def _empty_log(connection: sqlite3.Connection) -> None:
    """As far as no other process is in the way, which must not be waited for at the end."""
    connection.execute("PRAGMA busy_timeout = 100")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
