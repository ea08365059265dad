"""A bound on what FFmpeg allocates at once: the counts and sizes in a file are only claims."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from pathlib import Path

import av.logging

_LARGEST_BLOCK = 128 << 20  # bytes: the index of 24 hours of AAC in an MP4 takes 100 MB


def limit_blocks(size: int = _LARGEST_BLOCK) -> bool:
    """Have FFmpeg refuse to allocate more than ``size`` bytes in one block, in this process.

    A file of 1 kB can claim as many samples as fill the memory, and a QuickTime index can be packed
    a thousandfold. This is FFmpeg's own means, which PyAV does not hand on: ``av_max_alloc`` of
    libavutil/mem.h. Returns false where the library cannot be reached.
    """
    for library in _libraries():
        function = getattr(library, "av_max_alloc", None)
        if function is not None:
            function.argtypes, function.restype = [ctypes.c_size_t], None
            function(size)
            return True
    return False


def _libraries() -> Iterator[ctypes.CDLL]:
    """Where to look: what PyAV is linked with, or on Windows the DLL that comes with it."""
    if os.name != "nt":
        yield ctypes.CDLL(av.logging.__file__)
        return
    for file in Path(av.__file__).parent.parent.glob("av.libs/avutil-*.dll"):
        yield ctypes.CDLL(str(file))
