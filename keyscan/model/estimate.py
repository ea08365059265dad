"""A spectrogram becomes a key: how sure that is, what else it may be, and how it is tuned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from keyscan.keys import KEYS, Key
from keyscan.model.checkpoint import MIN_FRAMES, KeyModel
from keyscan.model.timeline import Segment, Timeline, key_timeline
from keyscan.spectrogram.constant_q import FloatArray
from keyscan.spectrogram.spectrum import SILENCE
from keyscan.stages import Stages

_MOST_ALTERNATIVES = 3
_WORTH_A_WORD = 0.01  # less probable keys are no alternatives
_HALF_WAY = 10.0  # cents from the middle between two keys


@dataclass(frozen=True)
class Candidate:
    """A key and the probability, 0 to 1, that it is the track's."""

    key: Key
    confidence: float


@dataclass(frozen=True)
class KeyEstimate:
    """``probabilities``: 24 values that sum to 1, in the order of ``class_id``.

    They are the softmax of the logits divided by the model's temperature for a track of that
    length, which does not change their order. ``tuning_cents``: how far the music lies above A =
    440 Hz, -47 to 53, with respect to which the key is meant; None where it cannot be told.
    ``tonal``: there is music in a key at all, not just drums, speech or noise. ``timeline``: the
    key over time, where it was asked for.
    """

    key: Key
    probabilities: tuple[float, ...]
    tuning_cents: float | None
    tonal: bool = True
    timeline: Timeline | None = None

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
            if key != self.key and probability >= _WORTH_A_WORD
        ]
        others.sort(key=lambda candidate: -candidate.confidence)
        return tuple(others[:_MOST_ALTERNATIVES])

    @property
    def is_between_keys(self) -> bool:
        """The music is half-way to the same key a semitone higher or lower, give or take."""
        return self.tuning_cents is not None and abs(self.tuning_cents) >= 50 - _HALF_WAY


def estimate_key(
    model: KeyModel,
    spectrogram: FloatArray,
    stages: Stages | None = None,
    *,
    timeline_until: float | None = None,
) -> KeyEstimate:
    """The most probable key of a whole track; ``spectrogram``: ``log1p(|C|)``, ``(105, frames)``.

    ``timeline_until``: the track's duration in seconds, if the key over time is wanted as well. The
    time of ``to_device`` and ``model_inference`` is added to ``stages``.

    Raises:
        ValueError: the spectrogram has another shape or too few frames.
    """
    stages = Stages() if stages is None else stages
    first, end = _sounding(spectrogram)
    with stages.measure("to_device"):
        x = model.to_input(spectrogram[:, first:end])
    with stages.measure("model_inference"):
        inference = model(x, blocks=timeline_until is not None)
        timeline = None
        if inference.blocks is not None and timeline_until is not None:
            timeline = key_timeline(
                model, inference.blocks, first=first, frames=end - first, end=timeline_until
            )
    logits = inference.logits.astype(np.float64)
    odds = np.exp((logits - logits.max()) / model.temperature.at(x.shape[-1]))
    tonality = 1.0
    if model.tonality is not None and inference.traits is not None:
        tonality = model.tonality.probability(inference.traits)
    tonal, tuning = tonality >= 0.5, inference.tuning
    cents = tuning.cents if tonal and tuning.is_certain else None
    doubt = _Doubt(tonality, cents or 0.0)
    return KeyEstimate(
        KEYS[int(logits.argmax())],
        doubt.share((odds / odds.sum()).tolist()),
        cents,
        tonal,
        timeline and doubt.share_timeline(timeline),
    )


@dataclass(frozen=True)
class _Doubt:
    """Whether there is a key at all, and which of two it is where the tuning is between them.

    ``tonality``: the probability that there is one; where there is none, each of the 24 is as
    wrong. ``cents``: the tuning; half-way, the key a semitone further is as right.
    """

    tonality: float
    cents: float

    @property
    def _next_share(self) -> float:
        """Of the key a semitone further: a half at 50 cents, nothing from 40 cents down."""
        return max(0.0, 0.5 - abs(50 - abs(self.cents)) / (2 * _HALF_WAY))

    def share(self, probabilities: Sequence[float]) -> tuple[float, ...]:
        """Those of 24 keys, in the order of ``class_id``."""
        step = 1 if self.cents > 0 else -1
        return tuple(
            self._believed(
                (1 - self._next_share) * probabilities[key.class_id]
                + self._next_share * probabilities[key.transposed(-step).class_id]
            )
            for key in KEYS
        )

    def share_timeline(self, timeline: Timeline) -> Timeline:
        """One whose segments are as sure as they can be."""

        def shared(segment: Segment) -> Segment:
            confidence = self._believed((1 - self._next_share) * segment.confidence)
            return replace(segment, confidence=confidence)

        return Timeline(
            tuple(map(shared, timeline.segments)), shared(timeline.intro), shared(timeline.outro)
        )

    def _believed(self, probability: float) -> float:
        return self.tonality * probability + (1 - self.tonality) / len(KEYS)


def _sounding(spectrogram: FloatArray) -> tuple[int, int]:
    """The first frame that is not silent and the one behind the last, for the model's needs.

    Minutes of nothing around seconds of music would have the last word.
    """
    sounding = np.flatnonzero(spectrogram.max(axis=0, initial=0) > SILENCE)
    if not len(sounding):
        return 0, spectrogram.shape[1]
    end = int(sounding[-1]) + 1
    first = min(int(sounding[0]), max(0, end - MIN_FRAMES))
    return first, min(spectrogram.shape[1], max(end, first + MIN_FRAMES))
