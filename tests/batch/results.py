"""What the engine makes of files, for tests of what is shown of it."""

from __future__ import annotations

from keyscan.analysis import Analysis, Segment, Timeline
from keyscan.batch.results import Failed, summarize
from keyscan.batch.writers.report import Report
from keyscan.errors import FileNotFound
from keyscan.keys import Key, KeyStyle


def analysed(path, camelot="8A", *, confidence=0.9, second="9A", parts=(), **fields):
    """The rest of the probability is that of ``second``; ``parts`` are the timeline's, each a
    length in seconds and a key in Camelot, None for drums or speech."""
    probabilities = [0.0] * 24
    probabilities[Key.parse(camelot).class_id] = confidence
    probabilities[Key.parse(second).class_id] += 1 - confidence
    return Analysis(
        path=path,
        key=Key.parse(camelot),
        probabilities=tuple(probabilities),
        timeline=_timeline(parts) if parts else None,
        **{"tuning_cents": 3.2, "duration": 200.0, **fields},
    )


def failed(path, error=None):
    return Failed(path, error or FileNotFound("File not found: there is no file at the path"))


def report(results, notation="musical", spelling="both", **fields):
    """What a writer gets of ``results``."""
    summary = summarize(results, files=len(results), seconds=2.0, leave_out_cached=False)
    return Report(results, summary, KeyStyle(notation, spelling), **fields)


def _timeline(parts):
    segments, start = [], 0.0
    for length, camelot in parts:
        key = None if camelot is None else Key.parse(camelot)
        segments.append(Segment(start, start + length, key, 0.9 if key else 0.0))
        start += length
    return Timeline(tuple(segments), segments[0], segments[-1])
