"""A spectrogram becomes an ``Analysis``: key, probabilities, tuning, key over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from keyscan.analysis import BETWEEN_KEYS_CENTS, Analysis, Segment, Timeline
from keyscan.audio.decoder import StreamNumbers
from keyscan.errors import AnalysisWarning
from keyscan.keys import KEYS
from keyscan.model.checkpoint import MIN_FRAMES, KeyModel
from keyscan.model.timeline import key_timeline
from keyscan.runtime import Stages
from keyscan.spectrogram.constant_q import FRAMES_PER_SECOND, SILENCE, FloatArray


def estimate_key(
    model: KeyModel,
    spectrogram: FloatArray,
    *,
    path: str = "",
    duration: float | None = None,
    warnings: Sequence[AnalysisWarning] = (),
    stream: StreamNumbers | None = None,
    timeline: bool = False,
    keep_spectrogram: bool = False,
    stages: Stages | None = None,
) -> Analysis:
    """The most probable key of a whole track.

    Where there may be no key, all 24 become more alike; half-way between two keys, both are.

    Args:
        model: a loaded checkpoint.
        spectrogram: ``log1p(|C|)``, shape (105, frames), five frames a second.
        path: the file's, for the ``Analysis``.
        duration: of the track in seconds; None: that of the frames.
        warnings: those of the decoder, for the ``Analysis``.
        stream: which of several audio streams was decoded, for the ``Analysis``.
        timeline: whether to find the key over time.
        keep_spectrogram: whether to store the spectrogram in the ``Analysis``.
        stages: gets the seconds of ``to_device`` and ``model_inference``.

    Raises:
        ValueError: the spectrogram has another shape or too few frames.
    """
    stages = Stages() if stages is None else stages
    if duration is None:
        duration = spectrogram.shape[1] / FRAMES_PER_SECOND
    first, end = trim_silence(spectrogram)
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
    probabilities = odds / odds.sum()
    key = KEYS[int(logits.argmax())]
    tonality = 1.0
    if model.tonality is not None and inference.embedding is not None:
        tonality = model.tonality.probability(inference.embedding)
    tonal, tuning = tonality >= 0.5, inference.tuning
    cents = tuning.cents if tonal and tuning.is_certain else None
    step = 1 if (cents or 0.0) > 0 else -1  # to the nearest other key
    distance = abs(50 - abs(cents or 0.0))  # from half-way to it, where both are as likely
    share = max(0.0, 0.5 - distance / (2 * BETWEEN_KEYS_CENTS))
    neighbours = [other.transposed(-step).class_id for other in KEYS]
    probabilities = (1 - share) * probabilities + share * probabilities[neighbours]
    probabilities = tonality * probabilities + (1 - tonality) / len(KEYS)
    if distance <= BETWEEN_KEYS_CENTS:
        other = key.transposed(step)
        text = f"the music is tuned half-way between this key and {other.camelot}, {other.name()}"
        warnings = (*warnings, AnalysisWarning("between_keys", text))
    return Analysis(
        path=path,
        key=key,
        probabilities=tuple(probabilities.tolist()),
        tuning_cents=cents,
        tonal=tonal,
        duration=duration,
        warnings=tuple(warnings),
        stream=stream,
        timeline=found and _less_sure(found, tonality, share),
        spectrogram=spectrogram if keep_spectrogram else None,
    )


def _less_sure(timeline: Timeline, tonality: float, share: float) -> Timeline:
    """The timeline with the confidence of every segment adjusted as that of the track."""

    def adjusted(segment: Segment) -> Segment:
        confidence = tonality * ((1 - share) * segment.confidence) + (1 - tonality) / len(KEYS)
        return replace(segment, confidence=confidence)

    return Timeline(
        tuple(map(adjusted, timeline.segments)), adjusted(timeline.intro), adjusted(timeline.outro)
    )


def trim_silence(spectrogram: FloatArray) -> tuple[int, int]:
    """The first frame and the end of a track without silence around it, at least ``MIN_FRAMES``.

    Minutes of silence would outweigh seconds of music.
    """
    loud = np.flatnonzero(spectrogram.max(axis=0, initial=0) > SILENCE)
    if not len(loud):
        return 0, spectrogram.shape[1]
    end = int(loud[-1]) + 1
    first = min(int(loud[0]), max(0, end - MIN_FRAMES))
    return first, min(spectrogram.shape[1], max(end, first + MIN_FRAMES))
