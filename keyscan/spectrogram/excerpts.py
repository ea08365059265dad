"""A file becomes the spectrogram of a few stretches, spread over the track."""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np

from keyscan.audio.excerpts import Excerpts, NotInParts
from keyscan.audio.source import SourceFile
from keyscan.errors import AnalysisError, Cancelled
from keyscan.runtime import Stages
from keyscan.spectrogram.constant_q import (
    DROPPED_FRAMES,
    FRAMES_PER_SECOND,
    SILENCE,
    STRETCHES,
    ConstantQ,
    Features,
    FloatArray,
    load_filter_bank,
)

STRETCH_SECONDS = 12
LONGEST_SECONDS = 900.0
"""Longer recordings are sets of several pieces."""
_MOST_OF_IT = 0.6  # of a track: to decode more in parts does not pay


def extract_excerpts(
    file: str | os.PathLike[str] | SourceFile,
    should_stop: Callable[[], bool] = lambda: False,
    opened: Callable[[float], None] = lambda seconds: None,
    *,
    stream: int | None = None,
) -> Features:
    """The features of ``STRETCHES`` stretches, evenly spread: their frames, one after the other.

    Every frame is that of the whole track's spectrogram at the same time.

    Args:
        file, should_stop, opened, stream: as of ``extract_features``.

    Returns:
        The spectrogram, ``(105, frames)``; ``duration`` is that of the whole track.

    Raises:
        NotInParts: the file is to be analysed as a whole, also where it is damaged or silent.
        Cancelled: ``should_stop()`` was true.
    """
    stages = Stages()
    try:
        with Excerpts(file, load_filter_bank().sample_rate, stages, stream) as audio:
            opened(audio.length)
            parts = [_frames(audio, first, stages, should_stop) for first in _starts(audio.length)]
            if audio.mix.cancels:
                raise NotInParts("its channels cancel each other")
            length, number = audio.length, audio.stream
    except Cancelled:
        raise
    except AnalysisError as error:
        raise NotInParts(str(error)) from error
    spectrogram = np.concatenate(parts, axis=1)
    if spectrogram.max() < SILENCE:
        raise NotInParts("it may be silent")
    return Features(
        spectrogram, length, (), stages.seconds, stream=number,
        analysed_seconds=float(STRETCHES * STRETCH_SECONDS),
    )  # fmt: skip


def _starts(seconds: float) -> list[int]:
    """The first frames of the stretches."""
    if not STRETCHES * STRETCH_SECONDS / _MOST_OF_IT <= seconds <= LONGEST_SECONDS:
        raise NotInParts("its length")
    centres = (np.arange(STRETCHES) + 0.5) / STRETCHES * seconds
    return [round((centre - STRETCH_SECONDS / 2) * FRAMES_PER_SECOND) for centre in centres]


def _frames(
    audio: Excerpts, first: int, stages: Stages, should_stop: Callable[[], bool]
) -> FloatArray:
    """The frames of one stretch, ``(105, frames)``."""
    bank = load_filter_bank()
    wanted = STRETCH_SECONDS * FRAMES_PER_SECOND
    lead = bank.reach + 1  # frames: what the filters and the resampler reach
    start = (first - lead) / FRAMES_PER_SECOND
    end = (first + wanted + lead + DROPPED_FRAMES) / FRAMES_PER_SECOND
    transform = ConstantQ(bank)
    for block in audio.part(start, end):
        if should_stop():
            raise Cancelled
        with stages.measure("cqt"):
            transform.push(block)
    with stages.measure("cqt"):
        return transform.finish()[:, lead : lead + wanted]
