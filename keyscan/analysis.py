"""What is known of one track: the one answer that all parts of the program hand on.

The cache keeps it as a record; the server and ``analyze --json`` write it as the fields of a reply.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Literal

from keyscan.errors import AnalysisError, AnalysisWarning
from keyscan.keys import KEYS, Harmony, Key, KeyStyle

if TYPE_CHECKING:  # numpy
    from keyscan.audio.decoder import StreamNumbers
    from keyscan.spectrogram.constant_q import FloatArray

Message = dict[str, Any]
"""One JSON object of the line protocol, or a part of it."""
DOUBTFUL = 0.5
"""Below this confidence a key is more likely wrong than right."""
BETWEEN_KEYS_CENTS = 10.0
"""Closer than this to the middle between two keys, music may be in either."""
_MOST_ALTERNATIVES = 3
_LEAST_ALTERNATIVE = 0.01  # less probable keys are no alternatives


@dataclass(frozen=True)
class Candidate:
    """A key and the probability, 0 to 1, that it is the track's."""

    key: Key
    confidence: float


@dataclass(frozen=True)
class Segment:
    """A part of a track in one key, or not tonal; ``start`` and ``end`` are in seconds.

    ``key``: None for drums, speech and noise, and for a key that is withheld. ``confidence``: the
    probability, 0 to 1, that the part is in its key; 0 for drums, speech and noise.
    """

    start: float
    end: float
    key: Key | None
    confidence: float

    @property
    def tonal(self) -> bool:
        """Whether the part is in a key, also if that is withheld."""
        return self.key is not None or self.confidence > 0


@dataclass(frozen=True)
class Timeline:
    """The key over time.

    ``segments`` follow one another without a gap; neighbours are in different keys, or one of them
    is not tonal. A few seconds of drums or speech belong to the music beside them. ``intro`` and
    ``outro`` are the first and the last half minute of music, or all of it where there is no more,
    in the key of the segment that has most of it; they have no key where nothing has.
    """

    segments: tuple[Segment, ...]
    intro: Segment
    outro: Segment


TagChange = Literal["written", "to_write", "kept", "same", "unsure", "not_possible", "failed"]
"""What ``--write-tags`` did with the key in a file's tags.

``to_write``: it would be written, but for ``--dry-run``. ``kept``: another key is there. ``same``:
the key is there as it would be written. ``unsure``: the confidence is too low, or the music is not
tonal. ``not_possible``: the format holds no key. ``failed``: the tags cannot be read or written.
"""


