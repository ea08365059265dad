"""The constant-Q of librosa itself, which our own product of filters is held to."""

from __future__ import annotations

import numpy as np

from keyscan.spectrogram import stand_ins
from keyscan.spectrogram.constant_q import (
    BINS_PER_OCTAVE,
    DROPPED_FRAMES,
    FMIN,
    FRAMES_PER_SECOND,
    N_BINS,
    FloatArray,
)

stand_ins.install()

import librosa  # noqa: E402

SAMPLE_RATE = 44100


def librosa_constant_q(samples: FloatArray) -> FloatArray:
    """``log1p(|librosa.cqt|)`` of mono audio at 44.1 kHz, shape ``(105, frames)``."""
    transform = librosa.cqt(
        samples,
        sr=SAMPLE_RATE,
        hop_length=SAMPLE_RATE // FRAMES_PER_SECOND,
        n_bins=N_BINS,
        bins_per_octave=BINS_PER_OCTAVE,
        fmin=FMIN,
    )
    spectrogram = np.log1p(np.abs(transform[:, :-DROPPED_FRAMES]))
    return np.ascontiguousarray(spectrogram, np.float32)
