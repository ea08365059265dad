"""What a reply says of a file, as JSON values: the server and ``analyze --json`` write the same."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import PurePath
from typing import Any

from keyscan.analysis import Analysis, Candidate, Segment, Timeline
from keyscan.errors import AnalysisError
from keyscan.keys import Key, KeyStyle

Message = dict[str, Any]


def success_fields(analysis: Analysis, style: KeyStyle, *, timeline: bool) -> Message:
    """The key of a file and all that is known with it; ``timeline``: the key over time too.

    Probabilities have 4 decimals, cents 1, the duration 3 (milliseconds), times of segments 2.
    """
    tuning = analysis.tuning_cents
    return {
        "status": "success",
        "code": "ok",
        **key_fields(analysis.key, style),
        "class_id": analysis.key.class_id,
        "confidence": round(analysis.confidence, 4),
        "tonal": analysis.tonal,
        "alternatives": [_candidate(other, style) for other in analysis.alternatives],
        "tuning_cents": None if tuning is None else round(tuning, 1) + 0.0,  # no -0.0
        "filename": PurePath(analysis.path).name,
        "duration": round(analysis.duration, 3),
        "warnings": [asdict(warning) for warning in analysis.warnings],
        "cached": analysis.cached,
        **(_timeline_fields(analysis.timeline, style) if timeline and analysis.timeline else {}),
    }


def failure_fields(path: str, error: AnalysisError) -> Message:
    """Why the file at ``path`` has no key."""
    return {
        "status": "error",
        "code": error.code,
        "error": str(error),
        "filename": PurePath(path).name,
    }


def key_fields(key: Key, style: KeyStyle) -> Message:
    """A key in Camelot, in Open Key, and as ``style`` writes it."""
    return {"camelot": key.camelot, "openkey": key.open_key, "key": style.write(key)}


def _timeline_fields(timeline: Timeline, style: KeyStyle) -> Message:
    return {
        "timeline": [
            {
                "start": round(segment.start, 2),
                "end": round(segment.end, 2),
                **_candidate(segment, style),
            }
            for segment in timeline.segments
        ],
        "intro_key": _candidate(timeline.intro, style),
        "outro_key": _candidate(timeline.outro, style),
    }


def _candidate(found: Candidate | Segment, style: KeyStyle) -> Message:
    return {**key_fields(found.key, style), "confidence": round(found.confidence, 4)}
