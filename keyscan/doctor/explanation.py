"""A comparison becomes paragraphs in plain words: which stage is slow, and what explains it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from operator import neg
from typing import Any

from keyscan.doctor.comparison import MEASURED, Comparison, Ratio, differing_facts
from keyscan.doctor.report import REFERENCE_MODULES

_BENCHMARK_STAGES = ("decode", "resample", "cqt", "inference")
_UNEVEN = 1.25  # stages whose ratios lie closer together have one cause
_BUSY = 0.5  # processes more than in the other report that want a core
_FELT_SECONDS = 0.5
_ONE_TIME = 1.5  # a first file that takes this many times the later ones pays for something


@dataclass(frozen=True)
class Cause:
    """Facts whose dotted names match ``pattern`` can slow ``stages``; ``because`` says how.

    ``cost`` ranks a value of the fact; None means that there is nothing to rank.
    """

    pattern: str
    stages: str
    because: str
    cost: Callable[[Any], float | None] = lambda _: 0

    def slows(self, values: Sequence[Any]) -> Collection[int]:
        """The reports, 0 and 1, that the fact can slow: that of the greater cost, or either."""
        try:
            first, second = map(self.cost, values)
        except (TypeError, ValueError):
            return (0, 1)
        if first is None or second is None:
            return ()
        return (0, 1) if first == second else (int(second > first),)


def _number(value: Any) -> float | None:
    return value if isinstance(value, int | float) else None


def _threads(value: Any) -> float:
    """Of a variable; without one, a library takes all cores."""
    return float("inf") if value is None else int(value)


_ALL = "start decode resample cqt inference"
_PRODUCTS = "resample cqt"
_NUMBERS = "resample cqt inference"
# fmt: off
_CAUSES = (
    Cause("processor.name", _ALL, "another processor; no setting makes up for that"),
    Cause("processor.usable_cores", _ALL, "fewer cores are shared by more processes", neg),
    Cause("processor.simd", _ALL, "with fewer SIMD instructions numpy runs slower kernels",
          lambda names: -len(names)),
    Cause("torch.cpu_capability", "inference", "torch runs the kernels of another SIMD level"),
    Cause("system.*", _ALL, "another system schedules, allocates and reads files differently"),
    Cause("python.frozen", "start",
          "the frozen app unpacks its modules from an archive, and virus scanners look at it",
          bool),
    Cause("python.version", _ALL, "another Python"),
    Cause("variables.*_THREADS.value", _NUMBERS,
          "it sets how many threads compete for the cores; one each is measured to be the fastest",
          _threads),
    Cause("thread_pools.openblas*.threads", _PRODUCTS, "BLAS threads wait for each other", _number),
    Cause("thread_pools.openblas*.architecture", _PRODUCTS,
          "BLAS runs another processor's kernels"),
    Cause("thread_pools.openblas*.version", _PRODUCTS, "another BLAS"),
    Cause("thread_pools.mkl*.threads", _PRODUCTS, "BLAS threads wait for each other", _number),
    Cause("thread_pools.mkl*.version", _PRODUCTS, "another BLAS"),
    Cause("thread_pools.openmp*.file", "inference",
          "another OpenMP runtime, or a second one, whose threads compete with those of the first",
          bool),
    Cause("thread_pools.openmp*.threads", "inference", "OpenMP threads wait for each other",
          _number),
    Cause("numpy_blas", _PRODUCTS, "numpy was built for another BLAS"),
    Cause("packages.numpy.version", "decode resample cqt", "another numpy"),
    Cause("torch.version", "inference", "another torch"),
    Cause("torch.device", "inference", "the model runs on another device"),
    Cause("torch.threads", "inference", "the model has more or fewer threads (--threads)"),
    Cause("torch.interop_threads", "inference", "--interop-threads differs"),
    Cause("torch.mkl_threads", "inference", "MKL threads wait for each other", _number),
    Cause("torch.precision", "inference", "--precision differs"),
    Cause("torch.build", "inference", "torch was built with other libraries"),
    Cause("packages.numba.version", "start cqt", "numba compiles when it is first called", bool),
    Cause("packages.*.version", "start",
          "another version, or none, has more or less to import", bool),
    Cause("audio.libsndfile", "decode", "another libsndfile reads WAV and AIFF"),
    Cause("audio.ffmpeg", "decode", "another FFmpeg decodes FLAC, MP3 and M4A"),
    Cause("audio.ffmpeg_decoders", "decode", "another build of FFmpeg decodes FLAC, MP3 and M4A"),
    Cause("packages.av.version", "decode", "another PyAV"),
    Cause("audio.libsoxr", "resample", "another soxr resamples"),
    Cause("packages.soxr.version", "resample", "another soxr resamples"),
    Cause("model.sha256", "inference", "it is not the same model: the answers can differ, too"),
    Cause("filter_bank.sha256", "cqt", "not the same filters: the answers can differ, too"),
    Cause("variables.*.value", _NUMBERS, "it changes how libraries compute"),
)
# fmt: on
"""The likeliest first; of several that match one fact and stage, the first counts."""


def explain(comparison: Comparison) -> list[str]:
    """Paragraphs in plain words; the last part of what ``doctor --compare`` prints."""
    differing = differing_facts(comparison)
    files = [name for name in ("model.sha256", "filter_bank.sha256") if name in differing]
    answers = [f"answers: {name} differs, so the keys may differ as well." for name in files]
    texts, paragraphs = comparison.warnings, []
    for name, mine, others in zip(comparison.names, texts, reversed(texts), strict=True):
        paragraphs += [f"warning in {name}: {text}." for text in mine if text not in others]
    paragraphs += _measured_once(comparison)
    if not comparison.ratios:
        nothing = "The reports have no measurement in common: make both again, alike."
        return [*paragraphs, nothing, *answers]
    paragraphs += _first_files(comparison)
    slow = _slow_stages(comparison.ratios)
    unexplained = []
    for whole, parts in slow.items():
        slower, faster = comparison.names[whole.slower], comparison.names[1 - whole.slower]
        times = whole.seconds[whole.slower] / max(whole.seconds[1 - whole.slower], 1e-9)
        where = ", ".join(_short(part.name) for part in parts)
        sentence = f"{whole.name}: {slower} takes {times:.2f} times as long as {faster} ({where})."
        reasons = _reasons(differing, whole, comparison.names)
        paragraphs.append("\n".join([sentence, *reasons]))
        if not reasons:
            unexplained.append(whole)
    if not slow and any(ratio.matters for ratio in comparison.ratios):
        paragraphs.append("Both are equally fast: some measurements differ (<- above), but no "
                          "stage of the server by more than chance.")  # fmt: skip
    elif not slow:
        paragraphs.append("Both are equally fast: no stage differs by more than chance.")
    return [*paragraphs, *_chance(comparison, slow, unexplained), *answers]


def _slow_stages(ratios: Collection[Ratio]) -> dict[Ratio, list[Ratio]]:
    """The sums of the stages that differ, with the measurements that differ the same way."""
    stages: dict[str, list[Ratio]] = {}
    for ratio in ratios:
        if stage := _stage(ratio.name):
            stages.setdefault(stage, []).append(ratio)
    slow = {}
    for stage, parts in stages.items():
        first, second = map(sum, zip(*(part.seconds for part in parts), strict=True))
        whole = Ratio(stage, (first, second))
        same_way = [part for part in parts if part.matters and part.slower == whole.slower]
        if whole.matters and same_way:
            slow[whole] = same_way
    return slow


def _stage(name: str) -> str:
    """The stage that a measurement is part of; "" for totals, and for modules of the reference
    engine, which a server does not load by default."""
    if name.startswith("imports.") or name in ("model_load", "warm_up"):
        return "" if name.removeprefix("imports.") in REFERENCE_MODULES else "start"
    last = name.rpartition(".")[2]
    return last if last in _BENCHMARK_STAGES else ""


def _short(name: str) -> str:
    parts = name.split(".")
    return parts[1] if parts[0] == "benchmark" else name.removeprefix("imports.")


def _reasons(
    differing: Mapping[str, Sequence[Any]], whole: Ratio, names: tuple[str, str]
) -> list[str]:
    """A line for each fact that can make the slower report slow in that stage."""
    left, lines = dict(differing), []
    for cause in _CAUSES:
        if whole.name not in cause.stages.split():
            continue
        for name in [name for name in left if fnmatchcase(name, cause.pattern)]:
            values = left.pop(name)
            if whole.slower in cause.slows(values):
                lines.append(f"  - {name}: {_pair(values, names)}: {cause.because}.")
    return lines


def _pair(values: Sequence[Any], names: tuple[str, str]) -> str:
    if isinstance(values[0], list) and isinstance(values[1], list):
        parts = []
        for mine, other, name in ((*values, names[0]), (*reversed(values), names[1])):
            extra = [str(item) for item in mine if item not in other]
            parts.append(f"{', '.join(extra) or 'nothing'} only in {name}")
        return "; ".join(parts)
    first, second = ("nothing" if value is None else value for value in values)
    return f"{first} in {names[0]}, {second} in {names[1]}"


def _measured_once(comparison: Comparison) -> Iterator[str]:
    """What only one report has measured; a format that only one has is named once."""
    common = {_short(ratio.name) for ratio in comparison.ratios}
    both = (comparison.only_first, comparison.only_second)
    for name, facts in zip(comparison.names, both, strict=True):
        measured = [key.partition(".")[2] for key in facts if key.startswith(f"{MEASURED}.")]
        what = dict.fromkeys(key if _short(key) in common else _short(key) for key in measured)
        if what:
            verb = "was" if len(what) == 1 else "were"
            yield f"{', '.join(what)} {verb} measured in {name} only."


# fmt: off
def _first_files(comparison: Comparison) -> Iterator[str]:
    """What only the first file of a format pays for."""
    for side, name in enumerate(comparison.names):
        seconds = {ratio.name: ratio.seconds[side] for ratio in comparison.ratios}
        paid = []
        for key in (key for key in seconds if key.endswith(".first")):
            first, later = seconds[key], seconds.get(key.removesuffix("first") + "total")
            if later and first > _ONE_TIME * later and first - later > _FELT_SECONDS:
                paid.append(f"{_short(key)} {first:.2f} s instead of {later:.2f} s")
        if paid:
            yield (f"first file: {name} pays once for something ({'; '.join(paid)}): libraries "
                   "read from the disk, a virus scanner, or a compiler such as numba's.")


def _chance(
    comparison: Comparison, slow: Collection[Ratio], unexplained: list[Ratio]
) -> Iterator[str]:
    """What may have slowed the stages that no fact explains; ``slow`` are all slow stages."""
    rest = [whole.name for whole in unexplained]
    first, second = comparison.load_averages
    if first is not None and second is not None and abs(first - second) > _BUSY:
        busier = int(second > first)
        busy = [whole.name for whole in unexplained if whole.slower == busier]
        rest = [whole.name for whole in unexplained if whole.slower != busier]
        if busy:
            yield (f"Nothing in the reports explains {', '.join(busy)}, but other processes kept "
                   f"the machine busier in {comparison.names[busier]} (load {first:.1f} and "
                   f"{second:.1f}): measure again.")
    if not rest:
        return
    ratios = [whole.ratio for whole in slow if whole.name in _BENCHMARK_STAGES]
    if len(ratios) == len(_BENCHMARK_STAGES) and max(ratios) < min(ratios) * _UNEVEN:
        yield ("Every stage differs by about the same factor, and no fact in the reports explains "
               f"{', '.join(rest)}: a throttled processor, a power plan, or other programs. "
               "Measure again, in turns.")
    else:
        yield (f"Nothing in the reports explains {', '.join(rest)}: measure again, one after the "
               "other, on an idle machine; if it stays, file a bug report with both files.")
# fmt: on
