"""The process: threads, folders, memory and time; imports nothing heavy itself.

What sets threads and folders must run before numpy or torch is imported.
"""

from __future__ import annotations

import ctypes
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from keyscan.errors import AnalysisError

if TYPE_CHECKING:
    from keyscan.engine.task import Outcome

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
PREPROCESS_STAGES = ("decode", "resample", "cqt", "postprocess")
ANSWER_STAGES = ("to_device", "model_inference", "format_output")
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

    Otherwise the next file to be opened would take its place, and replies would go there. What is
    written to a closed stdout is an error, as its writer believes that results are kept.
    """
    for descriptor, access in ((0, os.O_RDONLY), (1, os.O_RDONLY), (2, os.O_RDWR)):
        try:
            os.fstat(descriptor)
        except OSError:
            opened = os.open(os.devnull, access)  # takes the lowest free number: this one
            os.set_inheritable(opened, True)
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace")  # noqa: SIM115


def leave_deleted_folder() -> None:
    """Go elsewhere if the working directory is gone: MKL ends a process without one."""
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


def profiling_enabled(environ: Mapping[str, str] = os.environ) -> bool:
    """``PROFILE_PERFORMANCE`` is set, and neither empty nor ``0``."""
    return environ.get("PROFILE_PERFORMANCE", "").strip() not in ("", "0")


def file_table(path: str, outcome: Outcome, format_seconds: float = 0.0) -> str:
    """One block of text for one file; the reply to a request took ``format_seconds`` to make.

    The total is the wall time since a worker took the file, and never less than the stages', so
    their percentages, rounded down, add up to 100 at most. With a cache there is a row for the
    look-up, the digest and the storing of the answer; a cached file has no rows of the analysis. A
    failed file has its total alone.
    """
    name, total = PurePath(path).name, time.perf_counter() - outcome.since
    if isinstance(outcome.result, AnalysisError):
        return f"[PROFILE] {name}: no key ({outcome.result.code})\n  TOTAL: {total:.3f}s\n"
    seconds = {**outcome.seconds, "format_output": format_seconds}
    total = max(total, sum(seconds.values()))

    def row(label: str, value: float) -> str:
        thousandths = int(1000 * value / total) if total else 0
        return f"{label}: {value:.3f}s ({thousandths / 10:.1f}%)"

    answer_stages: tuple[str, ...] = ANSWER_STAGES
    lines = [f"[PROFILE] {name}:"]
    if "cache" in seconds:
        lines.append(row("  cache", seconds["cache"]))
    if seconds.keys() & {*PREPROCESS_STAGES}:
        lines += [row(f"  - {stage}", seconds.get(stage, 0.0)) for stage in PREPROCESS_STAGES]
        preprocess = sum(seconds.get(stage, 0.0) for stage in PREPROCESS_STAGES)
        lines.append(row("  preprocess_audio", preprocess))
    else:
        answer_stages = ("format_output",)
    lines += [row(f"  {stage}", seconds.get(stage, 0.0)) for stage in answer_stages]
    lines.append(f"  TOTAL: {total:.3f}s")
    return "\n".join(lines) + "\n"


def threading_lines(
    cores: int, torch_threads: int, workers: int, environ: Mapping[str, str] = os.environ
) -> str:
    """Everything that decides how many threads compete for the cores."""
    rows = [("CPU cores", str(cores))]
    rows += [(name, environ.get(name, "not set")) for name in THREAD_VARIABLES]
    rows += [("torch threads", str(torch_threads)), ("workers", str(workers))]
    return "".join(f"[THREADING] {name}: {value}\n" for name, value in rows)


def startup_line(name: str, seconds: float) -> str:
    """What was paid before ``ready``, and so is in no file's table."""
    return f"[STARTUP] {name}: {seconds:.2f}s\n"
