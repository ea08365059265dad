"""Opening a path that a stranger sent, and reading it without ever blocking or raising OSError."""

from __future__ import annotations

import errno
import os
import stat
import time
from types import TracebackType
from typing import NoReturn

from keyscan.audio.windows_paths import literal_path
from keyscan.errors import (
    AnalysisError,
    EmptyFile,
    FileNotFound,
    InvalidPath,
    NotAFile,
    PermissionDenied,
    ReadFailed,
)

# A FIFO must not block the open, nor a terminal become ours, nor Windows translate line ends.
_OPEN_FLAGS = os.O_RDONLY
for _flag in ("O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC", "O_BINARY", "O_NOINHERIT"):
    _OPEN_FLAGS |= getattr(os, _flag, 0)

_ON_WINDOWS = os.name == "nt"
_FARTHEST = (1 << 63) - 1  # what the decoders can be told of a position
_LONGEST_LEASE = 60.0  # seconds; Linux takes a file back after 45
_LEASE_POLL = 0.05
_READ_AHEAD = 1 << 18  # bytes
_NAME_ERRORS = (errno.ENAMETOOLONG, errno.EINVAL, errno.ELOOP, errno.EILSEQ)
# What Windows says of names that can be none; all it has no errno for comes as EINVAL too.
_WINDOWS_NAME_ERRORS = (123, 161, 206, 1921)  # invalid, bad, too long, a loop of links
_WINDOWS_ACCESS_DENIED = 5


class SourceFile:
    """The bytes ``start`` to ``end`` of one regular file, as the decoders read them.

    Both decoders call it from C, where an exception would be printed or lost: an OSError while
    reading is kept for :meth:`check` and the decoder sees the end of the file. It has no ``name``
    on purpose: formats are told by their bytes, and FFmpeg resolves nothing relative to a name.
    ``shrank`` says that the file ended before ``end``: somebody cut it while it was read.

    Raises:
        FileNotFound, InvalidPath, NotAFile, PermissionDenied, EmptyFile, ReadFailed.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.start = 0
        self.shrank = False
        self._position = 0
        self._replaced = (0, b"")
        self._ahead_at, self._ahead = 0, memoryview(b"")
        self._failure: OSError | None = None
        file_status(path)  # before opening, as opening a device can already do something
        try:
            self._descriptor = _open(_native(path))
        except (OSError, ValueError) as error:
            _raise_for(error)
        status = self.status()
        try:
            _require_content(status)  # another file may have come to the path in between
        except AnalysisError:
            self.close()
            raise
        self.end = status.st_size

    def status(self) -> os.stat_result:
        """Size and times of the file as it is now, wherever it may have been moved to."""
        return os.fstat(self._descriptor)

    def replace(self, position: int, data: bytes) -> None:
        """Have everybody read ``data`` at the absolute ``position``, whatever the file holds."""
        self._replaced = position, data

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
        """Fill ``buffer`` as far as the file reaches; returns the bytes written to it.

        libsndfile asks for 8 kB at a time: small requests are met out of one large read.
        """
        count = len(buffer)
        if count >= _READ_AHEAD:
            data = memoryview(self.read(count))
        else:
            offset = self._position - self._ahead_at
            if not 0 <= offset <= len(self._ahead) - count:
                offset, self._ahead_at = 0, self._position
                self._ahead = memoryview(self.read(_READ_AHEAD))
            data = self._ahead[offset : offset + count]
            self._position = self._ahead_at + offset + len(data)
        buffer[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to ``offset`` (from ``start``, the current position or the end); returns it."""
        origin = {os.SEEK_CUR: self._position, os.SEEK_END: self.end - self.start}.get(whence, 0)
        self._position = min(max(origin + offset, 0), _FARTHEST)
        return self._position

    def tell(self) -> int:
        """The position, counted from ``start``."""
        return self._position

    def check(self) -> None:
        """Raise ReadFailed, once, if the operating system failed to read what was asked for."""
        failure, self._failure = self._failure, None
        if failure is not None:
            raise ReadFailed(f"the file could not be read: {failure.strerror}")

    def close(self) -> None:
        """Let go of the file; safe to call twice."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def __enter__(self) -> SourceFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
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
        at, new = self._replaced
        first, last = max(at, position), min(at + len(new), position + len(data))
        if first < last:
            new = new[first - at : last - at]
            data = data[: first - position] + new + data[last - position :]
        return data


def file_status(path: str | os.PathLike[str]) -> os.stat_result:
    """Size and times of the file at ``path``, which is not opened.

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


def _open(name: str | os.PathLike[str]) -> int:
    """Open without blocking; what another program has leased (a Samba server does) is waited for.

    Source: fcntl(2), "Leases": the system asks for the file back, and takes it in the end.
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
    """Files of ``/proc`` are empty, says the system; some never end, or block who reads them."""
    if stat.S_ISREG(status.st_mode):
        if not status.st_size:
            raise EmptyFile("the file is empty")
        return
    kinds = {
        stat.S_IFDIR: "a directory",
        stat.S_IFIFO: "a FIFO",
        stat.S_IFSOCK: "a socket",
    }
    raise NotAFile(f"the path is {kinds.get(stat.S_IFMT(status.st_mode), 'a device')}, not a file")


def _raise_for(error: OSError | ValueError) -> NoReturn:
    """Say in our own terms why a path could not be opened."""
    if isinstance(error, ValueError):  # a NUL, or a lone surrogate that no file name can hold
        raise InvalidPath(f"the path cannot name a file: {error}") from error
    code, windows_code = error.errno, getattr(error, "winerror", None)
    if windows_code in _WINDOWS_NAME_ERRORS:
        raise InvalidPath(f"the path cannot name a file: {error.strerror}") from error
    if code in (errno.ENOENT, errno.ENOTDIR):
        raise FileNotFound("there is no file at the path") from error
    if windows_code in (None, _WINDOWS_ACCESS_DENIED) and code in (errno.EACCES, errno.EPERM):
        raise PermissionDenied("the file may not be read by this user") from error
    if windows_code is None and code in _NAME_ERRORS:
        raise InvalidPath(f"the path cannot name a file: {error.strerror}") from error
    if code in (errno.ENXIO, errno.ENODEV, errno.EISDIR):
        raise NotAFile("the path is not a regular file") from error
    raise ReadFailed(f"the file could not be opened: {error.strerror}") from error
