"""Rows of a cache, and what else happens to its file."""

from __future__ import annotations

import sqlite3

from keyscan.cache.lookup import FileRow, ResultRow, Stamp

STAMP = Stamp(size=5_000_000_000, modified_ns=1_700_000_000_123_456_789, changed_ns=7)
SETTINGS = b"settings"
ROWS = 300


def file_row(path=b"/music/a.mp3", stamp=STAMP, digest=b"digest"):
    return FileRow(path, stamp, digest)


def result_row(record=b"record", digest=b"digest", settings=SETTINGS):
    return ResultRow(digest, settings, record)


def change(path, statement):
    """What another program does to the database."""
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(statement)
    connection.close()


def names(path):
    """The files that belong to the cache, without those that SQLite and the lock have beside it."""
    ends = ("-wal", "-shm", "-lock")
    return sorted(file.name for file in path.parent.iterdir() if not file.name.endswith(ends))
