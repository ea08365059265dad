"""The data that the page's scripts show: the 24 keys and the tracks, as one JSON object."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

from keyscan.analysis import DOUBTFUL, Analysis, Message, Segment
from keyscan.errors import AnalysisError
from keyscan.keys import KEYS, Key, KeyStyle
from keyscan.output import shown, whole_cents

_SEPARATORS = "/\\"


@dataclass(frozen=True)
class Entry:
    """A file of the library: its ``path``, that as people read it, and what became of it."""

    path: str
    shown: str
    result: Analysis | AnalysisError


def page_data(entries: Sequence[Entry], style: KeyStyle, not_reached: int) -> str:
    """The JSON, in ASCII and without ``<``: it can stand in an HTML ``script`` element.

    ``keys`` are in the order of ``class_id``, by which tracks refer to them. A track has a ``key``
    only if there is one to show, and an ``error`` only if it failed; what is empty is left out.
    Parts are ``[start, end, key, confidence]`` with times in seconds, others ``[key, confidence]``.
    """
    data = {
        "doubtful": DOUBTFUL,
        "notReached": not_reached,
        "keys": [_key_fields(key, style) for key in KEYS],
        "tracks": [_track_fields(entry) for entry in entries],
    }
    return json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")


def _key_fields(key: Key, style: KeyStyle) -> Message:
    """``place`` is the hour of the key on the wheel."""
    of_open_key = style.notation == "openkey"
    return {
        "code": style.code(key),
        "name": _spelled(key, style),
        "place": int(key.open_key[:-1]) if of_open_key else key.camelot_number,
        "number": key.camelot_number,
        "mode": key.mode,
        "mixes": {str(other.class_id): harmony for other, harmony in key.compatible().items()},
    }


def _spelled(key: Key, style: KeyStyle) -> str:
    """``F#/Gb minor``: shorter than in replies."""
    first, slash, second = key.name(style.spelling).partition("/")
    return f"{first.split()[0]}/{second}" if slash else first


def _track_fields(entry: Entry) -> Message:
    name = shown(PurePath(entry.path).name) or entry.shown
    folder = entry.shown.removesuffix(name).rstrip(_SEPARATORS)
    fields = {"name": name, "folder": folder, **_result_fields(entry.result)}
    return {field: value for field, value in fields.items() if value not in ("", [])}


def _result_fields(result: Analysis | AnalysisError) -> Message:
    warnings = [shown(warning.message) for warning in result.warnings]
    if isinstance(result, AnalysisError):
        return {"error": f"{shown(str(result))} ({result.code})", "warnings": warnings}
    fields: Message = {"duration": round(result.duration, 3), "warnings": warnings}
    if result.tonal:
        fields["confidence"] = round(result.confidence, 4)
    if result.compatible:  # empty where there is no key to show
        fields |= {
            "key": result.key.class_id,
            "others": [[a.key.class_id, round(a.confidence, 4)] for a in result.alternatives],
        }
        if result.changes_key:
            fields["changesKey"] = True
    else:
        fields["keyless"] = "unsure" if result.tonal else "not tonal"
    if result.tuning_cents is not None:
        fields["cents"] = whole_cents(result.tuning_cents)
    if result.timeline is not None:
        fields["parts"] = [_part(segment) for segment in result.timeline.segments]
    return fields


def _part(segment: Segment) -> list[float | None]:
    key = None if segment.key is None else segment.key.class_id
    times = (round(time, 2) for time in (segment.start, segment.end))
    return [*times, key, round(segment.confidence, 4)]
