"""What came of a run, in numbers: how many, how fast, which keys, and what failed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from keyscan.analyze.tracks import Track, code
from keyscan.display import clock
from keyscan.keys import KEYS, Key, KeyStyle
from keyscan.reply import Message

_LONGEST_BAR = 24


@dataclass(frozen=True)
class Summary:
    """Counts of files; ``analysed`` without those from the cache, ``not_reached`` for Ctrl-C.

    ``keys`` holds those of all tracks with one, ``failed`` how many failed by their code, and
    ``seconds`` the time from the first file to the last.
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

    @property
    def rate(self) -> float:
        """Files a second."""
        done = self.files - self.not_reached
        return done / self.seconds if self.seconds > 0 else 0.0

    def to_dict(self) -> Message:
        """For JSON; keys in Camelot."""
        return {
            "files": self.files,
            "analysed": self.analysed,
            "from_cache": self.from_cache,
            "left_out": self.left_out,
            "not_tonal": self.not_tonal,
            "not_reached": self.not_reached,
            "failed": self.failed,
            "keys": {key.camelot: number for key, number in self.keys.items()},
            "seconds": round(self.seconds, 3),
            "files_per_second": round(self.rate, 3),
        }


def summarize(
    tracks: Sequence[Track], *, files: int, seconds: float, leave_out_cached: bool
) -> Summary:
    """``tracks`` are all that were answered, of ``files``."""
    done = [track for track in tracks if track.analysed]
    cached = sum(track.cached for track in done)
    keys = Counter(track.key for track in done if track.tonal)
    failed = Counter(track.code for track in tracks if not track.analysed)
    return Summary(
        files=files,
        analysed=len(done) - cached,
        from_cache=cached,
        left_out=cached if leave_out_cached else 0,
        not_tonal=sum(not track.tonal for track in done),
        not_reached=files - len(tracks),
        failed=dict(failed.most_common()),
        keys={key: keys[key] for key in in_camelot_order() if keys[key]},
        seconds=seconds,
    )


def in_camelot_order() -> list[Key]:
    """1A, 1B, 2A ... 12B."""
    return sorted(KEYS, key=lambda key: (key.hour, key.camelot))


def summary_lines(summary: Summary, style: KeyStyle) -> Iterator[str]:
    """For people, the keys last."""
    counts = [f"{summary.analysed:,} analysed"]
    if summary.from_cache:
        left_out = ", not listed" if summary.left_out else ""
        counts.append(f"{summary.from_cache:,} from the cache{left_out}")
    if summary.failed:
        counts.append(f"{sum(summary.failed.values()):,} failed")
    if summary.not_reached:
        counts.append(f"{summary.not_reached:,} not reached")
    files = f"{summary.files:,} file{'' if summary.files == 1 else 's'}"
    speed = f"{_duration(summary.seconds)}, {summary.rate:.1f} files a second"
    yield f"{files}: {', '.join(counts)} ({speed})"
    if summary.failed:
        yield "failed: " + ", ".join(
            f"{number:,} {name}" for name, number in summary.failed.items()
        )
    if sum(summary.keys.values()) > 1:
        yield "keys:"
        yield from _histogram(summary.keys, style)
    if summary.not_tonal:
        yield f"  not tonal (drums, speech, noise): {summary.not_tonal:,}"


def _histogram(keys: dict[Key, int], style: KeyStyle) -> Iterator[str]:
    """A line for each hour of the wheel at which there is a track, minor and major side by side."""
    most = max(keys.values())
    digits = len(f"{most:,}")

    def bar(key: Key) -> str:
        number = keys.get(key, 0)
        if not number:
            return ""
        length = -(-number * min(_LONGEST_BAR, most) // most)  # at least one for what there is
        return f"{code(key, style):>3} {number:{digits},} {'#' * length}"

    for minor, major in zip(KEYS[:12], KEYS[12:], strict=True):
        if minor in keys or major in keys:
            size = _LONGEST_BAR + digits + 5
            yield f"  {bar(minor):{size}}  {bar(major)}".rstrip()


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{clock(seconds)} {'min' if seconds < 3600 else 'h'}"
