"""Settings that must stand before numpy or torch is imported; imports nothing heavy itself."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, MutableMapping
from pathlib import Path

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
_ADD_DLL_DIRECTORY: Callable[[str], object] | None = getattr(os, "add_dll_directory", None)
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
