"""The constant-Q of librosa itself, which our own product of filters is held to."""

from __future__ import annotations

import numpy as np

from keyscan.spectrogram import stand_ins
from keyscan.spectrogram.constant_q import DROPPED_FRAMES, FloatArray

stand_ins.install()

import librosa  # noqa: E402

SAMPLE_RATE = 44100


def librosa_constant_q(samples: FloatArray) -> FloatArray:
    """``log1p(|librosa.cqt|)`` of mono audio at 44.1 kHz, shape ``(105, frames)``."""
    transform = librosa.cqt(
        samples, sr=SAMPLE_RATE, hop_length=8820, n_bins=105, bins_per_octave=24, fmin=65
    )
    spectrogram = np.log1p(np.abs(transform[:, :-DROPPED_FRAMES]))
    return np.ascontiguousarray(spectrogram, np.float32)
