"""What is kept of an answer: all that a reply says of the music, in no notation."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from keyscan.errors import AudioWarning
from keyscan.keys import KEYS
from keyscan.model.estimate import KeyEstimate
from keyscan.model.timeline import Segment, Timeline


@dataclass(frozen=True)
class Record:
    """``duration`` is in seconds; the estimate has a timeline if the record is to be kept."""

    estimate: KeyEstimate
    duration: float
    warnings: tuple[AudioWarning, ...]


def encode_record(record: Record) -> bytes:
    """JSON in UTF-8, from which ``decode_record`` makes an equal record."""
    estimate = record.estimate
    assert estimate.timeline is not None  # no server with a cache leaves it out
    value = {
        "key": estimate.key.class_id,
        "probabilities": estimate.probabilities,
        "tuning_cents": estimate.tuning_cents,
        "tonal": estimate.tonal,
        "timeline": _plain(estimate.timeline),
        "duration": record.duration,
        "warnings": [[warning.code, warning.message] for warning in record.warnings],
    }
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()


def decode_record(text: bytes) -> Record:
    """The record that ``encode_record`` made the bytes of.

    Raises:
        ValueError: it did not make these.
    """
    try:
        value = json.loads(text)
        estimate = KeyEstimate(
            KEYS[value["key"]],
            tuple(value["probabilities"]),
            value["tuning_cents"],
            value["tonal"],
            _timeline(value["timeline"]),
        )
        warnings = tuple(AudioWarning(code, message) for code, message in value["warnings"])
        return Record(estimate, value["duration"], warnings)
    except (KeyError, TypeError, IndexError) as error:
        raise ValueError(f"no record of ours: {error!r}") from error


def _plain(timeline: Timeline) -> dict[str, Any]:
    return {
        "segments": [_row(segment) for segment in timeline.segments],
        "intro": _row(timeline.intro),
        "outro": _row(timeline.outro),
    }


def _row(segment: Segment) -> list[float]:
    return [segment.start, segment.end, segment.key.class_id, segment.confidence]


def _timeline(value: dict[str, Any]) -> Timeline:
    return Timeline(
        tuple(_segment(row) for row in value["segments"]),
        _segment(value["intro"]),
        _segment(value["outro"]),
    )


def _segment(row: list[Any]) -> Segment:
    start, end, class_id, confidence = row
    return Segment(start, end, KEYS[class_id], confidence)
