"""Tracks with replies as the server writes them, for tests of what is made of replies."""

from __future__ import annotations

from keyscan.analysis import Analysis, Segment, Timeline
from keyscan.analyze.tracks import Track
from keyscan.keys import KEYS, Key, KeyStyle
from keyscan.server.protocol import Analyze, failure, success


def analysed(path, camelot="8A", *, confidence=0.9, second="9A", style=None, parts=(), **fields):
    """A success: the rest of the probability is that of ``second``; ``parts`` are the timeline's,
    each a length in seconds and a key in Camelot."""
    probabilities = [0.0] * 24
    probabilities[key_of(camelot).class_id] = confidence
    probabilities[key_of(second).class_id] += 1 - confidence
    estimate = Analysis(
        key_of(camelot),
        tuple(probabilities),
        fields.pop("tuning_cents", 3.2),
        tonal=fields.pop("tonal", True),
        timeline=_timeline(parts),
    )
    reply = success(
        Analyze(1, path, timeline=bool(parts)),
        0,
        estimate,
        style=style or KeyStyle(),
        duration=fields.pop("duration", 200.0),
        warnings=fields.pop("warnings", []),
        cached=fields.pop("cached", False),
    )
    assert not fields
    return Track(path, reply)


def failed(path, code="file_not_found", error="there is no file at the path"):
    return Track(path, failure(Analyze(1, path), 0, code, error))


def key_of(camelot) -> Key:
    return next(key for key in KEYS if key.camelot == camelot)


def _timeline(parts):
    if not parts:
        return None
    segments, start = [], 0.0
    for length, camelot in parts:
        segments.append(Segment(start, start + length, key_of(camelot), 0.9))
        start += length
    return Timeline(tuple(segments), segments[0], segments[-1])
