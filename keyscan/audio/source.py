"""A file opened for reading at any path, without blocking and without an OSError in a decoder."""

from __future__ import annotations

import errno
import ntpath
import os
import re
import stat
import time
from pathlib import Path
from typing import NoReturn

from keyscan.audio.names import other_form
from keyscan.errors import (
    AnalysisError,
    EmptyFile,
    FileNotFound,
    InvalidPath,
    NotAFile,
    PermissionDenied,
    ReadFailed,
)

# Do not block on a FIFO, take over a terminal, or let Windows translate line ends.
_OPEN_FLAGS = os.O_RDONLY
for _flag in ("O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC", "O_BINARY", "O_NOINHERIT"):
    _OPEN_FLAGS |= getattr(os, _flag, 0)

_LARGEST_POSITION = (1 << 63) - 1  # that a decoder can be told
_LONGEST_LEASE = 60.0  # seconds; Linux ends a lease after 45
_LEASE_POLL = 0.05
_READ_AHEAD = 1 << 18  # bytes
_NAME_ERRORS = (errno.ENAMETOOLONG, errno.EINVAL, errno.ELOOP, errno.EILSEQ)

_ON_WINDOWS = os.name == "nt"
# Errors of Windows about a name; it reports all that have no errno as EINVAL.
_WINDOWS_NAME_ERRORS = (123, 161, 206, 1921)  # invalid, bad, too long, a loop of links
_WINDOWS_ACCESS_DENIED = 5
_LITERAL, _DEVICES = "\\\\?\\", "\\\\.\\"
_DISK = re.compile(r"\\\\[?.]\\(?:[a-z]:\\|UNC\\|Volume\{|GLOBALROOT\\Device\\Harddisk)", re.I)