@dataclass(frozen=True)
class KeyTag:
    """The key in the tags of a file.

    Attributes:
        text: as it was found; None: there was none.
        change: what was done with it; None: tags are only read.
        written, comment: the new texts, where ``change`` is ``written`` or ``to_write``; None: that
            field stays.
        reason: why it was not written, or what a user should know of the file that was.
        old_keys, old_comments: every text that ``written`` and ``comment`` replace.
    """

    text: str | None
    change: TagChange | None = None
    written: str | None = None
    comment: str | None = None
    reason: str | None = None
    old_keys: tuple[str, ...] = ()
    old_comments: tuple[str, ...] = ()

    @property
    def key(self) -> Key | None:
        """The key that ``text`` names; None: it names none."""
        try:
            return None if self.text is None else Key.parse(self.text)
        except ValueError:
            return None


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """The key of a track and all that is known with it.

    Attributes:
        path: of the file, as it was given; empty for file objects, samples and spectrograms.
        key: the most probable key; of music that changes it, that of the longest time.
        probabilities: of the 24 keys in the order of ``class_id``; they sum to 1.
        tuning_cents: how far the music lies above A = 440 Hz, -47 to 53, with respect to which the
            key is meant; None where the tuning is not certain.
        tonal: False for drums, speech and noise, whose ``key`` means nothing.
        changes_key: the timeline has several keys.
        duration: seconds of sound analysed.
        analysed_seconds: seconds of sound that the key comes from; None: not known.
        warnings: what is wrong with the file, or doubtful about the key.
        stream: the number of the audio stream, counted from 0 among those of the file, or numbers
            of streams that were added (stems without a mix); None: the file has only one.
        timeline: the key over time, where it was asked for.
        cached: the answer comes from the cache.
        withheld: the key is less sure than the user asks for: outputs leave it out.
        spectrogram: ``log1p(|C|)``, shape (105, frames), where it was asked for.
        tag: the key in the tags of the file, where they were read.
    """

    path: str = ""
    key: Key
    probabilities: tuple[float, ...]
    tuning_cents: float | None
    tonal: bool = True
    changes_key: bool = False
    duration: float
    analysed_seconds: float | None = None
    warnings: tuple[AnalysisWarning, ...] = ()
    stream: StreamNumbers | None = None
    timeline: Timeline | None = None
    cached: bool = False
    withheld: bool = False
    spectrogram: FloatArray | None = field(default=None, compare=False, repr=False)
    tag: KeyTag | None = None

    @property
    def confidence(self) -> float:
        """The probability, 0 to 1, that ``key`` is right."""
        return self.probabilities[self.key.class_id]

    @property
    def alternatives(self) -> tuple[Candidate, ...]:
        """Up to three other keys, the most probable first."""
        others = [
            Candidate(key, probability)
            for key, probability in zip(KEYS, self.probabilities, strict=True)
            if key != self.key and probability >= _LEAST_ALTERNATIVE
        ]
        others.sort(key=lambda candidate: -candidate.confidence)
        return tuple(others[:_MOST_ALTERNATIVES])

    @property
    def has_key(self) -> bool:
        """Whether there is a key to show: the track is tonal, and the key is not withheld."""
        return self.tonal and not self.withheld

    @property
    def is_doubtful(self) -> bool:
        """The key is more likely wrong than right."""
        return self.confidence < DOUBTFUL

    @property
    def agrees_with_tag(self) -> bool | None:
        """Whether ``key`` is that of the tags; None: one of them is not known."""
        if self.tag is None or self.tag.key is None or not self.has_key:
            return None
        return self.tag.key == self.key

    @property
    def compatible(self) -> dict[Key, Harmony]:
        """The keys that mix well with this one, and why; none if there is no key to show."""
        return self.key.compatible() if self.has_key else {}

    @property
    def is_between_keys(self) -> bool:
        """The tuning is about half-way to the same key a semitone higher or lower."""
        cents = self.tuning_cents
        return cents is not None and abs(cents) >= 50 - BETWEEN_KEYS_CENTS

    @property
    def camelot(self) -> str:
        """``"8A"`` for A minor."""
        return self.key.camelot

    @property
    def open_key(self) -> str:
        """``"1m"`` for A minor."""
        return self.key.open_key

    @property
    def name(self) -> str:
        """``"A minor"``; black keys as ``"F# minor/Gb minor"``."""
        return self.key.name()

    def to_record(self) -> dict[str, Any]:
        """What the cache keeps: plain values, without what is only of this file or request."""
        timeline = self.timeline
        return {
            "key": self.key.class_id,
            "probabilities": self.probabilities,
            "tuning_cents": self.tuning_cents,
            "tonal": self.tonal,
            "changes_key": self.changes_key,
            "timeline": None
            if timeline is None
            else {
                "segments": [_row(segment) for segment in timeline.segments],
                "intro": _row(timeline.intro),
                "outro": _row(timeline.outro),
            },
            "duration": self.duration,
            "warnings": [[warning.code, warning.message] for warning in self.warnings],
            "stream": self.stream,
        }

    @classmethod
    def from_record(cls, record: Any, path: str, spectrogram: FloatArray | None = None) -> Analysis:
        """The cached analysis of the file at ``path``, from what ``to_record`` gave.

        Raises:
            ValueError: the record was not made by ``to_record``.
        """
        try:
            return cls(
                path=path,
                key=KEYS[record["key"]],
                probabilities=tuple(record["probabilities"]),
                tuning_cents=record["tuning_cents"],
                tonal=record["tonal"],
                changes_key=record["changes_key"],
                duration=record["duration"],
                warnings=tuple(AnalysisWarning(*warning) for warning in record["warnings"]),
                stream=_stream(record["stream"]),
                timeline=_timeline(record["timeline"]),
                cached=True,
                spectrogram=spectrogram,
            )
        except (KeyError, TypeError, IndexError) as error:
            raise ValueError(f"not a cached analysis: {error!r}") from error


