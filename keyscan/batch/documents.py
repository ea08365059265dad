"""Results as text: a table for people; JSON, CSV (RFC 4180) or a playlist for programs."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import PurePath

from keyscan.analysis import (
    Analysis,
    Message,
    failure_fields,
    key_fields,
    success_fields,
    tag_fields,
)
from keyscan.batch.results import Result, RunSummary, analyses
from keyscan.batch.tags import OTHER_KEY, TAG_COLUMNS, tag_cells, tag_text
from keyscan.keys import Key, KeyStyle
from keyscan.output import clock, columns, fitted, percent, shown, signed
from keyscan.terminal import Paint, wrapped

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")

CSV_COLUMNS = (
    *("path", "status", "camelot", "openkey", "key", "confidence", "tonal"),
    *(f"alternative_{n}{part}" for n in (1, 2, 3) for part in ("", "_confidence")),
    *("tuning_cents", "duration", "compatible", "warnings", "cached"),
    *("intro_key", "outro_key", "timeline", "code", "error", "changes_key"),
    *TAG_COLUMNS,
)
"""The header; ``compatible`` and ``timeline`` hold several keys in Camelot, separated by ``;``."""
_OF_A_KEY = ("camelot", "openkey", "key", "confidence")  # empty cells for drums, speech and noise

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
    "!": "the file is damaged, or its tuning is between two keys: see the line beneath",
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
    tonal, cents, second = track.tonal, track.tuning_cents, _NOTHING
    if tonal and track.alternatives:
        other = track.alternatives[0]
        second = f"{style.code(other.key)} {percent(other.confidence)}"
    marks = {
        "?": tonal and track.is_doubtful,
        "!": bool(track.warnings),
        "~": track.changes_key,
        "c": track.cached,
        OTHER_KEY: track.agrees_with_tag is False,
    }
    mixing = [key for key, relation in track.compatible.items() if relation != "same"]
    return {
        _WHEELS[style.notation == "openkey"]: style.code(track.key) if tonal else _NOTHING,
        "key": _spelled(track.key, style) if tonal else "not tonal",
        "confidence": percent(track.confidence) if tonal else _NOTHING,
        _TAG: tag_text(track, _NOTHING),
        _MARKS: "".join(mark for mark, applies in marks.items() if applies),
        "2nd choice": second,
        "mixes with": " ".join(map(style.code, mixing)) or _NOTHING,
        "cents": _NOTHING if cents is None else signed(round(cents, 1)),  # as replies round it
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
    """``F#/Gb minor``: shorter than in replies."""
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
        if part.key is not None:
            wheel, name = style.code(part.key), _spelled(part.key, style)
            sure = percent(part.confidence)
        yield f"{_INDENT}{title:>15}  {wheel:3}  {name:{_LONGEST_KEY}}  {sure:>4}"


def json_document(results: Sequence[Result], summary: RunSummary, style: KeyStyle) -> Iterator[str]:
    """``{"tracks": [...], "summary": {...}}``, a line a track: the server's reply, and the path.

    All characters are ASCII. The byte ``0xff`` of a name that is not UTF-8 is ``"\\udcff"``, as in
    Python's ``json`` and ``os``.
    """
    yield '{"tracks": [\n'
    for number, result in enumerate(results, 1):
        text = json.dumps(track_fields(result, style))
        yield text + (",\n" if number < len(results) else "\n")
    yield f'],\n"summary": {json.dumps(summary.fields())}}}\n'


def track_fields(result: Result, style: KeyStyle) -> Message:
    """One of the ``tracks`` of the JSON document."""
    fields = {"path": result.path, **_reply(result, style)}
    if isinstance(result, Analysis):
        fields["compatible"] = [
            {**key_fields(key, style), "relation": relation}
            for key, relation in result.compatible.items()
        ]
        fields |= tag_fields(result)
    return fields


def csv_lines(results: Sequence[Result], style: KeyStyle) -> Iterator[str]:
    """A header and a line a file, failures too."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, CSV_COLUMNS, restval="", extrasaction="ignore")
    writer.writeheader()
    yield text.getvalue()
    for result in results:
        text.seek(0)
        text.truncate()
        writer.writerow(_cells(result, style))
        yield text.getvalue()


def _cells(result: Result, style: KeyStyle) -> Message:
    cells = {**_reply(result, style), "path": harmless(result.path)}
    cells["warnings"] = ";".join(warning["code"] for warning in cells["warnings"])
    if not isinstance(result, Analysis):
        return cells
    cells["compatible"] = ";".join(key.camelot for key in result.compatible)
    for name in ("tonal", "changes_key", "cached"):
        cells[name] = "true" if cells[name] else "false"
    cells |= tag_cells(result)
    if result.tonal:
        for number, other in enumerate(cells["alternatives"], 1):
            cells[f"alternative_{number}"] = other["camelot"]
            cells[f"alternative_{number}_confidence"] = other["confidence"]
    else:
        cells |= dict.fromkeys(_OF_A_KEY, "")
    if result.timeline is not None:
        for name in ("intro_key", "outro_key"):
            cells[name] = cells[name]["camelot"]
        cells["timeline"] = ";".join(
            f"{part['start']}-{part['end']} {part['camelot'] or _NOTHING}"
            for part in cells["timeline"]
        )
    return cells


def _reply(result: Result, style: KeyStyle) -> Message:
    if isinstance(result, Analysis):
        return success_fields(result, style, timeline=True)
    return failure_fields(result.path, result.error)


def harmless(path: str) -> str:
    """The same file by a name that no spreadsheet reads as a formula: ``./=1+1.mp3``.

    Source: OWASP, "CSV Injection".
    """
    return f"./{path}" if path.startswith(_FORMULA) else path


def m3u_lines(results: Sequence[Result], style: KeyStyle) -> Iterator[str]:
    """The files that have been analysed, each with its length and key, in UTF-8.

    ``batch/earlier.py`` knows the starts of this and the other documents.
    """
    yield "#EXTM3U\n# made by openkeyscan-analyzer\n"  # by which a later run knows it
    for analysis in analyses(results):
        key = f"{style.code(analysis.key)} " if analysis.tonal else ""
        title = shown(PurePath(analysis.path).stem)
        yield f"#EXTINF:{round(analysis.duration)},{key}{title}\n"
        yield f"{_location(analysis.path)}\n"


def _location(path: str) -> str:
    """The absolute path, or a ``file:`` URI where a line of UTF-8 cannot hold that."""
    absolute = os.path.abspath(path)  # noqa: PTH100
    line = absolute.encode(errors="ignore").decode().strip()
    return absolute if line.splitlines() == [absolute] else PurePath(absolute).as_uri()
