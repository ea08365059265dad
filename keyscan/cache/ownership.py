"""Whether the file at a path may be used as the cache, and be renamed if it is damaged."""

from __future__ import annotations

import os
import stat
from typing import NoReturn

from keyscan.errors import NotACache

APPLICATION_ID = 0x6B657973  # "keys"
"""In the header of each of our databases (sqlite.org/fileformat2.html, section 1.3)."""
_MAGIC = b"SQLite format 3\0"
_ID, _OWN = slice(68, 72), APPLICATION_ID.to_bytes(4, "big")  # of the first page
_ZEROS = bytes(4)
_STARTS = {  # of SQLite's own files beside a database: the log, its index, the rollback journal
    "-wal": (b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83", _ZEROS),
    "-shm": ((3007000).to_bytes(4, "little"), (3007000).to_bytes(4, "big"), _ZEROS),
    "-journal": (b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7", _ZEROS),
}
COMPANIONS = tuple(_STARTS)
"""Appended to the name of the cache: the files that SQLite keeps beside it."""
LOCK = "-lock"
"""Appended to the name of the cache: an empty database whose lock guards opening and renaming."""

_LOG_HEADER, _FRAME_HEADER = 32, 24  # bytes (section 4.1)
_LOG_START = 1 << 20  # bytes in which the first page is looked for
_OPEN_FLAGS = os.O_RDONLY
for _flag in ("O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC", "O_BINARY", "O_NOINHERIT"):
    _OPEN_FLAGS |= getattr(os, _flag, 0)


def check_ownership(path: str) -> None:
    """Check that there is no file at ``path``, an empty one, or a database of this program.

    A database that is damaged behind its header passes. Beside it there must be no file of another
    program that SQLite would take for its own, and replace. Nothing is written.

    A process that has the database open must not call it: its locks on a file end when it closes
    the file once (fcntl(2)).

    Raises:
        NotACache: there is something else, or it cannot be read; the message says what.
    """
    head = _head(path, 100)
    if head and not head.startswith(_MAGIC):
        raise NotACache("it is no cache, but another kind of file")
    # earlier versions wrote the number into the log first, where it stays if they are killed
    if head and _OWN not in (head[_ID], _first_page_in_log(path + "-wal")[_ID]):
        raise NotACache("it is another program's database")
    for database in (path, path + LOCK):
        _check_companions(database)


def _check_companions(path: str) -> None:
    """Raises NotACache if beside the database there are files with SQLite's names, but not its."""
    for suffix, starts in _STARTS.items():
        start = _head(path + suffix, 8, path + suffix)
        if start and not start.startswith(starts):
            raise NotACache(f"{path}{suffix} is not SQLite's, which needs that name")


def _head(path: str, count: int, name: str = "it") -> bytes:
    """The first bytes of a file, empty if there is none; ``name`` is for messages."""
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116 - paths are text here
        if not stat.S_ISREG(mode):  # opening it may start a device
            raise NotACache(f"{name} is {'a folder' if stat.S_ISDIR(mode) else 'not a file'}")
        descriptor = os.open(path, _OPEN_FLAGS)
    except FileNotFoundError:
        return b""
    except (OSError, ValueError) as error:
        _not_readable(name, error)
    try:
        return os.read(descriptor, count)
    except OSError as error:
        _not_readable(name, error)
    finally:
        os.close(descriptor)


def _not_readable(name: str, error: OSError | ValueError) -> NoReturn:
    reason = error.strerror if isinstance(error, OSError) else error
    raise NotACache(f"{name} cannot be read: {reason}") from error


def _first_page_in_log(path: str) -> bytes:
    """The first page of the database as the log has it first, empty if it has none."""
    log = _head(path, _LOG_START)
    size = int.from_bytes(log[8:12], "big") + _FRAME_HEADER
    for at in range(_LOG_HEADER, len(log), size):
        frame = log[at : at + size]
        if frame[:4] == b"\0\0\0\1":
            return frame[_FRAME_HEADER:]
    return b""
