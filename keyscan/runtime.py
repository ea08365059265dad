"""The process: threads, folders, memory and time; imports nothing heavy itself.

What sets threads and folders must run before numpy or torch is imported.
"""

from __future__ import annotations

import ctypes
import os
import sys
import time
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from pathlib import Path

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
_ADD_DLL_DIRECTORY: Callable[[str], object] | None = getattr(os, "add_dll_directory", None)
_KEPT_BYTES = 32 << 20  # the most that glibc allows for its mmap threshold
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # parameters of mallopt, in glibc's malloc.h
PINNED: set[str] = set()
"""The thread variables that we set in this process; those set otherwise are the user's."""


def pin_threads(environ: MutableMapping[str, str] = os.environ) -> None:
    """Give every BLAS and OpenMP runtime one thread, unless the user chose otherwise.

    The work is spread over processes, and a second BLAS thread makes the constant-Q slower.
    """
    for name in THREAD_VARIABLES:
        if name not in environ:
            environ[name] = "1"
            PINNED.add(name)


def open_missing_streams() -> None:
    """Put the null device where stdin, stdout or stderr is closed.

    Otherwise the next file to be opened would take its place, and replies would go there.
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)  # takes the lowest free number: this one
            os.set_inheritable(opened, True)
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace")  # noqa: SIM115


def leave_deleted_folder() -> None:
    """Go elsewhere if the working directory is gone: MKL ends the process for want of one."""
    try:
        Path.cwd()
    except OSError:
        os.chdir(Path(__file__).parent)


def usable_cores() -> int:
    """How many CPU cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def add_library_folders(
    root: Path,
    environ: MutableMapping[str, str] = os.environ,
    add: Callable[[str], object] | None = _ADD_DLL_DIRECTORY,
) -> None:
    """Let Windows find every shared library below ``root``, where the frozen app has its files.

    ``add`` is None on other systems, where libraries know their places. What a library loads only
    when it is first called is looked for on PATH.
    """
    if add is None:
        return
    on_path = environ.get("PATH", "").split(os.pathsep)
    folders = sorted({str(file.parent) for file in root.rglob("*.dll")})
    for folder in folders:
        add(folder)
    new = [folder for folder in folders if folder not in on_path]
    environ["PATH"] = os.pathsep.join([*new, *filter(None, on_path)])


def keep_freed_memory() -> bool:
    """Make glibc keep up to 32 MiB of what this process frees; returns whether it does.

    By default glibc hands large blocks back to the system, which clears every page before it gives
    them out again: a quarter of the model's time. Other systems' libraries keep memory anyway.
    """
    mallopt = _glibc("mallopt")
    return mallopt is not None and all(
        mallopt(parameter, _KEPT_BYTES) for parameter in (_TRIM_THRESHOLD, _MMAP_THRESHOLD)
    )


def give_back_freed_memory() -> bool:
    """Hand free memory to the system now, as imports leave MBs; returns whether there was any."""
    malloc_trim = _glibc("malloc_trim")
    return malloc_trim is not None and bool(malloc_trim(0))


def _glibc(name: str) -> Callable[..., int] | None:
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None


class Stages:
    """Adds up seconds of wall time by stage name; one thread at a time measures a stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def measure(self, name: str) -> Iterator[None]:
        """Add the time spent inside the ``with`` block to stage ``name``."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start
