"""Channels become one: their mean, or what the mean loses where channels cancel each other.

The rows of an orthogonal matrix turn n channels into n mixes whose powers add up to the mean power
of the channels. Row 0 is the mean; of two channels, row 1 is half their difference (the side).
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from functools import lru_cache, partial, reduce
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Mono = NDArray[np.float32]

_OCTAVES = (65.0, 130.0, 260.0, 520.0, 1040.0, 1400.0)  # Hz: edges of the bands that are compared
_WINDOW_SECONDS = 0.09  # resolves an octave at the lowest edge
_STEP_SHARE, _LEAST_STEP, _MOST_STEP = 0.125, 0.25, 10.0  # of the time so far; seconds
_PART_SECONDS = 30.0  # in which the powers are added up: single windows scatter
_PART_WINDOWS = 3  # of a whole part in a long file
_CANCELLED = 6.0  # times the power of the mean; recorded rooms and wide pads reach 2
_LEAST_SHARE = 0.3  # of the parts: a mean without that much music is another piece
_LEAST_OCTAVE = 1e-2  # of the power of the loudest one
_LEAST_PART = 1e-3  # of the loudest one

# NaN and infinity are looked for later: numpy should not warn of them.
_quiet = np.errstate(over="ignore", invalid="ignore")


class Mixdown:
    """Mixes blocks of channels; with row 0, the mean is compared with the rest on the way.

    Attributes:
        channels: the largest number of channels so far.
    """

    def __init__(self, row: int = 0) -> None:
        self.channels = 1
        self._row = row
        self._seconds = self._next_look = 0.0
        # by part of the file: power of the mean and of the rest by octave, number of windows
        self._powers: defaultdict[int, NDArray[np.float64]]
        self._powers = defaultdict(lambda: np.zeros((2, len(_OCTAVES) - 1)))
        self._windows_in: Counter[int] = Counter()

    @property
    def cancels(self) -> bool:
        """Whether the mean loses most of an octave of the music, for a good part of the time.

        Sounds that have nothing in common have ``channels - 1`` times the power of the mean in the
        other rows.
        """
        if not self._powers:
            return False
        counts = np.array([self._windows_in[part] for part in self._powers])
        mean, rest = np.stack(list(self._powers.values()), axis=1)
        total = mean + rest
        lost = (rest > _CANCELLED * (self.channels - 1) * mean) & (
            total > _LEAST_OCTAVE * total.max(axis=1, keepdims=True)
        )
        loudness = total.sum(axis=1) / counts
        audible = loudness >= _LEAST_PART * loudness.max()
        weights = audible * np.minimum(counts, _PART_WINDOWS)
        return bool(weights @ lost.any(axis=1) >= _LEAST_SHARE * weights.sum())

    @_quiet
    def interleaved(self, samples: NDArray[Any], rate: int) -> Mono:
        """(frames, channels) of a type that ``planar`` takes to (frames,); full scale becomes +-1.

        A matrix product: numpy's ``mean(1)`` of interleaved stereo takes forty times as long.
        """
        self._look(list(samples.T), rate)
        weights = _weights(samples.shape[1], self._row) / _full_scale(samples.dtype)
        mix: Mono = samples.astype(np.float32, copy=False) @ weights.astype(np.float32)
        if samples.dtype.kind == "u" and not self._row:  # rest at the middle of the range
            mix -= np.float32(1)
        return mix

    @_quiet
    def planar(self, channels: Sequence[NDArray[Any]], rate: int) -> Mono:
        """One array (frames,) a channel, of u8, s16, s32, s64, flt or dbl, to (frames,) float32.

        The full scale becomes +-1.
        """
        self._look(channels, rate)
        dtype, count = channels[0].dtype, len(channels)
        weights = _weights(count, self._row) * count  # of the mean: ones
        if self._row:
            channels = [np.multiply(channel, weight, dtype=np.float32)
                        for channel, weight in zip(channels, weights, strict=True)]  # fmt: skip
        total = reduce(partial(np.add, dtype=np.float32), channels)
        mix: Mono = total.astype(np.float32, copy=count == 1)  # not in the decoder's own memory
        mix *= np.float32(1 / (_full_scale(dtype) * count))
        if dtype.kind == "u" and not self._row:  # unsigned samples rest at the middle of the range
            mix -= np.float32(1)
        return mix

    def _look(self, channels: Sequence[NDArray[Any]], rate: int) -> None:
        """Add the powers of some short windows, fewer in long files."""
        self.channels = max(self.channels, len(channels))
        if self._row or len(channels) == 1 or rate < 2 * _OCTAVES[0]:
            return
        frames = len(channels[0])
        width = 1 << min(round(math.log2(rate * _WINDOW_SECONDS)), frames.bit_length() - 1)
        if width < rate / _OCTAVES[1]:  # too few samples, or a damaged header
            return
        window, bands = _window_and_bands(width, rate)
        for first, part_number in self._windows(frames, width, rate):
            part = np.stack([channel[first : first + width] for channel in channels])
            scaled = part.astype(np.float32) / np.float32(_full_scale(part.dtype))
            spectra = np.fft.rfft(scaled * window)[:, : len(bands)]
            mean = _power(spectra.mean(0)) @ bands
            total = _power(spectra).mean(0) @ bands
            if np.isfinite(total).all():
                self._powers[part_number] += mean, total - mean
                self._windows_in[part_number] += 1

    def _windows(self, frames: int, width: int, rate: int) -> Iterator[tuple[int, int]]:
        """The first frames of the windows in a block, each with the part of the file it is in."""
        start, self._seconds = self._seconds, self._seconds + frames / rate
        while True:
            first = max(math.ceil((self._next_look - start) * rate), 0)
            if first + width > frames:
                return
            now = start + first / rate
            yield first, int(now / _PART_SECONDS)
            self._next_look = now + min(max(_STEP_SHARE * now, _LEAST_STEP), _MOST_STEP)


@lru_cache(maxsize=16)
def _weights(channels: int, row: int) -> NDArray[np.float64]:
    """Row ``row`` of the DCT-II matrix, scaled so that row 0 is the mean; zeros beyond the last."""
    if row == 0:
        return np.full(channels, 1 / channels)
    if row >= channels:
        return np.zeros(channels)
    angles = math.pi * row * (np.arange(channels) + 0.5) / channels
    weights: NDArray[np.float64] = np.cos(angles) * math.sqrt(2) / channels
    return weights


@lru_cache(maxsize=4)
def _window_and_bands(width: int, rate: int) -> tuple[Mono, Mono]:
    """A Hann window (width,), and a matrix (bins, octaves) that sums the power of each octave."""
    hertz = np.fft.rfftfreq(width, 1 / rate)
    hertz = hertz[hertz < _OCTAVES[-1]]
    bands = [(low <= hertz) & (hertz < high) for low, high in pairwise(_OCTAVES)]
    return np.hanning(width).astype(np.float32), np.stack(bands, 1).astype(np.float32)


def _power(spectra: NDArray[np.complexfloating[Any, Any]]) -> NDArray[Any]:
    power: NDArray[Any] = spectra.real**2 + spectra.imag**2
    return power


def _full_scale(dtype: np.dtype[Any]) -> float:
    return 1.0 if dtype.kind == "f" else float(2 ** (8 * dtype.itemsize - 1))
