"""Which facts of a report bear on which stages, and which of two reports they slow."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

START = "start"
BENCHMARK_STAGES = ("decode", "resample", "cqt", "inference")
_ALL = frozenset((START, *BENCHMARK_STAGES))
_START = frozenset((START,))
_DECODE = frozenset(("decode",))
_RESAMPLE = frozenset(("resample",))
_CQT = frozenset(("cqt",))
_MODEL = frozenset(("inference",))
_PRODUCTS = frozenset(("resample", "cqt"))
_NUMBERS = _PRODUCTS | _MODEL

Sides = Collection[int]  # 0 for the first report, 1 for the second
_EITHER: Sides = (0, 1)


def _any_side(_first: Any, _second: Any) -> Sides:
    return _EITHER


def _owner(first: Any, second: Any) -> Sides:
    """The report that alone has it; either one where both have it."""
    return tuple(side for side, value in enumerate((first, second)) if value is not None)


def _true_one(first: Any, second: Any) -> Sides:
    return tuple(side for side, value in enumerate((first, second)) if value is True)


def _larger(first: Any, second: Any) -> Sides:
    """Neither where a report has no number."""
    if not (isinstance(first, int | float) and isinstance(second, int | float)):
        return ()
    return (0,) if first > second else (1,)


def _smaller(first: Any, second: Any) -> Sides:
    return _larger(second, first)


def _fewer_items(first: Any, second: Any) -> Sides:
    a, b = (len(value) if isinstance(value, list) else 0 for value in (first, second))
    return _EITHER if a == b else _smaller(a, b)


def _more_threads(first: Any, second: Any) -> Sides:
    """By the values of a variable: without one, a library takes all cores."""
    try:
        a, b = (float("inf") if value is None else int(value) for value in (first, second))
    except (ValueError, TypeError):
        return _EITHER
    return _larger(a, b)


@dataclass(frozen=True)
class Cause:
    """Facts whose dotted names match ``pattern`` bear on ``stages``; ``because`` says how.

    ``slows`` tells from the two reports' values which of them it can slow.
    """

    pattern: str
    stages: frozenset[str]
    because: str
    slows: Callable[[Any, Any], Sides] = _any_side

    def bears_on(self, stage: str, name: str) -> bool:
        """Whether the fact ``name`` has to do with ``stage``."""
        return stage in self.stages and fnmatchcase(name, self.pattern)


CAUSES = (
    Cause("processor.name", _ALL, "another processor; no setting makes up for that"),
    Cause(
        "processor.usable_cores", _ALL, "fewer cores are shared by more processes", slows=_smaller
    ),
    Cause(
        "processor.simd",
        _ALL,
        "with fewer SIMD instructions numpy runs slower kernels",
        slows=_fewer_items,
    ),
    Cause("torch.cpu_capability", _MODEL, "torch runs the kernels of another SIMD level"),
    Cause("system.*", _ALL, "another system schedules, allocates and reads files otherwise"),
    Cause(
        "python.frozen",
        _START,
        "the frozen app unpacks its modules from an archive, and virus scanners look at it",
        slows=_true_one,
    ),
    Cause("python.version", _ALL, "another Python"),
    Cause(
        "variables.*_THREADS.value",
        _NUMBERS,
        "it sets how many threads compete for the cores; one each is measured to be the fastest",
        slows=_more_threads,
    ),
    Cause(
        "thread_pools.openblas*.threads",
        _PRODUCTS,
        "BLAS threads wait for each other",
        slows=_larger,
    ),
    Cause(
        "thread_pools.openblas*.architecture", _PRODUCTS, "BLAS runs another processor's kernels"
    ),
    Cause("thread_pools.openblas*.version", _PRODUCTS, "another BLAS"),
    Cause(
        "thread_pools.mkl*.threads", _PRODUCTS, "BLAS threads wait for each other", slows=_larger
    ),
    Cause("thread_pools.mkl*.version", _PRODUCTS, "another BLAS"),
    Cause(
        "thread_pools.openmp*.file",
        _MODEL,
        "it is another OpenMP runtime, or one too many: two have their threads fight",
        slows=_owner,
    ),
    Cause(
        "thread_pools.openmp*.threads", _MODEL, "OpenMP threads wait for each other", slows=_larger
    ),
    Cause("numpy_blas", _PRODUCTS, "numpy was built for another BLAS"),
    Cause("packages.numpy.version", _DECODE | _PRODUCTS, "another numpy"),
    Cause("torch.version", _MODEL, "another torch"),
    Cause("torch.device", _MODEL, "the model runs on another device"),
    Cause("torch.threads", _MODEL, "the model has more or fewer threads (--threads)"),
    Cause("torch.interop_threads", _MODEL, "--interop-threads differs"),
    Cause("torch.mkl_threads", _MODEL, "MKL threads wait for each other", slows=_larger),
    Cause("torch.precision", _MODEL, "--precision differs"),
    Cause("torch.build", _MODEL, "torch was built with other libraries"),
    Cause(
        "packages.numba.version",
        _START | _CQT,
        "numba compiles when it is first called",
        slows=_owner,
    ),
    Cause(
        "packages.*.version",
        _START,
        "another version, or none, has more or less to import",
        slows=_owner,
    ),
    Cause("audio.libsndfile", _DECODE, "another libsndfile decodes FLAC and Opus"),
    Cause("audio.ffmpeg", _DECODE, "another FFmpeg decodes MP3, M4A and AAC"),
    Cause("audio.ffmpeg_decoders", _DECODE, "another build of FFmpeg decodes MP3, M4A and AAC"),
    Cause("packages.av.version", _DECODE, "another PyAV"),
    Cause("audio.libsoxr", _RESAMPLE, "another soxr resamples"),
    Cause("packages.soxr.version", _RESAMPLE, "another soxr resamples"),
    Cause("model.sha256", _MODEL, "it is not the same model: the answers can differ, too"),
    Cause("filter_bank.sha256", _CQT, "not the same filters: the answers can differ, too"),
    Cause("variables.*.value", _NUMBERS, "it changes how libraries compute"),
)
"""The likeliest first; of several that bear on a stage by one fact, the first counts."""