class SourceFile:
    """The bytes ``start`` to ``end`` of one regular file, as the decoders read them.

    Both decoders call it from C, where an exception would be printed or lost: an OSError while
    reading is kept for ``check``, and the decoder sees the end of the file. There is no attribute
    ``name``, as FFmpeg must not resolve anything relative to it; the path is ``path``. ``shrank``:
    the file became shorter than ``end`` while it was read.

    Raises:
        FileNotFound, InvalidPath, NotAFile, PermissionDenied, EmptyFile, ReadFailed.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = path
        self.start = 0
        self.shrank = False
        self._position = 0
        self._patch = (0, b"")
        self._buffer_at, self._buffer = 0, memoryview(b"")
        self._failure: OSError | None = None
        file_status(path)  # before opening, which can start a device
        try:
            self._descriptor = _open(_native(path))
        except (OSError, ValueError) as error:
            _raise_for(error)
        status = self.status()
        try:
            _require_content(status)  # another file may have replaced it in between
        except AnalysisError:
            self.close()
            raise
        self.end = status.st_size

    def narrow(self, start: int, end: int) -> None:
        """From now on the decoders read the bytes ``start`` to ``end``."""
        self.start, self.end = start, end
        self._position = 0
        self._buffer_at, self._buffer = 0, memoryview(b"")

    def status(self) -> os.stat_result:
        """Size and times of the opened file as it is now."""
        return os.fstat(self._descriptor)

    def patch(self, position: int, data: bytes) -> None:
        """Replace what is read at the absolute ``position`` by ``data``."""
        self._patch = position, data

    def read_at(self, position: int, count: int) -> bytes:
        """Up to ``count`` bytes from the absolute ``position``."""
        if position < 0:
            return b""
        saved, self._position = self._position, position - self.start
        try:
            return self.read(count)
        finally:
            self._position = saved

    def read(self, count: int = -1) -> bytes:
        """Up to ``count`` bytes (-1: all) from the current position; fewer at the end only."""
        left = max(self.end - self.start - self._position, 0)
        wanted = left if count < 0 else min(count, left)
        parts = []
        while wanted > 0:
            part = self._read_once(wanted)
            if not part:
                self.shrank |= self._failure is None
                break
            parts.append(part)
            wanted -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def readinto(self, buffer: memoryview) -> int:
        """Fill ``buffer`` as far as the file reaches; returns the number of bytes.

        libsndfile reads 8 kB at a time, which is served from a larger read.
        """
        count = len(buffer)
        if count >= _READ_AHEAD:
            data = memoryview(self.read(count))
        else:
            offset = self._position - self._buffer_at
            if not 0 <= offset <= len(self._buffer) - count:
                offset, self._buffer_at = 0, self._position
                self._buffer = memoryview(self.read(_READ_AHEAD))
            data = self._buffer[offset : offset + count]
            self._position = self._buffer_at + offset + len(data)
        buffer[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to ``offset`` (from ``start``, the current position or the end); returns it."""
        origin = {os.SEEK_CUR: self._position, os.SEEK_END: self.end - self.start}.get(whence, 0)
        self._position = min(max(origin + offset, 0), _LARGEST_POSITION)
        return self._position

    def tell(self) -> int:
        """The position, counted from ``start``."""
        return self._position

    def check(self) -> None:
        """Raise ReadFailed, once, if the operating system has failed to read."""
        failure, self._failure = self._failure, None
        if failure is not None:
            raise ReadFailed(f"the file could not be read: {failure.strerror}")

    def close(self) -> None:
        """Close the file; safe to call twice."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def __enter__(self) -> SourceFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read_once(self, count: int) -> bytes:
        position = self.start + self._position
        try:
            os.lseek(self._descriptor, position, os.SEEK_SET)
            data = os.read(self._descriptor, count)
        except OSError as error:
            self._failure = error
            return b""
        self._position += len(data)
        at, new = self._patch
        first, last = max(at, position), min(at + len(new), position + len(data))
        if first < last:
            new = new[first - at : last - at]
            data = data[: first - position] + new + data[last - position :]
        return data


def file_status(path: str | os.PathLike[str]) -> os.stat_result:
    """Size and times of the file at ``path``, without opening it.

    Raises:
        FileNotFound, InvalidPath, NotAFile, PermissionDenied, EmptyFile, ReadFailed.
    """
    try:
        status = os.stat(_native(path))  # noqa: PTH116 - pathlib changes some names
    except (OSError, ValueError) as error:
        _raise_for(error)
    _require_content(status)
    return status


def _native(path: str | os.PathLike[str]) -> str | os.PathLike[str]:
    return literal_path(os.fspath(path)) if _ON_WINDOWS else path


def literal_path(path: str) -> str:
    r"""``path`` on Windows, absolute and behind the prefix ``\\?\``, for names of any length.

    Behind the prefix Windows also reads nothing into names: ``aux.mp3``, ``a.mp3.`` and ``a.mp3 ``
    are the files that a Mac may have written. Node opens every path like this, so that an app and
    we see the same files. Slashes, ``.`` and ``..`` are resolved as Windows would. Windows itself
    makes relative paths absolute, also those relative to a drive (``\a.mp3``) or to its folder
    (``C:a.mp3``), as it knows its devices (``NUL``, ``COM1.mp3``). Sources: "Naming Files, Paths,
    and Namespaces", "Maximum Path Length Limitation" and "File path formats on Windows systems"
    in Microsoft's documentation.

    Raises:
        NotAFile: the path names a device; opening a Bluetooth modem's port takes half a minute.
        ValueError: the path holds a NUL, at which normpath may cut it off.
    """
    if "\0" in path:
        raise ValueError("embedded null character")
    if not path.startswith(_LITERAL):
        is_whole = ntpath.splitdrive(path)[0] and ntpath.isabs(path)
        path = ntpath.normpath(path) if is_whole else ntpath.abspath(path)
    if not path.startswith((_LITERAL, _DEVICES)):
        return _LITERAL + ("UNC" + path[1:] if path.startswith("\\\\") else path)
    if not _DISK.match(path):
        raise NotAFile("the path is a device, not a file")
    return _LITERAL + path[len(_LITERAL) :]


def _open(name: str | os.PathLike[str]) -> int:
    """Open without blocking; wait where another program, such as Samba, has a lease on the file.

    Source: fcntl(2), "Leases": the system asks that program to end the lease, and then ends it.
    """
    deadline = time.monotonic() + _LONGEST_LEASE
    while True:
        try:
            return os.open(name, _OPEN_FLAGS)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise
            time.sleep(_LEASE_POLL)


def _require_content(status: os.stat_result) -> None:
    """Accept regular files; those in ``/proc``, which may never end, have a size of zero."""
    if stat.S_ISREG(status.st_mode):
        if not status.st_size:
            raise EmptyFile("the file is empty")
        return
    kinds = {stat.S_IFDIR: "a directory", stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket"}
    raise NotAFile(f"the path is {kinds.get(stat.S_IFMT(status.st_mode), 'a device')}, not a file")


def _not_found(path: str | bytes | os.PathLike[str] | None) -> str:
    text = "File not found: there is no file at the path"
    form = None if path is None else other_form(Path(os.fsdecode(path)))
    if form is None:
        return text
    return (
        f"{text}: a name in it looks the same on the disk, but is in another Unicode form ({form})"
    )


def _raise_for(error: OSError | ValueError) -> NoReturn:
    """Turn the error of an open or a stat into one of ours."""
    if isinstance(error, ValueError):  # a NUL, or a lone surrogate that no file name can hold
        raise InvalidPath(f"the path cannot name a file: {error}") from error
    code, windows_code = error.errno, getattr(error, "winerror", None)
    if windows_code in _WINDOWS_NAME_ERRORS:
        raise InvalidPath(f"the path cannot name a file: {error.strerror}") from error
    if code in (errno.ENOENT, errno.ENOTDIR):
        raise FileNotFound(_not_found(error.filename)) from error
    if windows_code in (None, _WINDOWS_ACCESS_DENIED) and code in (errno.EACCES, errno.EPERM):
        raise PermissionDenied("the file may not be read by this user") from error
    if windows_code is None and code in _NAME_ERRORS:
        raise InvalidPath(f"the path cannot name a file: {error.strerror}") from error
    if code in (errno.ENXIO, errno.ENODEV, errno.EISDIR):
        raise NotAFile("the path is not a regular file") from error
    raise ReadFailed(f"the file could not be opened: {error.strerror}") from error
