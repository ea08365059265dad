"""Results as a table for people; ``writers`` has the documents for programs."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from keyscan.analysis import Analysis
from keyscan.batch.tags import OTHER_KEY, tag_text
from keyscan.keys import Key, KeyStyle
from keyscan.output import clock, columns, fitted, percent, shown, signed
from keyscan.terminal import Paint, wrapped

_NAME = "track"  # the title of the first column
_TAG = "tag"  # the title of a column that is there if a file has a key in its tags
_WHEELS = ("Camelot", "Open Key")  # the titles of the second
_MARKS = ""  # the title of the column between confidence and second choice
_GIVE_WAY = ("cents", "length", "2nd choice", "mixes with", "confidence", _TAG)
"""The columns that go, in this order, where there is no room; the others stay."""
_RIGHT = ("confidence", "cents", "length")  # these columns are aligned there
_GAP = "  "
_NAME_ROOM = 20  # columns of the terminal; names get so many before other columns stay
_LEAST_NAME = 8
_INDENT = "    "
_NOTHING = "-"
_LONGEST_KEY = len("F#/Gb minor")
_PLAIN = Paint()
_LEGEND = {
    "?": "doubtful: more likely wrong than right",
    "!": "a warning: see the line beneath",
    "~": "changes key: this is the key of the longest time",
    "c": "from the cache",
    OTHER_KEY: "the tags of the file have another key",
}


def table(
    tracks: Sequence[Analysis], style: KeyStyle, width: int | None, paint: Paint = _PLAIN
) -> Iterator[str]:
    """The lines of the table; the warnings and the timeline of a track follow its line.

    ``width`` is that of the terminal in columns, None where there is none.
    """
    if not tracks:
        return
    names = names_of([track.path for track in tracks])
    rows = [_table_row(track, style) for track in tracks]
    if all(row[_TAG] == _NOTHING for row in rows):
        rows = [{title: text for title, text in row.items() if title != _TAG} for row in rows]
    titles = {title: title for title in rows[0]}
    sizes = {title: max(columns(row[title]) for row in (titles, *rows)) for title in titles}
    chosen, size = _layout(sizes, max(map(columns, (_NAME, *names))), width)

    def cells(first: str, row: dict[str, str]) -> dict[str, str]:
        padded = {_NAME: fitted(first, size)}
        for title in chosen:
            space = " " * (sizes[title] - columns(row[title]))
            padded[title] = space + row[title] if title in _RIGHT else row[title] + space
        *_, last = padded
        return {**padded, last: padded[last].rstrip()}

    yield _GAP.join(map(paint.title, cells(_NAME, titles).values()))
    for track, name, row in zip(tracks, names, rows, strict=True):
        yield _GAP.join(_painted(cells(name, row), track, paint))
        for line in _beneath(track, style):
            yield from wrapped(line, width, 2 * _INDENT)
    seen = {mark for row in rows for mark in row[_MARKS]}
    if seen:
        yield ""
        for mark, meaning in _LEGEND.items():
            if mark in seen:
                yield from wrapped(f"{mark} {meaning}", width, "  ")


def _painted(cells: dict[str, str], track: Analysis, paint: Paint) -> Iterator[str]:
    """The texts of a row: the key in its colour, what is doubtful and what is no key apart."""
    for title, text in cells.items():
        if title in (*_WHEELS, "key"):
            yield paint.key(text, track.key) if track.tonal else paint.aside(text)
        elif title == _MARKS or (title == "confidence" and track.is_doubtful):
            yield paint.doubt(text)
        else:
            yield text


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
    tonal, cents, second = track.has_key, track.tuning_cents, _NOTHING
    if tonal and track.alternatives:
        other = track.alternatives[0]
        second = f"{style.code(other.key)} {percent(other.confidence)}"
    marks = {
        "?": tonal and track.is_doubtful,
        "!": bool(track.warnings),
        "~": tonal and track.changes_key,
        "c": track.cached,
        OTHER_KEY: track.agrees_with_tag is False,
    }
    mixing = [key for key, relation in track.compatible.items() if relation != "same"]
    return {
        _WHEELS[style.notation == "openkey"]: style.code(track.key) if tonal else _NOTHING,
        "key": _spelled(track.key, style) if tonal else "unsure" if track.tonal else "not tonal",
        "confidence": percent(track.confidence) if track.tonal else _NOTHING,
        _TAG: tag_text(track, _NOTHING),
        _MARKS: "".join(mark for mark, applies in marks.items() if applies),
        "2nd choice": second,
        "mixes with": " ".join(map(style.code, mixing)) or _NOTHING,
        "cents": _NOTHING if cents is None else signed(cents),
        "length": clock(track.duration),
    }


def _layout(sizes: dict[str, int], longest: int, width: int | None) -> tuple[list[str], int]:
    """The titles of the columns that fit beside the names, and the columns that names get."""
    chosen = [title for title, size in sizes.items() if size]  # that of the marks may be empty
    if width is None:
        return chosen, longest
    for title in (None, *_GIVE_WAY):
        chosen = [other for other in chosen if other != title]
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
