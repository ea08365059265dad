"""What became of the files: an ``Analysis`` or a failure each, their order, and their summary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Literal

from keyscan.analysis import Analysis, Message, Segment, Timeline
from keyscan.batch.tags import tag_counts, tag_lines
from keyscan.errors import AnalysisError, AnalysisWarning
from keyscan.keys import KEYS, Key, KeyStyle, smooth_path
from keyscan.options import Order
from keyscan.output import clock, shown
from keyscan.terminal import Paint, wrapped

Skipped = Literal["other_files", "hidden", "system_folders", "subfolders", "repeated", "excluded"]
"""Why a file or a folder is not analysed; the names are those of the summary in JSON."""

_SKIPPED: dict[Skipped, tuple[str, str]] = {  # one, several
    "other_files": ("other file", "other files"),
    "hidden": ("hidden file or folder", "hidden files and folders"),
    "system_folders": ("folder of the system", "folders of the system"),
    "subfolders": ("subfolder", "subfolders"),
    "repeated": ("file found again", "files found again"),
    "excluded": ("excluded file or folder", "excluded files and folders"),
}
_LONGEST_BAR = 24
_INDENT = "  "
_PLAIN = Paint()
_MOST_NAMES = 3
_BETWEEN = AnalysisWarning("between_keys", "the music is tuned half-way between two keys")
"""The warning where neither key is shown."""


@dataclass(frozen=True, slots=True)
class Failed:
    """A file without a key, or a folder that cannot be read."""

    path: str
    error: AnalysisError


Result = Analysis | Failed


def ordered(results: Sequence[Result], order: Order) -> list[Result]:
    """``given``: as they are; ``key``: 1A, 1B, 2A ... 12B; ``mix``: few steps on the wheel in all.

    By key and to mix, files without one come last: first drums and speech, then failures.
    """
    if order == "given":
        return list(results)
    analysed = analyses(results)
    tonal = [analysis for analysis in analysed if analysis.has_key]
    if order == "key":
        tonal.sort(key=lambda analysis: _camelot_order(analysis.key))
    else:
        tonal = [tonal[index] for index in smooth_path([analysis.key for analysis in tonal])]
    others = [analysis for analysis in analysed if not analysis.has_key]
    return [*tonal, *others, *failures(results)]


def analyses(results: Sequence[Result]) -> list[Analysis]:
    """The files that have been analysed."""
    return [result for result in results if isinstance(result, Analysis)]


def failures(results: Sequence[Result]) -> list[Failed]:
    """The files that have not."""
    return [result for result in results if isinstance(result, Failed)]


def withhold(result: Result, least: float) -> Result:
    """``result`` without keys of a lower confidence, of the track and of parts of its timeline."""
    if isinstance(result, Failed):
        return result

    def sure(part: Segment) -> Segment:
        return part if part.confidence >= least else replace(part, key=None)

    timeline = result.timeline
    if timeline is not None:
        parts = tuple(map(sure, timeline.segments))
        timeline = Timeline(parts, sure(timeline.intro), sure(timeline.outro))
    withheld, warnings = result.tonal and result.confidence < least, result.warnings
    if withheld:  # the message speaks of "this key"
        warnings = tuple(_BETWEEN if w.code == _BETWEEN.code else w for w in warnings)
    return replace(result, withheld=withheld, warnings=warnings, timeline=timeline)


@dataclass(frozen=True)
class RunSummary:
    """The counts of one run.

    Attributes:
        files: found, unreadable folders among them.
        analysed: without those from the cache.
        from_cache: answered from the cache.
        left_out: of those from the cache, not listed.
        not_tonal: drums, speech and noise.
        unsure: tonal, with a key that is withheld.
        doubtful: the paths of tracks whose key is shown, but more likely wrong than right.
        warned: the paths of tracks with a warning.
        not_reached: before a signal.
        failed: by error code, the most common first.
        keys: of what has a key, in Camelot order.
        seconds: from the first file to the last.
        skipped: what was left out while files were looked for.
        tags: what ``tag_counts`` gives.
    """

    files: int
    analysed: int
    from_cache: int
    left_out: int
    not_tonal: int
    not_reached: int
    failed: dict[str, int]
    keys: dict[Key, int]
    seconds: float
    skipped: dict[Skipped, int]
    unsure: int = 0
    doubtful: Sequence[str] = ()
    warned: Sequence[str] = ()
    tags: dict[str, int] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Files a second, failures too."""
        done = self.files - self.not_reached
        return done / self.seconds if self.seconds else 0.0

    def fields(self) -> Message:
        """For JSON; keys in Camelot."""
        return {
            **vars(self),
            "keys": {key.camelot: number for key, number in self.keys.items()},
            "seconds": round(self.seconds, 3),
            "files_per_second": round(self.rate, 3),
            "doubtful": len(self.doubtful),
            "warned": len(self.warned),
        }


