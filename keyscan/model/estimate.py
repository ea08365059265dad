"""A spectrogram becomes an ``Analysis``: key, probabilities, tuning, key over time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from keyscan.analysis import BETWEEN_KEYS_CENTS, Analysis
from keyscan.audio.decoder import StreamNumbers
from keyscan.errors import AnalysisWarning
from keyscan.keys import KEYS
from keyscan.model.blocks import Blocks, Floats
from keyscan.model.checkpoint import KeyModel
from keyscan.model.timeline import Part, find_parts, to_timeline
from keyscan.runtime import Stages
from keyscan.spectrogram.constant_q import FRAMES_PER_SECOND, SILENCE, FloatArray

_LEAST_FRAMES = 8  # of a track without the silence around it


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
    """The most probable key of a track's music; where it changes key, that of the longest time.

    Where there may be no key, all 24 become more alike; half-way between two keys, both are.

    Args:
        model: a loaded checkpoint.
        spectrogram: ``log1p(|C|)``, shape (105, frames), five frames a second.
        path: the file's, for the ``Analysis``.
        duration: of the track in seconds; None: that of the frames.
        warnings: those of the decoder, for the ``Analysis``.
        stream: which of several audio streams was decoded, for the ``Analysis``.
        timeline: whether to store the key over time in the ``Analysis``.
        keep_spectrogram: whether to store the spectrogram in the ``Analysis``.
        stages: gets the seconds of ``to_device`` and ``model_inference``.

    Raises:
        ValueError: the spectrogram has another shape or no frames.
    """
    stages = Stages() if stages is None else stages
    if duration is None:
        duration = spectrogram.shape[1] / FRAMES_PER_SECOND
    first, end = trim_silence(spectrogram)
    with stages.measure("to_device"):
        x = model.to_input(spectrogram[:, first:end])
    with stages.measure("model_inference"):
        blocks = Blocks(model, x, model(x), end - first)
        parts = find_parts(blocks)
        music = [part for part in parts if part.key is not None]
        judgement = blocks.judge([part.blocks for part in music or parts])
    tonal, tonality, tuning = bool(music), judgement.tonality, judgement.tuning
    probabilities = judgement.probabilities
    if music and int(probabilities.argmax()) != int(
        (time := _time_in_keys(music, blocks)).argmax()
    ):
        probabilities = time
    key = KEYS[int(probabilities.argmax())]
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
        changes_key=len({part.key for part in music}) > 1,
        duration=duration,
        warnings=tuple(warnings),
        stream=stream,
        timeline=to_timeline(parts, blocks, share, first, duration) if timeline else None,
        spectrogram=spectrogram if keep_spectrogram else None,
    )


def _time_in_keys(music: Sequence[Part], blocks: Blocks) -> Floats:
    """The share of time in each key, as sure as the parts are on average: ``(24,)``, sums to 1."""
    time, sure = np.zeros(len(KEYS)), 0.0
    for part in music:
        frames = blocks.frames(part.blocks)
        time[part.key] += frames
        sure += frames * part.confidence
    sure /= time.sum()
    shares: Floats = sure * time / time.sum() + (1 - sure) / len(KEYS)
    return shares


def trim_silence(spectrogram: FloatArray) -> tuple[int, int]:
    """The first frame and the end of a track without silence around it, at least ``_LEAST_FRAMES``.

    Minutes of silence would outweigh seconds of music.
    """
    loud = np.flatnonzero(spectrogram.max(axis=0, initial=0) > SILENCE)
    if not len(loud):
        return 0, spectrogram.shape[1]
    end = int(loud[-1]) + 1
    first = min(int(loud[0]), max(0, end - _LEAST_FRAMES))
    return first, min(spectrogram.shape[1], max(end, first + _LEAST_FRAMES))
