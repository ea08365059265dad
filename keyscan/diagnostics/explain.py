"""What explains a difference in speed between two reports, in plain words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from keyscan.diagnostics.compare import Comparison, Ratio

_ALL = frozenset(("start", "decode", "resample", "cqt", "inference"))
_START = frozenset(("start",))
_DECODE = frozenset(("decode",))
_CQT = frozenset(("cqt",))
_MODEL = frozenset(("inference",))
_NUMBERS = frozenset(("cqt", "inference"))
_UNEVEN = 1.25  # stages whose ratios lie closer together have one cause
_BUSY = 0.5  # processes per core more than in the other report
_FELT_SECONDS = 0.5
_ONE_TIME = 1.5  # a first file that takes so many times the later ones pays for something


@dataclass(frozen=True)
class Cause:
    """A fact whose name starts and ends so bears on some stages; ``because`` says how."""

    prefix: str
    suffix: str
    stages: frozenset[str]
    because: str


CAUSES = (
    Cause("processor.name", "", _ALL, "another processor; no setting makes up for that"),
    Cause("processor.usable_cores", "", _ALL, "fewer cores are shared by more processes"),
    Cause("processor.simd", "", _ALL, "with fewer SIMD instructions numpy runs slower kernels"),
    Cause("torch.cpu_capability", "", _MODEL, "torch runs the kernels of another SIMD level"),
    Cause("system.", "", _ALL, "another system schedules, allocates and reads files otherwise"),
    Cause(
        "python.frozen",
        "",
        _START,
        "the frozen app unpacks its modules from an archive, and virus scanners look at it",
    ),
    Cause("python.version", "", _ALL, "another Python"),
    Cause(
        "variables.",
        ".value",
        _NUMBERS,
        "it sets how many threads compete for the cores; one each is measured to be the fastest",
    ),
    Cause("thread_pools.openblas", ".threads", _CQT, "BLAS threads wait for each other"),
    Cause("thread_pools.openblas", ".architecture", _CQT, "BLAS runs another processor's kernels"),
    Cause("thread_pools.openblas", ".version", _CQT, "another BLAS"),
    Cause("thread_pools.mkl", "", _CQT, "another BLAS"),
    Cause(
        "thread_pools.openmp",
        ".file",
        _MODEL,
        "it is another OpenMP runtime, or one too many: two have their threads fight",
    ),
    Cause("thread_pools.openmp", ".threads", _MODEL, "OpenMP threads wait for each other"),
    Cause("numpy_blas", "", _CQT, "numpy was built for another BLAS"),
    Cause("packages.numpy", ".version", _CQT, "another numpy"),
    Cause("packages.torch", ".version", _MODEL, "another torch"),
    Cause("torch.version", "", _MODEL, "another torch"),
    Cause("torch.device", "", _MODEL, "the model runs on another device"),
    Cause("torch.threads", "", _MODEL, "the model has more or fewer threads (--threads)"),
    Cause("torch.interop_threads", "", _MODEL, "--interop-threads differs"),
    Cause("torch.mkl_threads", "", _MODEL, "MKL threads wait for each other"),
    Cause("torch.precision", "", _MODEL, "--precision differs"),
    Cause("torch.build", "", _MODEL, "torch was built with other libraries"),
    Cause("packages.numba", "", _START | _CQT, "numba compiles when it is first called"),
    Cause("packages.", ".version", _START, "another version has more or less to import"),
    Cause("audio.libsndfile", "", _DECODE, "another libsndfile decodes WAV, FLAC and Ogg"),
    Cause("audio.ffmpeg", "", _DECODE, "another FFmpeg decodes MP3, M4A and AAC"),
    Cause("packages.av", ".version", _DECODE, "another PyAV"),
    Cause("audio.libsoxr", "", frozenset(("resample",)), "another soxr resamples"),
    Cause("packages.soxr", ".version", frozenset(("resample",)), "another soxr resamples"),
    Cause("model.sha256", "", _MODEL, "it is not the same model: the answers can differ, too"),
    Cause("filter_bank.sha256", "", _CQT, "not the same filters: the answers can differ, too"),
)


def explain(comparison: Comparison) -> list[str]:
    """Paragraphs of plain words; the last thing that ``doctor --compare`` says."""
    slow = [ratio for ratio in comparison.ratios if ratio.matters]
    if not comparison.ratios:
        return ["The reports have no measurement in common: make both anew, with one version."]
    paragraphs = [*_warnings(comparison), *_first_files(comparison)]
    if not slow:
        paragraphs.append("Both are equally fast: no stage differs by more than chance.")
        return [*paragraphs, *_answers(comparison)]
    by_stage: dict[str, list[Ratio]] = {}
    for ratio in slow:
        by_stage.setdefault(_stage(ratio.name), []).append(ratio)
    by_stage.pop("", None)
    unexplained = []
    for stage, ratios in by_stage.items():
        reasons = _reasons(comparison, stage)
        paragraphs.append("\n".join([_sentence(comparison.names, stage, ratios), *reasons]))
        if not reasons:
            unexplained.append(stage)
    if unexplained:
        paragraphs.append(_chance(comparison, slow, unexplained))
    return [*paragraphs, *_answers(comparison)]


def _stage(name: str) -> str:
    """Which stage a measurement belongs to; none for those that are sums of others."""
    if name.startswith("imports.") or name in ("model_load", "warm_up"):
        return "start"
    last = name.rpartition(".")[2]
    return last if last in _ALL else ""


def _sentence(names: tuple[str, str], stage: str, ratios: list[Ratio]) -> str:
    first, second = (sum(ratio.seconds[i] for ratio in ratios) for i in (0, 1))
    slower, faster = (names[1], names[0]) if second > first else names
    times = max(first, second) / max(min(first, second), 1e-9)
    which = ", ".join(_short(ratio.name) for ratio in ratios)
    return f"{stage}: {slower} takes {times:.2f} times as long as {faster} ({which})."


def _short(name: str) -> str:
    parts = name.split(".")
    return parts[1] if parts[0] == "benchmark" else name.removeprefix("imports.")


def _reasons(comparison: Comparison, stage: str) -> list[str]:
    """A line for each fact that differs and bears on ``stage``, the likeliest first."""
    lines = []
    seen: set[str] = set()
    for cause in CAUSES:
        if stage not in cause.stages:
            continue
        for name, values in _differing(comparison):
            matches = name.startswith(cause.prefix) and name.endswith(cause.suffix)
            if matches and name not in seen:
                seen.add(name)
                lines.append(f"  - {name}: {_pair(values, comparison.names)}: {cause.because}.")
    return lines


def _differing(comparison: Comparison) -> Iterator[tuple[str, tuple[Any, Any]]]:
    for difference in comparison.different:
        yield difference.name, difference.values
    for name, value in comparison.only_first.items():
        yield name, (value, None)
    for name, value in comparison.only_second.items():
        yield name, (None, value)


def _pair(values: tuple[Any, Any], names: tuple[str, str]) -> str:
    if isinstance(values[0], list) and isinstance(values[1], list):
        parts = []
        for mine, other, name in ((*values, names[0]), (*reversed(values), names[1])):
            extra = [str(item) for item in mine if item not in other]
            parts.append(f"{', '.join(extra) or 'nothing'} only in {name}")
        return "; ".join(parts)
    return ", ".join(
        f"{'nothing' if value is None else value} in {name}"
        for value, name in zip(values, names, strict=True)
    )


def _warnings(comparison: Comparison) -> Iterator[str]:
    """Those that only one of the reports has."""
    first, second = comparison.warnings
    for name, mine, others in zip(comparison.names, (first, second), (second, first), strict=True):
        for warning in mine:
            if warning not in others:
                yield f"warning in {name}: {warning}."


def _first_files(comparison: Comparison) -> Iterator[str]:
    """What only the first file of a format pays for."""
    for position, name in enumerate(comparison.names):
        seconds = {ratio.name: ratio.seconds[position] for ratio in comparison.ratios}
        paid = []
        for key, first in seconds.items():
            total = seconds.get(key.removesuffix("first") + "total")
            if not key.endswith(".first") or not total:
                continue
            if first > _ONE_TIME * total and first - total > _FELT_SECONDS:
                paid.append(f"{_short(key)} {first:.2f} s instead of {total:.2f} s")
        if paid:
            yield (
                f"first file: {name} pays once for something ({'; '.join(paid)}): libraries read "
                "from the disk, a virus scanner, or a compiler such as numba's."
            )


def _chance(comparison: Comparison, slow: list[Ratio], stages: list[str]) -> str:
    loads = comparison.load_averages
    if None not in loads:
        a, b = (load or 0.0 for load in loads)
        if abs(a - b) > _BUSY:
            busy = comparison.names[0] if a > b else comparison.names[1]
            return (
                f"Nothing in the reports explains {', '.join(stages)}, but other processes kept "
                f"the machine busier in {busy} (load {a:.1f} and {b:.1f}): measure again."
            )
    ratios = [ratio.ratio for ratio in slow if ratio.name.startswith("benchmark.")]
    if ratios and max(ratios) < min(ratios) * _UNEVEN:
        return (
            "Every stage differs by about the same factor, and no fact in the reports explains "
            "it: a throttled processor, a power plan, or other programs. Measure again, in turns."
        )
    return (
        f"Nothing in the reports explains {', '.join(stages)}: measure again, one after the "
        "other, on an idle machine; what stays is worth a bug report with both files."
    )


def _answers(comparison: Comparison) -> Iterator[str]:
    names = {name for name, _ in _differing(comparison)}
    for name in ("model.sha256", "filter_bank.sha256"):
        if name in names:
            yield f"answers: {name} differs, so the keys may differ as well."
