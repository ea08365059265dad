"""Memory that one track has freed is kept for the next."""

from __future__ import annotations

import ctypes
import sys

_KEPT = 32 << 20  # bytes: what glibc allows at most for the second
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3


def keep_freed_memory() -> bool:
    """Have glibc keep up to 32 MiB of what this process frees, and says whether it does.

    By default it hands large blocks back to the system at once, and the system clears every page
    of them before it gives them out again, which takes a quarter of the model's time. The names
    are those of ``mallopt`` in malloc.h. Other systems' libraries keep memory of themselves.
    """
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and all(
        mallopt(parameter, _KEPT) for parameter in (_TRIM_THRESHOLD, _MMAP_THRESHOLD)
    )
