"""What programs read: a JSON document, CSV (RFC 4180), or an extended M3U playlist."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import PurePath

from keyscan.analysis import Analysis
from keyscan.batch.results import Result, RunSummary, analyses
from keyscan.keys import KeyStyle
from keyscan.output import shown
from keyscan.reply import Message, failure_fields, key_fields, success_fields

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")

CSV_COLUMNS = (
    *("path", "status", "camelot", "openkey", "key", "confidence", "tonal"),
    *(f"alternative_{n}{part}" for n in (1, 2, 3) for part in ("", "_confidence")),
    *("tuning_cents", "duration", "compatible", "warnings", "cached"),
    *("intro_key", "outro_key", "timeline", "code", "error"),
)
"""The header; ``compatible`` and ``timeline`` hold several keys in Camelot, separated by ``;``."""


def json_document(results: Sequence[Result], summary: RunSummary, style: KeyStyle) -> Iterator[str]:
    """``{"tracks": [...], "summary": {...}}``, a line a track: the server's reply, and the path.

    All characters are ASCII. The byte ``0xff`` of a name that is not UTF-8 is ``"\\udcff"``, as in
    Python's ``json`` and ``os``.
    """
    yield '{"tracks": [\n'
    for number, result in enumerate(results, 1):
        text = json.dumps(_track(result, style))
        yield text + (",\n" if number < len(results) else "\n")
    yield f'],\n"summary": {json.dumps(summary.fields())}}}\n'


def _track(result: Result, style: KeyStyle) -> Message:
    fields = {"path": result.path, **_reply(result, style)}
    if isinstance(result, Analysis):
        fields["compatible"] = [
            {**key_fields(key, style), "relation": relation}
            for key, relation in result.compatible.items()
        ]
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
    if not isinstance(result, Analysis):
        return cells
    cells["compatible"] = ";".join(key.camelot for key in result.compatible)
    cells["warnings"] = ";".join(warning.code for warning in result.warnings)
    for name in ("tonal", "cached"):
        cells[name] = "true" if cells[name] else "false"
    for number, other in enumerate(cells["alternatives"], 1):
        cells[f"alternative_{number}"] = other["camelot"]
        cells[f"alternative_{number}_confidence"] = other["confidence"]
    if result.timeline is not None:
        for name in ("intro_key", "outro_key"):
            cells[name] = cells[name]["camelot"]
        cells["timeline"] = ";".join(
            f"{part['start']}-{part['end']} {part['camelot']}" for part in cells["timeline"]
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
    """The files that have been analysed, each with its length and key, in UTF-8."""
    yield "#EXTM3U\n"
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
