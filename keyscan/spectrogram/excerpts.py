"""A file becomes the spectrogram of a few stretches, spread over the track, and if need be of all.

A frame is the same whether the track is decoded in parts or as a whole.
"""

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
_STRETCH_FRAMES = STRETCH_SECONDS * FRAMES_PER_SECOND
_MOST_OF_IT = 0.6  # of a track: to decode more in parts does not pay

_Range = tuple[int, int]  # frames from the first to before the second
_ShouldStop = Callable[[], bool]


def extract_in_parts(
    file: str | os.PathLike[str] | SourceFile,
    should_stop: _ShouldStop = lambda: False,
    opened: Callable[[float], None] = lambda seconds: None,
    *,
    stream: int | None = None,
    stretches: Features | None = None,
) -> Features:
    """The features of ``STRETCHES`` stretches, evenly spread: their frames, one after the other.

    With ``stretches``, those of the whole track: only what lies between is decoded.

    Args:
        file, should_stop, opened, stream: as of ``extract_features``.
        stretches: what this function has given for the same file.

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
            ranges, frames = stretches_of(audio.length), _frames_of(audio.length)
            if stretches is not None:
                if audio.version != stretches.version:
                    raise NotInParts("it has changed")
                edges = [0, *(edge for stretch in ranges for edge in stretch), frames]
                ranges = list(zip(edges[::2], edges[1::2], strict=True))
            parts = [_part(audio, part, stages, should_stop) for part in ranges]
            if audio.mix.cancels:
                raise NotInParts("its channels cancel each other")
    except Cancelled:
        raise
    except AnalysisError as error:
        raise NotInParts(str(error)) from error
    analysed = None
    if stretches is None:
        analysed = float(STRETCHES * STRETCH_SECONDS)
    else:
        known = np.split(stretches.spectrogram, STRETCHES, axis=1)
        parts = [
            part for pair in zip(parts, [*known, known[0][:, :0]], strict=True) for part in pair
        ]
    spectrogram = np.concatenate(parts, axis=1)
    if spectrogram.max() < SILENCE:
        raise NotInParts("it may be silent")
    return Features(
        spectrogram,
        audio.length,
        (),
        stages.seconds,
        stream=audio.stream,
        analysed_seconds=analysed,
        version=audio.version,
    )


def _frames_of(seconds: float) -> int:
    """How many frames ``ConstantQ`` gives for a track."""
    return 1 + int(seconds * FRAMES_PER_SECOND) - DROPPED_FRAMES


def stretches_of(seconds: float) -> list[_Range]:
    """The frames of each stretch of a track of that length.

    Raises:
        NotInParts: the track is too short or too long.
    """
    if not STRETCHES * STRETCH_SECONDS / _MOST_OF_IT <= seconds <= LONGEST_SECONDS:
        raise NotInParts("its length is not that of one piece")
    centres = (np.arange(STRETCHES) + 0.5) / STRETCHES * seconds * FRAMES_PER_SECOND
    firsts = [round(centre - _STRETCH_FRAMES / 2) for centre in centres]
    return [(first, first + _STRETCH_FRAMES) for first in firsts]


def _part(audio: Excerpts, part: _Range, stages: Stages, should_stop: _ShouldStop) -> FloatArray:
    """The spectrogram of a part, ``(105, frames)``."""
    first, end = part
    bank = load_filter_bank()
    margin = bank.reach + 1  # frames: what the filters and the resampler reach
    lead = min(margin, first)
    transform = ConstantQ(bank)
    blocks = audio.part(
        (first - lead) / FRAMES_PER_SECOND, (end + margin + DROPPED_FRAMES) / FRAMES_PER_SECOND
    )
    for block in blocks:
        if should_stop():
            raise Cancelled
        with stages.measure("cqt"):
            transform.push(block)
    with stages.measure("cqt"):
        return transform.finish()[:, lead : lead + end - first]
