"""Results as a table for people; ``writers`` has the documents for programs."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from keyscan.analysis import Analysis
from keyscan.keys import Harmony, Key, KeyStyle
from keyscan.output import clock, columns, fitted, percent, shown, signed

_NAME = "track"  # the title of the first column
_GIVE_WAY = (("cents",), ("boost",), ("rel.", "+1", "-1"), ("or",), ("length",))
"""The columns that go, in this order, where there is no room; the others stay."""
_RIGHT = ("sure", "cents", "length")  # these columns are aligned there
_GAP = "  "
_NAME_ROOM = 26  # columns of the terminal; names get so many before other columns stay
_LEAST_NAME = 8
_INDENT = "    "
_NOTHING = "-"
_LONGEST_KEY = len("F#/Gb minor")
_LEGEND = {
    "?": "doubtful: more likely wrong than right",
    "!": "the file is damaged, or its tuning is between two keys: see the line beneath",
    "~": "changes key: this is the key of the longest time",
    "c": "from the cache",
}


def table(tracks: Sequence[Analysis], style: KeyStyle, width: int | None) -> Iterator[str]:
    """The lines of the table; the warnings and the timeline of a track follow its line.

    ``width`` is that of the terminal in columns, None where there is none.
    """
    if not tracks:
        return
    names = names_of([track.path for track in tracks])
    rows = [_table_row(track, style) for track in tracks]
    titles = {title: title for title in rows[0]}
    sizes = {title: max(columns(row[title]) for row in (titles, *rows)) for title in titles}
    chosen, size = _layout(sizes, max(map(columns, (_NAME, *names))), width)

    def line(first: str, row: dict[str, str]) -> str:
        texts = [fitted(first, size)]
        for title in chosen:
            space = " " * (sizes[title] - columns(row[title]))
            texts.append(space + row[title] if title in _RIGHT else row[title] + space)
        return _GAP.join(texts).rstrip()

    yield line(_NAME, titles)
    for track, name, row in zip(tracks, names, rows, strict=True):
        yield line(name, row)
        yield from _beneath(track, style)
    seen = {mark for row in rows for mark in row[""]}
    if seen:
        yield ""
        yield from (f"{mark} {meaning}" for mark, meaning in _LEGEND.items() if mark in seen)


def names_of(paths: Sequence[str]) -> list[str]:
    """The paths relative to the folder that all are in, fit to be shown."""
    absolute = [os.path.abspath(path) for path in paths]  # noqa: PTH100
    try:
        common = os.path.commonpath([os.path.dirname(path) for path in absolute])  # noqa: PTH120
    except ValueError:  # several drives
        return [shown(path) for path in absolute]
    return [shown(os.path.relpath(path, common)) for path in absolute]


def _table_row(track: Analysis, style: KeyStyle) -> dict[str, str]:
    """The cells after the name, by the titles of their columns."""

    def mixing(harmony: Harmony) -> str:
        keys = [key for key, relation in track.compatible.items() if relation == harmony]
        return " ".join(map(style.code, keys)) or _NOTHING

    tonal, cents, second = track.has_key, track.tuning_cents, _NOTHING
    if tonal and track.alternatives:
        other = track.alternatives[0]
        second = f"{style.code(other.key)} {percent(other.confidence)}"
    marks = {
        "?": tonal and track.is_doubtful,
        "!": bool(track.warnings),
        "~": tonal and track.changes_key,
        "c": track.cached,
    }
    wheel = "Open Key" if style.notation == "openkey" else "Camelot"
    return {
        wheel: style.code(track.key) if tonal else _NOTHING,
        "key": _spelled(track.key, style) if tonal else "unsure" if track.tonal else "not tonal",
        "sure": percent(track.confidence) if track.tonal else _NOTHING,
        "": "".join(mark for mark, applies in marks.items() if applies),
        "or": second,
        "cents": _NOTHING if cents is None else signed(round(cents, 1)),  # as replies round it
        "rel.": mixing("relative"),
        "+1": mixing("up"),
        "-1": mixing("down"),
        "boost": mixing("energy_boost"),
        "length": clock(track.duration),
    }


def _layout(sizes: dict[str, int], longest: int, width: int | None) -> tuple[list[str], int]:
    """The titles of the columns that fit beside the names, and the columns that names get."""
    chosen = [title for title, size in sizes.items() if size]  # that of the marks may be empty
    if width is None:
        return chosen, longest
    for titles in ((), *_GIVE_WAY):
        chosen = [title for title in chosen if title not in titles]
        room = width - sum(sizes[title] + len(_GAP) for title in chosen)
        if room >= min(longest, _NAME_ROOM):
            break
    return chosen, min(longest, max(_LEAST_NAME, room))


def _spelled(key: Key, style: KeyStyle) -> str:
    """``F#/Gb minor``: shorter than in replies; ``F#m`` in the short notation."""
    if style.notation == "short":
        return key.short(style.spelling)
    first, slash, second = key.name(style.spelling).partition("/")
    return f"{first.split()[0]}/{second}" if slash else first


def _beneath(track: Analysis, style: KeyStyle) -> Iterator[str]:
    for warning in track.warnings:
        yield f"{_INDENT}! {shown(warning.message)}"
    if track.timeline is None:
        return
    parts = [(f"{clock(part.start)}-{clock(part.end)}", part) for part in track.timeline.segments]
    parts += [("intro", track.timeline.intro), ("outro", track.timeline.outro)]
    for title, part in parts:
        wheel, name, sure = _NOTHING, "not tonal", _NOTHING
        if part.tonal:
            name, sure = "unsure", percent(part.confidence)
        if part.key is not None:
            wheel, name = style.code(part.key), _spelled(part.key, style)
        yield f"{_INDENT}{title:>15}  {wheel:3}  {name:{_LONGEST_KEY}}  {sure:>4}"
