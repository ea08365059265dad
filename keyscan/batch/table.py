"""A table for people: a line a track, as wide as the terminal, or as its longest line."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from keyscan.analysis import Analysis
from keyscan.display import clock, columns, fitted, shown, signed
from keyscan.keys import Harmony, Key, KeyStyle

_NAME = "track"  # the title of the first column
_GAP = "  "
_NAME_ROOM = 26  # columns of the terminal; names get so many before other columns stay
_LEAST_NAME = 8
_INDENT = "    "
_NOTHING = "-"
_LONGEST_KEY = len("F#/Gb minor")
_LEGEND = {
    "?": "doubtful: more likely wrong than right",
    "!": "the file is damaged, or its tuning is between two keys: see the line beneath",
    "c": "from the cache",
}


@dataclass(frozen=True)
class _Column:
    """Columns with the least ``give_way`` go first where there is no room; with 0 they stay."""

    title: str
    cell: Callable[[Analysis], str]
    give_way: int = 0
    right: bool = False


def table(tracks: Sequence[Analysis], style: KeyStyle, width: int | None) -> Iterator[str]:
    """The lines of the table; the warnings and the timeline of a track follow its line.

    ``width`` is that of the terminal in columns, None where there is none.
    """
    if not tracks:
        return
    names = names_of([track.path for track in tracks])
    every = _columns(style)
    rows = [[column.cell(track) for column in every] for track in tracks]
    sizes = [
        max(columns(column.title), *(columns(row[index]) for row in rows))
        for index, column in enumerate(every)
    ]
    longest = max(columns(_NAME), *map(columns, names))
    chosen = _chosen(every, sizes, longest, width)
    others = sum(sizes[index] + len(_GAP) for index in chosen)
    size = longest if width is None else min(longest, max(_LEAST_NAME, width - others))

    def line(first: str, cells: Sequence[str]) -> str:
        texts = [fitted(first, size)]
        for index in chosen:
            space = " " * (sizes[index] - columns(cells[index]))
            right = every[index].right
            texts.append(space + cells[index] if right else cells[index] + space)
        return _GAP.join(texts).rstrip()

    yield line(_NAME, [column.title for column in every])
    for track, name, row in zip(tracks, names, rows, strict=True):
        yield line(name, row)
        yield from _beneath(track, style)
    seen = {mark for track in tracks for mark in _marks(track)}
    legend = [f"{mark} {meaning}" for mark, meaning in _LEGEND.items() if mark in seen]
    if legend:
        yield ""
        yield from legend


def names_of(paths: Sequence[str]) -> list[str]:
    """The paths relative to the folder that all are in, fit to be shown."""
    absolute = [os.path.abspath(path) for path in paths]  # noqa: PTH100
    try:
        common = os.path.commonpath([os.path.dirname(path) for path in absolute])  # noqa: PTH120
    except ValueError:  # several drives
        return [shown(path) for path in absolute]
    return [shown(os.path.relpath(path, common)) for path in absolute]


def _columns(style: KeyStyle) -> list[_Column]:
    def compatible(harmony: Harmony) -> Callable[[Analysis], str]:
        def cell(track: Analysis) -> str:
            keys = [key for key, relation in track.compatible.items() if relation == harmony]
            return " ".join(map(style.code, keys)) or _NOTHING

        return cell

    def wheel(track: Analysis) -> str:
        return style.code(track.key) if track.tonal else _NOTHING

    return [
        _Column("Open Key" if style.notation == "openkey" else "Camelot", wheel),
        _Column("key", lambda track: _name(track, style)),
        _Column("sure", _sure, right=True),
        _Column("", _marks),
        _Column("or", lambda track: _second(track, style), give_way=4),
        _Column("cents", _tuning, give_way=1, right=True),
        _Column("rel.", compatible("relative"), give_way=3),
        _Column("+1", compatible("up"), give_way=3),
        _Column("-1", compatible("down"), give_way=3),
        _Column("boost", compatible("energy_boost"), give_way=2),
        _Column("length", lambda track: clock(track.duration), give_way=5, right=True),
    ]


def _chosen(
    every: Sequence[_Column], sizes: Sequence[int], longest: int, width: int | None
) -> list[int]:
    """The indices of the columns that fit beside the names."""
    # the column of marks may be empty
    chosen = [index for index, column in enumerate(every) if sizes[index]]
    if width is None:
        return chosen
    for first in sorted({column.give_way for column in every} - {0}):
        others = sum(sizes[index] + len(_GAP) for index in chosen)
        if width - others >= min(longest, _NAME_ROOM):
            break
        chosen = [index for index in chosen if every[index].give_way != first]
    return chosen


def _name(track: Analysis, style: KeyStyle) -> str:
    return _spelled(track.key, style) if track.tonal else "not tonal"


def _spelled(key: Key, style: KeyStyle) -> str:
    """``F#/Gb minor``: shorter than in replies."""
    names = [key.name(spelling).split() for spelling in ("sharps", "flats")]
    if style.spelling == "both" and names[0] != names[1]:
        return f"{names[0][0]}/{names[1][0]} {key.mode}"
    return key.name(style.spelling)


def _sure(track: Analysis) -> str:
    return _percent(track.confidence) if track.tonal else _NOTHING


def _second(track: Analysis, style: KeyStyle) -> str:
    if not track.alternatives or not track.tonal:
        return _NOTHING
    second = track.alternatives[0]
    return f"{style.code(second.key)} {_percent(second.confidence)}"


def _tuning(track: Analysis) -> str:
    cents = track.tuning_cents
    return _NOTHING if cents is None else signed(round(cents, 1))  # from the decimals of replies


def _marks(track: Analysis) -> str:
    marks = {
        "?": track.tonal and track.is_doubtful,
        "!": bool(track.warnings),
        "c": track.cached,
    }
    return "".join(mark for mark, applies in marks.items() if applies)


def _percent(probability: float) -> str:
    probability = round(probability, 4)  # from the decimals of replies
    return ">99%" if probability > 0.995 else f"{100 * probability:.0f}%"


def _beneath(track: Analysis, style: KeyStyle) -> Iterator[str]:
    for warning in track.warnings:
        yield f"{_INDENT}! {shown(warning.message)}"
    if track.timeline is None:
        return
    parts = [(f"{clock(part.start)}-{clock(part.end)}", part) for part in track.timeline.segments]
    parts += [("intro", track.timeline.intro), ("outro", track.timeline.outro)]
    for title, part in parts:
        wheel, name = style.code(part.key), _spelled(part.key, style)
        sure = _percent(part.confidence)
        yield f"{_INDENT}{title:>15}  {wheel:3}  {name:{_LONGEST_KEY}}  {sure:>4}"
