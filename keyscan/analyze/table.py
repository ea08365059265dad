"""A table for people: a line a track, as wide as the terminal; full names where there is none."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from keyscan.analyze.tracks import Track, code, guess
from keyscan.display import clock, columns, fitted, shown
from keyscan.keys import Harmony, Key, KeyStyle
from keyscan.reply import Message

_GAP = "  "
_NAME_ROOM = 26  # columns that a name should have before others give way to it
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
    """``give_way``: which columns go first where there is no room, 1 before 2; 0 stays."""

    title: str
    cell: Callable[[Track], str]
    give_way: int = 0
    right: bool = False


def table(tracks: Sequence[Track], style: KeyStyle, width: int | None) -> Iterator[str]:
    """The lines of the table of ``tracks`` that have been analysed.

    ``width`` is that of the terminal in columns, None where there is none. Beneath a track stand
    its warnings and its timeline.
    """
    analysed = [track for track in tracks if track.analysed]
    if not analysed:
        return
    names = dict(zip(map(id, analysed), names_of(analysed), strict=True))
    name = _Column("track", lambda track: names[id(track)])
    every = _columns(style)
    rows = [[column.cell(track) for column in every] for track in analysed]
    sizes = [
        max(columns(column.title), *(columns(row[index]) for row in rows))
        for index, column in enumerate(every)
    ]
    longest = max(columns(name.title), *(columns(text) for text in names.values()))
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

    yield line(name.title, [column.title for column in every])
    for track, row in zip(analysed, rows, strict=True):
        yield line(names[id(track)], row)
        yield from _beneath(track, style)
    seen = {mark for track in analysed for mark in _marks(track)}
    legend = [f"{mark} {meaning}" for mark, meaning in _LEGEND.items() if mark in seen]
    if legend:
        yield ""
        yield from legend


def names_of(tracks: Sequence[Track]) -> list[str]:
    """The paths as seen from the folder that all are in, fit to be shown."""
    absolute = [os.path.abspath(track.path) for track in tracks]  # noqa: PTH100
    try:
        common = os.path.commonpath([os.path.dirname(path) for path in absolute])  # noqa: PTH120
    except ValueError:  # several drives
        return [shown(path) for path in absolute]
    return [shown(os.path.relpath(path, common)) for path in absolute]


def _columns(style: KeyStyle) -> list[_Column]:
    def compatible(*relations: Harmony) -> Callable[[Track], str]:
        def cell(track: Track) -> str:
            keys = [key for key, relation in track.compatible.items() if relation in relations]
            return " ".join(code(key, style) for key in keys) or _NOTHING

        return cell

    def wheel(track: Track) -> str:
        return code(track.key, style) if track.tonal else _NOTHING

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
    """Those columns for which there is room beside the names, by their index."""
    # the column of marks may be empty
    chosen = [index for index, column in enumerate(every) if sizes[index]]
    if width is None:
        return chosen
    for turn in sorted({column.give_way for column in every} - {0}):
        others = sum(sizes[index] + len(_GAP) for index in chosen)
        if width - others >= min(longest, _NAME_ROOM):
            break
        chosen = [index for index in chosen if every[index].give_way != turn]
    return chosen


def _name(track: Track, style: KeyStyle) -> str:
    return _spelled(track.key, style) if track.tonal else "not tonal"


def _spelled(key: Key, style: KeyStyle) -> str:
    """``F#/Gb minor``: shorter than in replies."""
    names = [key.name(spelling).split() for spelling in ("sharps", "flats")]
    if style.spelling == "both" and names[0] != names[1]:
        return f"{names[0][0]}/{names[1][0]} {key.mode}"
    return key.name(style.spelling)


def _sure(track: Track) -> str:
    return _percent(track.confidence) if track.tonal else _NOTHING


def _second(track: Track, style: KeyStyle) -> str:
    second = track.second
    if second is None or not track.tonal:
        return _NOTHING
    return f"{code(second.key, style)} {_percent(second.confidence)}"


def _tuning(track: Track) -> str:
    cents = track.tuning_cents
    if cents is None:
        return _NOTHING
    return f"{round(cents):+d}" if round(cents) else "0"


def _marks(track: Track) -> str:
    marks = {
        "?": track.tonal and track.doubtful,
        "!": bool(track.warnings),
        "c": track.cached,
    }
    return "".join(mark for mark, applies in marks.items() if applies)


def _percent(probability: float) -> str:
    return ">99%" if probability > 0.995 else f"{100 * probability:.0f}%"


def _beneath(track: Track, style: KeyStyle) -> Iterator[str]:
    for warning in track.warnings:
        yield f"{_INDENT}! {shown(warning['message'])}"
    if not track.timeline:
        return
    for segment in track.timeline:
        span = f"{clock(segment['start'])}-{clock(segment['end'])}"
        yield f"{_INDENT}{span:>15}  {_part(segment, style)}"
    for title in ("intro", "outro"):
        yield f"{_INDENT}{title:>15}  {_part(track.reply[f'{title}_key'], style)}"


def _part(fields: Message, style: KeyStyle) -> str:
    found = guess(fields)
    wheel, name = code(found.key, style), _spelled(found.key, style)
    return f"{wheel:3}  {name:{_LONGEST_KEY}}  {_percent(found.confidence):>4}"
