"""Recordings as wide spectrograms: decoding, excerpts, and the detection of copies."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from keyscan.audio.stream import AudioStream
from keyscan.spectrogram.constant_q import ConstantQ, FloatArray
from training.shards import FRAMES_PER_SECOND, wide_bank

_OUTLINE_PARTS = 16  # means over a track, enough to distinguish a copy from a remix
_COPY_SECONDS = 2.0  # encoders pad, editors trim silence
_COPY_CORRELATION = 0.98  # of outlines; different music of the same length stays far below


def wide_spectrogram(path: Path) -> tuple[FloatArray, float]:
    """``log1p(|C|)`` of the whole file, shape ``(WIDE_BINS, frames)``, and its length in seconds.

    Decoded and resampled by the analyser's front end, transformed by the filters of the synthetic
    corpus.

    Raises:
        AnalysisError: the file cannot be decoded.
    """
    transform = ConstantQ(wide_bank())
    with AudioStream(path, wide_bank().sample_rate) as stream:
        for block in stream:
            transform.push(block)
        seconds = stream.duration
    return transform.finish(), seconds


def frames_of(seconds: float) -> int:
    """The frames of an excerpt, as ``constant_q`` returns for ``seconds``."""
    return int(seconds * FRAMES_PER_SECOND) - 1


def cut_excerpts(wide: FloatArray, frames: int, most: int) -> list[FloatArray]:
    """At most ``most`` excerpts ``(WIDE_BINS, frames)``, evenly spread, without overlap.

    A recording shorter than an excerpt gives one: it is repeated, as a loop is played.
    """
    wide = _repeated(wide, frames)
    count = min(most, wide.shape[1] // frames)
    centres = (np.arange(count) + 0.5) * wide.shape[1] / count
    starts = (centres - frames / 2).astype(int)
    return [wide[:, start : start + frames] for start in starts]


def outline_of(wide: FloatArray) -> FloatArray:
    """The means of a track's 16 parts, ``(WIDE_BINS, 16)``."""
    parts = np.array_split(_repeated(wide, _OUTLINE_PARTS), _OUTLINE_PARTS, axis=1)
    return np.stack([part.mean(1) for part in parts], axis=1)


def _repeated(wide: FloatArray, frames: int) -> FloatArray:
    """At least ``frames`` frames."""
    return np.pad(wide, ((0, 0), (0, max(0, frames - wide.shape[1]))), mode="wrap")


class Outlines:
    """Detects copies of a recording by length and loudness over time."""

    def __init__(self) -> None:
        self._known: list[tuple[float, FloatArray]] = []

    def add(self, seconds: float, outline: FloatArray) -> None:
        self._known.append((seconds, _standardised(outline)))

    def find(self, seconds: float, outline: FloatArray) -> int | None:
        """The number, in the order of ``add``, of the first recording that this is a copy of."""
        outline = _standardised(outline)
        for number, (length, known) in enumerate(self._known):
            if abs(seconds - length) <= _COPY_SECONDS and outline @ known >= _COPY_CORRELATION:
                return number
        return None


def _standardised(outline: FloatArray) -> FloatArray:
    centred = (outline - outline.mean()).ravel()
    return np.asarray(centred / (np.linalg.norm(centred) + 1e-9), np.float32)