def _row(segment: Segment) -> list[float | None]:
    class_id = None if segment.key is None else segment.key.class_id
    return [segment.start, segment.end, class_id, segment.confidence]


def _stream(value: int | list[int] | None) -> StreamNumbers | None:
    return tuple(value) if isinstance(value, list) else value


def _timeline(value: Any) -> Timeline | None:
    if value is None:
        return None
    segments = tuple(_segment(row) for row in value["segments"])
    return Timeline(segments, _segment(value["intro"]), _segment(value["outro"]))


def _segment(row: list[Any]) -> Segment:
    start, end, class_id, confidence = row
    return Segment(start, end, None if class_id is None else KEYS[class_id], confidence)


def success_fields(analysis: Analysis, style: KeyStyle, *, timeline: bool) -> Message:
    """The key of a file and all that is known with it; ``timeline``: the key over time too.

    A key that is withheld is null, without alternatives; its confidence stays. Probabilities have
    4 decimals, cents 1, the duration 3 (milliseconds), times of segments 2.
    """
    tuning, key = analysis.tuning_cents, None if analysis.withheld else analysis.key
    return {
        "status": "success",
        "code": "ok",
        **key_fields(key, style),
        "class_id": None if key is None else key.class_id,
        "confidence": round(analysis.confidence, 4),
        "tonal": analysis.tonal,
        "changes_key": analysis.changes_key,
        "alternatives": [_candidate(other, style) for other in analysis.alternatives if key],
        "tuning_cents": None if tuning is None else round(tuning, 1) + 0.0,  # no -0.0
        "filename": PurePath(analysis.path).name,
        "duration": round(analysis.duration, 3),
        "warnings": [asdict(warning) for warning in analysis.warnings],
        "cached": analysis.cached,
        **({} if analysis.stream is None else {"stream": analysis.stream}),
        **(_timeline_fields(analysis.timeline, style) if timeline and analysis.timeline else {}),
    }


def tag_fields(analysis: Analysis) -> Message:
    """The key in the tags of the file; empty where they were not read or hold none.

    ``{"tag": {"key": "8A", "agrees": true, "change": "kept", "written": null}}``; the last two only
    if tags were to be written, and sometimes a ``reason``.
    """
    tag = analysis.tag
    if tag is None or (tag.text is None and tag.change is None):
        return {}
    change = {} if tag.change is None else {"change": tag.change, "written": tag.written}
    change |= {} if tag.reason is None else {"reason": tag.reason}
    return {"tag": {"key": tag.text, "agrees": analysis.agrees_with_tag, **change}}


def failure_fields(path: str, error: AnalysisError) -> Message:
    """Why the file at ``path`` has no key."""
    return {
        "status": "error",
        "code": error.code,
        "error": str(error),
        "filename": PurePath(path).name,
        "warnings": [asdict(warning) for warning in error.warnings],
    }


def key_fields(key: Key | None, style: KeyStyle) -> Message:
    """A key in Camelot, in Open Key, and as ``style`` writes it; nulls where there is none."""
    if key is None:
        return {"camelot": None, "openkey": None, "key": None}
    return {"camelot": key.camelot, "openkey": key.open_key, "key": style.write(key)}


def _timeline_fields(timeline: Timeline, style: KeyStyle) -> Message:
    return {
        "timeline": [
            {
                "start": round(segment.start, 2),
                "end": round(segment.end, 2),
                **_part(segment, style),
            }
            for segment in timeline.segments
        ],
        "intro_key": _part(timeline.intro, style),
        "outro_key": _part(timeline.outro, style),
    }


def _part(segment: Segment, style: KeyStyle) -> Message:
    """The key of a part of a track; null where it has none."""
    return {
        **key_fields(segment.key, style),
        "confidence": round(segment.confidence, 4),
        "tonal": segment.tonal,
    }


def _candidate(found: Candidate, style: KeyStyle) -> Message:
    return {**key_fields(found.key, style), "confidence": round(found.confidence, 4)}