def summarize(
    results: Sequence[Result], *, files: int, seconds: float, leave_out_cached: bool,
    skipped: Mapping[Skipped, int] = MappingProxyType({}),
) -> RunSummary:  # fmt: skip
    """The counts of ``results``, which are all that there are for the ``files`` found."""
    analysed = analyses(results)
    cached = sum(analysis.cached for analysis in analysed)
    failed = Counter(failure.error.code for failure in failures(results))
    keys = Counter(analysis.key for analysis in analysed if analysis.has_key)
    return RunSummary(
        files=files,
        analysed=len(analysed) - cached,
        from_cache=cached,
        left_out=cached if leave_out_cached else 0,
        not_tonal=sum(not analysis.tonal for analysis in analysed),
        not_reached=files - len(results),
        failed=dict(failed.most_common()),
        keys={key: keys[key] for key in sorted(keys, key=_camelot_order)},
        seconds=seconds,
        skipped={kind: skipped[kind] for kind in _SKIPPED if skipped.get(kind)},
        unsure=sum(analysis.withheld for analysis in analysed),
        doubtful=[a.path for a in analysed if a.has_key and a.is_doubtful],
        warned=[analysis.path for analysis in analysed if analysis.warnings],
        tags=tag_counts(analysed),
    )


def summary_lines(
    summary: RunSummary, style: KeyStyle, width: int | None = None, paint: Paint = _PLAIN
) -> Iterator[str]:
    """For people, the keys last; ``width`` is that of the terminal in columns, if there is one."""
    counts = {
        "analysed": summary.analysed,
        f"from the cache{', not listed' if summary.left_out else ''}": summary.from_cache,
        "failed": sum(summary.failed.values()),
        "not reached": summary.not_reached,
    }
    texts = [f"{n:,} {name}" for name, n in counts.items() if n or name == "analysed"]
    files = f"{summary.files:,} file{'' if summary.files == 1 else 's'}"
    speed = f"{_duration(summary.seconds)}, {summary.rate:.1f} files a second"
    yield from wrapped(f"{files}: {', '.join(texts)} ({speed})", width, _INDENT)
    if summary.skipped:
        yield from wrapped(left_out(summary), width, _INDENT)
    if summary.failed:
        codes = ", ".join(f"{count:,} {code}" for code, count in summary.failed.items())
        yield from map(paint.failure, wrapped(f"failed: {codes}", width, _INDENT))
    for line in tag_lines(summary.tags):
        yield from wrapped(line, width, _INDENT)
    for paths, one, several in (
        (summary.doubtful, "doubtful key (?)", "doubtful keys (?)"),
        (summary.warned, "file with a warning (!)", "files with a warning (!)"),
    ):
        if paths:
            yield from wrapped(_look_at(paths, one, several), width, _INDENT)
    if sum(summary.keys.values()) > 1:
        yield "keys:"
        yield from _histogram(summary.keys, style, width, paint)
    if summary.not_tonal:
        text = f"{_INDENT}not tonal (drums, speech, noise): {summary.not_tonal:,}"
        yield from wrapped(text, width, 2 * _INDENT)
    if summary.unsure:
        text = f"{_INDENT}unsure (below --min-confidence): {summary.unsure:,}"
        yield from wrapped(text, width, 2 * _INDENT)


def _look_at(paths: Sequence[str], one: str, several: str) -> str:
    """What a person should look at, with the first few names and the mark in the table."""
    names = [shown(path) for path in paths[:_MOST_NAMES]]
    if more := len(paths) - len(names):
        names.append(f"{more:,} more")
    return f"look at {len(paths):,} {several if len(paths) > 1 else one}: {', '.join(names)}"


def left_out(summary: RunSummary) -> str:
    """What was left out while files were looked for, for people; empty if nothing was."""
    skipped = [f"{n:,} {_SKIPPED[kind][n > 1]}" for kind, n in summary.skipped.items()]
    return f"left out: {', '.join(skipped)}" if skipped else ""


def _histogram(
    keys: dict[Key, int], style: KeyStyle, width: int | None, paint: Paint
) -> Iterator[str]:
    """A line for each Camelot number that has a track, minor and major side by side."""
    most = max(keys.values())
    digits = len(f"{most:,}")
    longest = _LONGEST_BAR
    if width is not None:
        longest = max(1, min(longest, width // 2 - len(_INDENT) - digits - 5))
    bars = {}
    for key, count in keys.items():
        length = -(-count * min(longest, most) // most)  # rounded up: at least one
        bars[key] = f"{style.code(key):>3} {count:{digits},} {'#' * length}"
    for minor, major in zip(KEYS[:12], KEYS[12:], strict=True):
        if major in bars:
            left = f"{bars.get(minor, ''):{longest + digits + 5}}"
            yield f"{_INDENT}{paint.key(left, minor)}{_INDENT}{paint.key(bars[major], major)}"
        elif minor in bars:
            yield f"{_INDENT}{paint.key(bars[minor], minor)}"


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{clock(seconds)} {'min' if seconds < 3600 else 'h'}"


def _camelot_order(key: Key) -> tuple[int, str]:
    return key.camelot_number, key.camelot
