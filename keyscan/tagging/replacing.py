"""A file is replaced by an edited copy: whole, with its mode and owner, or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from keyscan.errors import TagError

_OTHER_OWNER = "the file belongs to another user or group, which a new one would not"


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
    require_replaceable(path)
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
    """Check whether ``edited`` may replace the file at ``path``; nothing is written.

    Raises:
        TagError: its owner could not be kept.
        OSError: it is read-only, or its folder is.
    """
    path = Path(os.path.realpath(path))
    if not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, "the file is read-only")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, "its folder is read-only")
    if hasattr(os, "geteuid") and os.geteuid() != 0:
        old, folder = path.stat(), path.parent.stat()
        groups = {os.getegid(), *os.getgroups()}
        if folder.st_mode & stat.S_ISGID or sys.platform == "darwin":
            groups.add(folder.st_gid)  # that of a new file
        if old.st_uid != os.geteuid() or old.st_gid not in groups:
            raise TagError(_OTHER_OWNER)


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
        raise TagError(_OTHER_OWNER) from None
