"""Memory that one track has freed is kept for the next; what the start has freed is not.

The names are those of ``mallopt`` and ``malloc_trim`` in glibc's malloc.h. Other systems' libraries
keep memory of themselves.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable

_KEPT = 32 << 20  # bytes: what glibc allows at most for the second
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3


def keep_freed_memory() -> bool:
    """Have glibc keep up to 32 MiB of what this process frees, and say whether it does.

    By default it hands large blocks back to the system at once, and the system clears every page
    of them before it gives them out again, which takes a quarter of the model's time.
    """
    mallopt = _function("mallopt")
    return mallopt is not None and all(
        mallopt(parameter, _KEPT) for parameter in (_TRIM_THRESHOLD, _MMAP_THRESHOLD)
    )


def give_back_freed_memory() -> bool:
    """Hand all that is free to the system now, and say whether there was any: imports leave MBs."""
    malloc_trim = _function("malloc_trim")
    return malloc_trim is not None and bool(malloc_trim(0))


def _function(name: str) -> Callable[..., int] | None:
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None
