"""A spectrogram made ready to be looked at: fewer columns, twelve notes; needs numpy alone."""

from __future__ import annotations

import numpy as np

from keyscan.spectrogram.constant_q import BINS_PER_OCTAVE, FMIN, FloatArray

A4 = 440.0
"""Hz"""
_A4_MIDI = 69


def fewer_columns(spectrogram: FloatArray, most: int) -> FloatArray:
    """``(bins, frames)`` -> ``(bins, most)`` by means over time, unless there are few anyway."""
    frames = spectrogram.shape[1]
    if frames <= most:
        return spectrogram
    starts = np.arange(most) * frames // most
    sums = np.add.reduceat(spectrogram, starts, axis=1, dtype=np.float32)
    counts = np.diff(starts, append=frames)
    return np.asarray(sums / counts, np.float32)


def bin_of(midi: float, cents: float = 0.0) -> float:
    """Where in the spectrogram, in bins, a note is that is ``cents`` above A4 = 440 Hz."""
    frequency = A4 * 2 ** ((midi - _A4_MIDI + cents / 100) / 12)
    return float(BINS_PER_OCTAVE * np.log2(frequency / FMIN))


def chroma(spectrogram: FloatArray, cents: float = 0.0) -> FloatArray:
    """``log1p(|C|)``, ``(bins, frames)`` -> the loudness of the notes C to B, ``(12, frames)``.

    The magnitudes of a note in all its octaves are averaged, and the loudest note of a frame is 1;
    silence is 0. ``cents``: the tuning that notes are looked for at. After Müller, Fundamentals of
    Music Processing (2015), section 3.1.
    """
    magnitudes = np.expm1(spectrogram)
    bins, frames = spectrogram.shape
    sums = np.zeros((12, frames), np.float32)
    counts = np.zeros((12, 1), np.float32)
    for midi in range(128):
        position = bin_of(midi, cents)
        below = int(np.floor(position))
        if below < 0 or below + 1 >= bins:
            continue
        share = position - below
        sums[midi % 12] += (1 - share) * magnitudes[below] + share * magnitudes[below + 1]
        counts[midi % 12] += 1
    means = sums / np.maximum(counts, 1)
    loudest = means.max(axis=0)
    return np.asarray(means / np.where(loudest > 1e-6, loudest, np.inf), np.float32)
