"""What explains a difference in speed between two reports, in plain words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import PureWindowsPath
from typing import Any

from keyscan.doctor.causes import BENCHMARK_STAGES, CAUSES, START
from keyscan.doctor.comparison import MEASURED, Comparison, Ratio
from keyscan.doctor.import_times import REFERENCE_MODULES

_UNEVEN = 1.25  # stages whose ratios lie closer together have one cause
_BUSY = 0.5  # more processes that want a core than in the other report
_FELT_SECONDS = 0.5
_ONE_TIME = 1.5  # a first file that takes so many times the later ones pays for something


def explain(comparison: Comparison) -> list[str]:
    """Paragraphs of plain words; the last thing that ``doctor --compare`` says."""
    paragraphs = [*_warnings(comparison), *_measured_once(comparison)]
    if not comparison.ratios:
        paragraphs.append("The reports have no measurement in common: make both anew, alike.")
        return [*paragraphs, *_answers(comparison)]
    paragraphs += _first_files(comparison)
    stages = _slow_stages(comparison)
    unexplained = {}
    for stage, whole in stages.items():
        reasons = _reasons(comparison, stage, _slower(whole))
        paragraphs.append("\n".join([_sentence(comparison, whole), *reasons]))
        if not reasons:
            unexplained[stage] = whole
    if not stages:
        paragraphs.append(_equally_fast(comparison))
    paragraphs += _chance(comparison, stages, unexplained)
    return [*paragraphs, *_answers(comparison)]


def _slow_stages(comparison: Comparison) -> dict[str, Ratio]:
    """The sums of the stages that differ, and of whose measurements one differs the same way."""
    sums: dict[str, tuple[float, float]] = {}
    for ratio in comparison.ratios:
        if stage := _stage(ratio.name):
            first, second = sums.get(stage, (0.0, 0.0))
            sums[stage] = first + ratio.seconds[0], second + ratio.seconds[1]
    wholes = (Ratio(stage, seconds) for stage, seconds in sums.items())
    return {w.name: w for w in wholes if w.matters and _slow_parts(comparison, w)}


def _slow_parts(comparison: Comparison, whole: Ratio) -> list[Ratio]:
    return [
        ratio
        for ratio in comparison.ratios
        if _stage(ratio.name) == whole.name and ratio.matters and _slower(ratio) == _slower(whole)
    ]


def _slower(ratio: Ratio) -> int:
    """0 for the first report, 1 for the second."""
    return int(ratio.seconds[1] > ratio.seconds[0])


def _stage(name: str) -> str:
    """Which stage a measurement belongs to; none for sums of others, and for what a server loads
    only with the reference engine."""
    if name.startswith("imports.") or name in ("model_load", "warm_up"):
        return "" if name.removeprefix("imports.") in REFERENCE_MODULES else START
    last = name.rpartition(".")[2]
    return last if last in BENCHMARK_STAGES else ""


def _sentence(comparison: Comparison, whole: Ratio) -> str:
    slower = _slower(whole)
    names, seconds = comparison.names, whole.seconds
    times = seconds[slower] / max(seconds[1 - slower], 1e-9)
    which = ", ".join(_short(ratio.name) for ratio in _slow_parts(comparison, whole))
    return (
        f"{whole.name}: {names[slower]} takes {times:.2f} times as long as {names[1 - slower]} "
        f"({which})."
    )


def _equally_fast(comparison: Comparison) -> str:
    if any(ratio.matters for ratio in comparison.ratios):
        return (
            "Both are equally fast: some measurements differ (<- above), but no stage of the "
            "server by more than chance."
        )
    return "Both are equally fast: no stage differs by more than chance."


def _short(name: str) -> str:
    parts = name.split(".")
    return parts[1] if parts[0] == "benchmark" else name.removeprefix("imports.")


def _reasons(comparison: Comparison, stage: str, slower: int) -> list[str]:
    """A line for each fact that can make ``stage`` slow in that report, the likeliest first."""
    lines = []
    seen = set()
    for cause in CAUSES:
        for name, values in _differing(comparison):
            if name in seen or not cause.bears_on(stage, name):
                continue
            seen.add(name)
            if slower in cause.slows(*values):
                lines.append(f"  - {name}: {_pair(values, comparison.names)}: {cause.because}.")
    return lines


def _differing(comparison: Comparison) -> Iterator[tuple[str, tuple[Any, Any]]]:
    """Facts that differ, but for versions that one report does not know."""
    for difference in comparison.different:
        unknown = difference.name.endswith(".version") and None in difference.values
        if not unknown and not _is_runtime(difference.name):
            yield difference.name, difference.values
    for name, value in comparison.only_first.items():
        if not _is_runtime(name):
            yield name, (value, None)
    for name, value in comparison.only_second.items():
        if not _is_runtime(name):
            yield name, (None, value)
    yield from _different_runtimes(comparison)


def _is_runtime(name: str) -> bool:
    return name.startswith("thread_pools.openmp") and name.endswith(".file")


def _different_runtimes(comparison: Comparison) -> Iterator[tuple[str, tuple[Any, Any]]]:
    """OpenMP runtimes that one report alone has, wherever the other is installed."""
    files = [_runtimes(comparison, side) for side in (0, 1)]
    alone: dict[str, list[str | None]] = {}
    for side in (0, 1):
        others = Counter(map(_base_name, files[1 - side].values()))
        for name, file in files[side].items():
            if others[_base_name(file)]:
                others[_base_name(file)] -= 1
            else:
                alone.setdefault(name, [None, None])[side] = file
    for name, (first, second) in alone.items():
        yield name, (first, second)


def _runtimes(comparison: Comparison, side: int) -> dict[str, str]:
    facts = {
        **comparison.same,
        **{difference.name: difference.values[side] for difference in comparison.different},
        **(comparison.only_first, comparison.only_second)[side],
    }
    return {name: file for name, file in facts.items() if _is_runtime(name)}


def _base_name(file: object) -> str:
    return PureWindowsPath(str(file)).name  # which takes either slash for one


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


def _measured_once(comparison: Comparison) -> Iterator[str]:
    """What only one of the reports has measured; a format in one word."""
    common = {_short(ratio.name) for ratio in comparison.ratios}
    for name, facts in zip(
        comparison.names, (comparison.only_first, comparison.only_second), strict=True
    ):
        prefix = f"{MEASURED}."
        measured = [key.removeprefix(prefix) for key in facts if key.startswith(prefix)]
        what = list(
            dict.fromkeys(key if _short(key) in common else _short(key) for key in measured)
        )
        if what:
            verb = "was" if len(what) == 1 else "were"
            yield f"{', '.join(what)} {verb} measured in {name} only."


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


def _chance(
    comparison: Comparison, stages: Mapping[str, Ratio], unexplained: Mapping[str, Ratio]
) -> Iterator[str]:
    """What may have slowed the stages that no fact explains; ``stages`` are all slow ones."""
    rest = list(unexplained)
    loads = comparison.load_averages
    if loads[0] is not None and loads[1] is not None and abs(loads[0] - loads[1]) > _BUSY:
        busier = int(loads[1] > loads[0])
        busy = [stage for stage, whole in unexplained.items() if _slower(whole) == busier]
        rest = [stage for stage in unexplained if stage not in busy]
        if busy:
            yield (
                f"Nothing in the reports explains {', '.join(busy)}, but other processes kept the "
                f"machine busier in {comparison.names[busier]} (load {loads[0]:.1f} and "
                f"{loads[1]:.1f}): measure again."
            )
    if not rest:
        return
    ratios = [stages[stage].ratio for stage in BENCHMARK_STAGES if stage in stages]
    if len(ratios) == len(BENCHMARK_STAGES) and max(ratios) < min(ratios) * _UNEVEN:
        yield (
            "Every stage differs by about the same factor, and no fact in the reports explains "
            f"{', '.join(rest)}: a throttled processor, a power plan, or other programs. Measure "
            "again, in turns."
        )
    else:
        yield (
            f"Nothing in the reports explains {', '.join(rest)}: measure again, one after the "
            "other, on an idle machine; what stays is worth a bug report with both files."
        )


def _answers(comparison: Comparison) -> Iterator[str]:
    names = {name for name, _ in _differing(comparison)}
    for name in ("model.sha256", "filter_bank.sha256"):
        if name in names:
            yield f"answers: {name} differs, so the keys may differ as well."
