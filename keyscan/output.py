"""Results to stdout, or to a file that is written whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import stat
from collections.abc import Iterable, Iterator
from io import RawIOBase
from pathlib import Path

_BLOCK = 1 << 16  # bytes
_READER_GONE = (errno.EPIPE, errno.EINVAL)  # the second: Windows


def write_text(parts: Iterable[str], output: RawIOBase) -> None:
    """Write ``parts`` as UTF-8; a reader that is gone is not an error.

    ``output`` has no buffer, which would be written again after Ctrl-C.

    Raises:
        OSError: they cannot be written, for another reason.
    """
    try:
        block = bytearray()
        for part in parts:
            block += part.encode("utf-8", "backslashreplace")
            if len(block) >= _BLOCK:
                _write_all(block, output)
                block = bytearray()
        _write_all(block, output)
    except OSError as error:
        if error.errno not in _READER_GONE:
            raise


def _write_all(block: bytearray, output: RawIOBase) -> None:
    view = memoryview(block)
    while view:
        view = view[output.write(view) :]


def check_writable(path: Path) -> None:
    """Check before the work whether its results can be written.

    Raises:
        OSError: there can be no file at ``path``.
    """
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if path.exists() and not os.access(path, os.W_OK):  # though it could be replaced
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
    if _is_stream(path):
        return
    new, descriptor = _beside(Path(os.path.realpath(path)))
    os.close(descriptor)
    new.unlink()


@contextlib.contextmanager
def replaced(path: Path) -> Iterator[RawIOBase]:
    """What the block writes becomes the file at ``path`` when the block ends without an error.

    Links and the permissions of an older file stay; devices and pipes are written directly.

    Raises:
        OSError: it cannot be written.
    """
    if _is_stream(path):
        with path.open("wb", buffering=0) as stream:
            yield stream
        return
    target = Path(os.path.realpath(path))
    new, descriptor = _beside(target)
    try:
        with os.fdopen(descriptor, "wb", buffering=0) as file:
            yield file
        if target.exists():
            shutil.copymode(target, new)
        new.replace(target)
    except BaseException:
        new.unlink(missing_ok=True)
        raise


def _beside(target: Path) -> tuple[Path, int]:
    """A new file in the same folder, with the permissions that new files get."""
    new = target.with_name(f".{secrets.token_hex(8)}.tmp")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    return new, os.open(new, flags, 0o666)


def _is_stream(path: Path) -> bool:
    try:
        return not stat.S_ISREG(path.stat().st_mode)
    except FileNotFoundError:
        return False
