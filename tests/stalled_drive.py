"""A network drive that stalls: a file system of our own, mounted through FUSE (Linux, root).

Who reads from it waits in the kernel, in the state in which no signal ends a process, as with a
server of NFS or SMB that has gone away.
Source: linux/fuse.h, protocol 7.31.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import stat
import struct
import threading
from collections.abc import Mapping
from pathlib import Path

_LOOKUP, _FORGET, _GETATTR, _OPEN, _READ, _RELEASE = 1, 2, 3, 14, 15, 18
_FLUSH, _INIT, _INTERRUPT, _BATCH_FORGET = 25, 26, 36, 42
_FOLDER = 1  # the node of the root; those of the files follow
_REQUEST_SIZE = 1 << 17  # more than the kernel writes at once
_FOREVER = 1000  # seconds that names and sizes stay valid
_DIRECT = 1  # reads past the page cache, in which a process could still be killed
_FORCE, _DETACH = 1, 2
_libc = ctypes.CDLL(None, use_errno=True)


class StalledDrive:
    """``folder`` holds ``files``; reads of names in ``stalled`` are never answered.

    A context manager; when it ends, all who wait are told that the drive is gone.

    Raises:
        OSError: FUSE is not to be had here.
    """

    def __init__(self, folder: Path, files: Mapping[str, bytes], stalled: frozenset[str]) -> None:
        self.folder = folder
        self.waiting = threading.Event()
        """Set when a program waits for a read that is never answered."""
        self._names, self._contents = list(files), list(files.values())
        self._stalled = stalled
        self._device = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
        options = f"fd={self._device},rootmode={stat.S_IFDIR:o},user_id=0,group_id=0,allow_other"
        if _libc.mount(b"tests", os.fsencode(folder), b"fuse", 0, options.encode()):
            number = ctypes.get_errno()
            os.close(self._device)
            raise OSError(number, os.strerror(number))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def __enter__(self) -> StalledDrive:
        return self

    def __exit__(self, *exception: object) -> None:
        for flag in (_FORCE, _DETACH):  # the first sends all away who wait, our thread included
            _libc.umount2(os.fsencode(self.folder), flag)
        self._thread.join(10)
        os.close(self._device)

    def _serve(self) -> None:
        while True:
            try:
                request = os.read(self._device, _REQUEST_SIZE)
            except OSError:
                return  # unmounted
            _, operation, unique, node = struct.unpack_from("<IIQQ", request)
            answer = self._answer(operation, node, request[40:])
            if answer is None:
                continue
            error, body = (answer, b"") if isinstance(answer, int) else (0, answer)
            with contextlib.suppress(OSError):  # no program waits for it any more
                os.write(self._device, struct.pack("<IiQ", 16 + len(body), -error, unique) + body)

    def _answer(self, operation: int, node: int, body: bytes) -> bytes | int | None:
        """The answer to a request: its bytes, an errno, or None for silence."""
        if operation == _INIT:
            return struct.pack("<IIIIHHIIHHI28x", 7, 31, 0, 0, 16, 12, 4096, 1, 0, 0, 0)
        if operation == _LOOKUP:
            name = os.fsdecode(body.rstrip(b"\0"))
            if name not in self._names:
                return errno.ENOENT
            node = _FOLDER + 1 + self._names.index(name)
            return struct.pack("<QQQQII", node, 0, _FOREVER, _FOREVER, 0, 0) + self._status(node)
        if operation == _GETATTR:
            return struct.pack("<QII", _FOREVER, 0, 0) + self._status(node)
        if operation == _OPEN:
            return struct.pack("<QII", 0, _DIRECT, 0)
        if operation == _READ:
            if self._names[node - _FOLDER - 1] in self._stalled:
                self.waiting.set()
                return None
            start, size = struct.unpack_from("<8xQI", body)
            return self._contents[node - _FOLDER - 1][start : start + size]
        if operation in (_RELEASE, _FLUSH):
            return 0
        return None if operation in (_FORGET, _BATCH_FORGET, _INTERRUPT) else errno.ENOSYS

    def _status(self, node: int) -> bytes:
        is_folder = node == _FOLDER
        size = 0 if is_folder else len(self._contents[node - _FOLDER - 1])
        mode = stat.S_IFDIR | 0o755 if is_folder else stat.S_IFREG | 0o644
        return struct.pack("<6Q10I", node, size, 0, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0)
