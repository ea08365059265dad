"""What programs read: one JSON document, or CSV (RFC 4180)."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence

from keyscan.analyze.summary import Summary
from keyscan.analyze.tracks import Track
from keyscan.keys import KeyStyle
from keyscan.reply import Message

_OF_THE_PROTOCOL = ("id", "generation")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")

CSV_COLUMNS = (
    *("path", "status", "camelot", "openkey", "key", "confidence", "tonal"),
    *(f"alternative_{n}{part}" for n in (1, 2, 3) for part in ("", "_confidence")),
    *("tuning_cents", "duration", "compatible", "warnings", "cached"),
    *("intro_key", "outro_key", "timeline", "code", "error"),
)
"""The header; ``compatible`` and ``timeline`` hold several keys in Camelot, apart by ``;``."""


def json_document(tracks: Sequence[Track], summary: Summary, style: KeyStyle) -> Iterator[str]:
    """``{"tracks": [...], "summary": {...}}``, a line a track: the server's reply, and the path.

    All characters are ASCII, so that a file's name that is no UTF-8 can be told: the byte ``0xff``
    is ``"\\udcff"``, as Python's ``json`` and ``os`` have it.
    """
    yield '{"tracks": [\n'
    for number, track in enumerate(tracks, 1):
        yield json.dumps(_record(track, style)) + (",\n" if number < len(tracks) else "\n")
    yield f'],\n"summary": {json.dumps(summary.to_dict())}}}\n'


def _record(track: Track, style: KeyStyle) -> Message:
    reply = {name: value for name, value in track.reply.items() if name not in _OF_THE_PROTOCOL}
    record = {"path": track.path, **reply}
    if track.analysed:
        record["compatible"] = [
            {
                "camelot": key.camelot,
                "openkey": key.open_key,
                "key": key.written(style.notation, style.spelling),
                "relation": relation,
            }
            for key, relation in track.compatible.items()
        ]
    return record


def csv_lines(tracks: Sequence[Track]) -> Iterator[str]:
    """A header and a line a track, failures too."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, CSV_COLUMNS, restval="", extrasaction="raise")
    writer.writeheader()
    for track in tracks:
        writer.writerow(_cells(track))
        yield text.getvalue()
        text.seek(0)
        text.truncate()
    if not tracks:
        yield text.getvalue()


def _cells(track: Track) -> Message:
    reply = track.reply
    path = harmless(track.path)
    if not track.analysed:
        return {"path": path, "status": "error", "code": track.code, "error": track.error}
    cells = {
        "path": path,
        "compatible": ";".join(key.camelot for key in track.compatible),
        "warnings": ";".join(warning["code"] for warning in track.warnings),
        **{name: reply[name] for name in ("status", "camelot", "openkey", "key", "confidence")},
        **{name: _flag(reply[name]) for name in ("tonal", "cached")},
        **{name: reply[name] for name in ("tuning_cents", "duration", "code")},
    }
    for number, other in enumerate(reply["alternatives"], 1):
        cells[f"alternative_{number}"] = other["camelot"]
        cells[f"alternative_{number}_confidence"] = other["confidence"]
    if track.timeline:
        cells["intro_key"] = reply["intro_key"]["camelot"]
        cells["outro_key"] = reply["outro_key"]["camelot"]
        cells["timeline"] = ";".join(
            f"{part['start']}-{part['end']} {part['camelot']}" for part in track.timeline
        )
    return cells


def harmless(path: str) -> str:
    """The same file by a name that no spreadsheet takes for a formula: ``./=1+1.mp3``.

    Source: OWASP, "CSV Injection".
    """
    return f"./{path}" if path.startswith(_FORMULA) else path


def _flag(value: bool) -> str:
    return "true" if value else "false"
