"""A file is replaced by an edited copy: whole, with its mode and owner, or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from keyscan.errors import TagError


@contextlib.contextmanager
def edited(path: Path, *, keep_times: bool) -> Iterator[BinaryIO]:
    """What the block writes replaces the file at ``path`` when it ends without an error.

    The new file is made beside the old one; of a symbolic link the target is replaced, and another
    hard link keeps the old content. ``keep_times``: the times of access and modification stay too.

    Raises:
        TagError: the file has changed meanwhile, or its owner cannot be kept.
        OSError: it cannot be replaced.
    """
    path = Path(os.path.realpath(path))
    _require_writable(path)
    old = path.stat()
    new = path.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        with new.open("x+b") as file:
            yield file
            file.flush()
            _keep_owner(file.fileno(), old)
            shutil.copystat(path, new)
            if keep_times:
                os.utime(new, ns=(old.st_atime_ns, old.st_mtime_ns))
            else:
                os.utime(new)
            os.fsync(file.fileno())
        _require_same(old, path.stat())
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise


def require_replaceable(path: Path) -> None:
    """Check whether ``edited`` may replace the file at ``path``.

    A nameless empty file is in its folder for a moment, because only the file system knows whose
    new files are.

    Raises:
        TagError: its owner could not be kept.
        OSError: it could not be replaced.
    """
    path = Path(os.path.realpath(path))
    _require_writable(path)
    with tempfile.TemporaryFile(dir=path.parent) as file:
        _keep_owner(file.fileno(), path.stat())


def _require_writable(path: Path) -> None:
    if not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, "the file is read-only")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, "its folder is read-only")


def _require_same(old: os.stat_result, now: os.stat_result) -> None:
    if (now.st_size, now.st_mtime_ns, now.st_ino) != (old.st_size, old.st_mtime_ns, old.st_ino):
        raise TagError("the file has changed meanwhile")


def _keep_owner(descriptor: int, old: os.stat_result) -> None:
    if not hasattr(os, "fchown"):  # Windows
        return
    new = os.fstat(descriptor)
    if (new.st_uid, new.st_gid) == (old.st_uid, old.st_gid):
        return
    try:
        os.fchown(descriptor, old.st_uid, old.st_gid)
    except PermissionError:
        text = "the file belongs to another user or group, which a new one would not"
        raise TagError(text) from None
