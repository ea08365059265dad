"""Opening a path that a stranger sent, and reading it without ever blocking or raising OSError."""

from __future__ import annotations

import errno
import ntpath
import os
import stat
from types import TracebackType
from typing import NoReturn

from keyscan.analysis.errors import (
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


_LONGEST_PLAIN_PATH = 248  # characters; Windows' limits are 260 for files, 248 for folders


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
        self._failure: OSError | None = None
        try:
            name = _extended(os.fspath(path)) if os.name == "nt" else path
            # Asked before opening, as opening a device can already do something.
            _require_regular(os.stat(name))  # noqa: PTH116 - pathlib changes some names
            self._descriptor = os.open(name, _OPEN_FLAGS)
        except (OSError, ValueError) as error:
            _raise_for(error)
        status = os.fstat(self._descriptor)
        try:
            _require_regular(status)  # another file may have come to the path in between
        except NotAFile:
            self.close()
            raise
        self.end = status.st_size
        if not self.end:
            self.close()
            raise EmptyFile("the file is empty")

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
        """Fill ``buffer`` as far as the file reaches; returns the bytes written to it."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to ``offset`` (from ``start``, the current position or the end); returns it."""
        origin = {os.SEEK_CUR: self._position, os.SEEK_END: self.end - self.start}.get(whence, 0)
        self._position = max(origin + offset, 0)
        return self._position

    def tell(self) -> int:
        """The position, counted from ``start``."""
        return self._position

    def check(self) -> None:
        """Raise ReadFailed if the operating system failed to read what a decoder asked for."""
        if self._failure is not None:
            raise ReadFailed(f"the file could not be read: {self._failure.strerror}")

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
        try:
            os.lseek(self._descriptor, self.start + self._position, os.SEEK_SET)
            data = os.read(self._descriptor, count)
        except OSError as error:
            self._failure = error
            return b""
        self._position += len(data)
        return data


def _extended(path: str) -> str:
    r"""An absolute Windows path as Windows takes it at any length: behind ``\\?\``.

    Source: "Maximum Path Length Limitation" in Microsoft's documentation of Windows.
    """
    drive = ntpath.splitdrive(path)[0]
    if len(path) <= _LONGEST_PLAIN_PATH or not drive or not ntpath.isabs(path):
        return path
    if drive.startswith(("\\\\?\\", "\\\\.\\")):
        return path
    path = ntpath.normpath(path)
    return "\\\\?\\UNC" + path[1:] if path.startswith("\\\\") else "\\\\?\\" + path


def _require_regular(status: os.stat_result) -> None:
    if stat.S_ISREG(status.st_mode):
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
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        raise FileNotFound("there is no file at the path") from error
    if error.errno in (errno.ENAMETOOLONG, errno.EINVAL, errno.ELOOP, errno.EILSEQ):
        raise InvalidPath(f"the path cannot name a file: {error.strerror}") from error
    if error.errno in (errno.EACCES, errno.EPERM):
        raise PermissionDenied("the file may not be read by this user") from error
    if error.errno in (errno.ENXIO, errno.ENODEV, errno.EISDIR):
        raise NotAFile("the path is not a regular file") from error
    raise ReadFailed(f"the file could not be opened: {error.strerror}") from error
