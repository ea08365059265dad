"""A spectrogram becomes a key: how sure that is, what else it may be, and how it is tuned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from keyscan.analysis import BETWEEN_KEYS_CENTS, Analysis, FloatArray, Segment, Timeline
from keyscan.errors import AnalysisWarning
from keyscan.keys import KEYS, Key
from keyscan.model.checkpoint import MIN_FRAMES, KeyModel
from keyscan.model.timeline import key_timeline
from keyscan.spectrogram.constant_q import FRAMES_PER_SECOND, SILENCE
from keyscan.stages import Stages


def estimate_key(
    model: KeyModel,
    spectrogram: FloatArray,
    *,
    path: str = "",
    duration: float | None = None,
    warnings: Sequence[AnalysisWarning] = (),
    timeline: bool = False,
    keep_spectrogram: bool = False,
    stages: Stages | None = None,
) -> Analysis:
    """The most probable key of a whole track.

    Args:
        model: a loaded checkpoint.
        spectrogram: ``log1p(|C|)``, shape (105, frames), five frames a second.
        path: of the file, for the ``Analysis``.
        duration: of the track in seconds; None: as long as the frames are.
        warnings: what is wrong with the file, for the ``Analysis``.
        timeline: whether the key over time is wanted.
        keep_spectrogram: whether the ``Analysis`` holds the spectrogram.
        stages: the seconds of ``to_device`` and ``model_inference`` are added to it.

    Raises:
        ValueError: the spectrogram has another shape or too few frames.
    """
    stages = Stages() if stages is None else stages
    if duration is None:
        duration = spectrogram.shape[1] / FRAMES_PER_SECOND
    first, end = _sounding(spectrogram)
    with stages.measure("to_device"):
        x = model.to_input(spectrogram[:, first:end])
    with stages.measure("model_inference"):
        inference = model(x, blocks=timeline)
        found = None
        if inference.blocks is not None:
            found = key_timeline(
                model, inference.blocks, first=first, frames=end - first, end=duration
            )
    logits = inference.logits.astype(np.float64)
    odds = np.exp((logits - logits.max()) / model.temperature.at(x.shape[-1]))
    tonality = 1.0
    if model.tonality is not None and inference.traits is not None:
        tonality = model.tonality.probability(inference.traits)
    tonal, tuning = tonality >= 0.5, inference.tuning
    cents = tuning.cents if tonal and tuning.is_certain else None
    doubt = _Doubt(tonality, cents or 0.0)
    key = KEYS[int(logits.argmax())]
    return Analysis(
        path=path,
        key=key,
        probabilities=doubt.share((odds / odds.sum()).tolist()),
        tuning_cents=cents,
        tonal=tonal,
        duration=duration,
        warnings=(*warnings, *_between_keys(key, cents)),
        timeline=found and doubt.share_timeline(found),
        spectrogram=spectrogram if keep_spectrogram else None,
    )


def _between_keys(key: Key, cents: float | None) -> Iterator[AnalysisWarning]:
    if cents is None or abs(cents) < 50 - BETWEEN_KEYS_CENTS:
        return
    other = key.transposed(1 if cents > 0 else -1)
    text = f"the music is tuned half-way between this key and {other.camelot}, {other.name()}"
    yield AnalysisWarning("between_keys", text)


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
        return max(0.0, 0.5 - abs(50 - abs(self.cents)) / (2 * BETWEEN_KEYS_CENTS))

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
