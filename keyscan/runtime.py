"""Settings that must stand before numpy or torch is imported; imports nothing heavy itself."""

from __future__ import annotations

import os
from collections.abc import MutableMapping

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


def pin_threads(environ: MutableMapping[str, str] = os.environ) -> None:
    """Give every BLAS and OpenMP runtime one thread, unless the user chose otherwise.

    The work is spread over processes, and a second BLAS thread makes the constant-Q slower.
    """
    for name in THREAD_VARIABLES:
        environ.setdefault(name, "1")


def usable_cores() -> int:
    """How many CPU cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
