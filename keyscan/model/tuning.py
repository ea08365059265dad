"""The tuning of a recording; its spectrogram brought to A = 440 Hz and to one loudness.

Every spectral peak gives a deviation from the equal-tempered scale, refined by a parabola through
three bins (Smith & Serra, "PARSHL", 1987). The tuning is the deviations' circular mean over 100
cents, as in Dressler & Streich, "Tuning frequency estimation using circular statistics" (ISMIR
2007).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from keyscan.spectrogram.constant_q import BINS_PER_OCTAVE, FMIN

_BIN_CENTS = 1200 / BINS_PER_OCTAVE
_FIRST_CENTS = 1200 * math.log2(FMIN / 440.0)
_LOWEST_BIN = 12  # lower peaks are mostly drums, whose pitch is not that of the music
_FRAMES = 1600  # about so many are used, at equal distances; fewer may coincide with the beat
_LOUD = 0.1  # a peak counts above this share of the loudest bin of its frame
_CLEAR = 0.12  # with less agreement among the peaks the spectrogram stays as it is
_CERTAIN = 0.25  # with less, more than one estimate in five is over 3 cents off
# Tracks are as often above concert pitch (A = 442 or 443 Hz) as exactly at it, less often below.
_HIGHEST = 53.0
_FLOOR = 1e-4
_QUIET = 0.01
_CONTRAST = 6.0  # the logarithm compresses magnitudes above a sixth of the track's mean


@dataclass(frozen=True)
class Tuning:
    """``cents`` above A = 440 Hz, -47 to 53; ``clarity``: how well peaks agree, 0 to 1 (fully)."""

    cents: float
    clarity: float

    @property
    def is_clear(self) -> bool:
        """Whether the peaks agree enough to retune the spectrogram."""
        return self.clarity >= _CLEAR

    @property
    def is_certain(self) -> bool:
        """Whether they agree enough to report ``cents``."""
        return self.clarity >= _CERTAIN


def estimate_tuning(spectrogram: Tensor) -> Tuning:
    """``log1p`` magnitudes ``(105, frames)`` -> their tuning; silence has clarity 0."""
    magnitude = torch.expm1(spectrogram[:, :: max(1, spectrogram.shape[1] // _FRAMES)])
    upper = magnitude[_LOWEST_BIN - 1 :]
    level = torch.log(upper + _FLOOR * magnitude.mean() + 1e-12)
    below, centre, above = level[:-2], level[1:-1], level[2:]
    loud = upper[1:-1] > _LOUD * magnitude.amax(0)
    # Compare levels: next to silence, magnitudes may differ where their logarithms are equal.
    bins, columns = (loud & (centre > below) & (centre >= above)).nonzero(as_tuple=True)
    if not len(bins):
        return Tuning(0.0, 0.0)
    low, mid, high = below[bins, columns], centre[bins, columns], above[bins, columns]
    bins += _LOWEST_BIN  # from the start of the spectrogram
    positions = bins + 0.5 * (low - high) / (low - 2 * mid + high)
    angles = (positions * _BIN_CENTS + _FIRST_CENTS) * (2 * math.pi / 100)
    # All frames have the same weight, except those that are nearly silent.
    frame = magnitude.sum(0)
    weights = magnitude[bins, columns] / (frame + _QUIET * frame.mean())[columns]
    total = float(weights.sum())
    x, y = float((weights * angles.cos()).sum()), float((weights * angles.sin()).sum())
    cents = math.atan2(y, x) / (2 * math.pi) * 100
    return Tuning((cents - _HIGHEST) % -100 + _HIGHEST, math.hypot(x, y) / total)


def retune(magnitude: Tensor, cents: float, mean: Tensor | float | None = None) -> Tensor:
    """Move music ``cents`` above concert pitch down to it; magnitudes of the same shape.

    ``mean``: that of the track, by default of ``magnitude``. Cubic interpolation over the bins
    (Catmull & Rom, 1974) of the logarithm, in which the main lobe of a peak is nearly a parabola.
    """
    shift = cents / _BIN_CENTS
    whole = math.floor(shift)
    t = shift - whole
    taps = (
        -0.5 * t + t**2 - 0.5 * t**3,
        1 - 2.5 * t**2 + 1.5 * t**3,
        0.5 * t + 2 * t**2 - 1.5 * t**3,
        -0.5 * t**2 + 0.5 * t**3,
    )
    floor = _FLOOR * (magnitude.mean() if mean is None else mean) + 1e-12
    level = F.pad(torch.log(magnitude + floor)[None], (0, 0, 3, 3), mode="replicate")[0]
    bins = len(magnitude)
    moved = torch.zeros_like(magnitude)
    for first, tap in enumerate(taps, start=2 + whole):
        moved.add_(level[first : first + bins], alpha=tap)
    return moved.exp_().sub_(floor).clamp_(min=0)


def in_tune(spectrogram: Tensor) -> Tensor:
    """The spectrogram of the same music at concert pitch; unchanged where no tuning is clear."""
    tuning = estimate_tuning(spectrogram)
    if not tuning.is_clear:
        return spectrogram
    return torch.log1p(retune(torch.expm1(spectrogram), tuning.cents))


def normalise(spectrogram: Tensor) -> Tensor:
    """Make ``log1p(|C|)``, shape ``(..., bins, frames)``, independent of the track's loudness."""
    magnitude = torch.expm1(spectrogram)
    return _normalised(magnitude, magnitude.mean(dim=(-2, -1), keepdim=True))


def _normalised(magnitude: Tensor, mean: Tensor | float) -> Tensor:
    return torch.log1p(magnitude * (_CONTRAST / (mean + 1e-9)))


class Prepared(NamedTuple):
    """A track as a network's input: ``part(first, end)`` gives ``(1, bins, end - first)``."""

    tuning: Tuning
    part: Callable[[int, int], Tensor]


def prepare(spectrogram: Tensor, chunk_frames: int) -> Prepared:
    """``normalise(in_tune(spectrogram))`` in parts, without a second copy of a long track.

    ``spectrogram``: ``log1p`` magnitudes ``(bins, frames)``. A track of up to ``chunk_frames``
    frames is prepared at once; of a longer one every part is prepared when it is asked for.
    """
    tuning = estimate_tuning(spectrogram)

    def retuned(magnitude: Tensor, mean: float) -> Tensor:
        return retune(magnitude, tuning.cents, mean) if tuning.is_clear else magnitude

    if spectrogram.shape[1] <= chunk_frames:
        magnitude = torch.expm1(spectrogram)
        magnitude = retuned(magnitude, float(magnitude.mean()))
        whole = _normalised(magnitude, magnitude.mean())[None]
        return Prepared(tuning, lambda first, end: whole[..., first:end])
    chunks = torch.split(spectrogram, chunk_frames, dim=1)
    mean = sum(float(torch.expm1(chunk).sum()) for chunk in chunks) / spectrogram.numel()
    total = sum(float(retuned(torch.expm1(chunk), mean).sum()) for chunk in chunks)

    def part(first: int, end: int) -> Tensor:
        magnitude = retuned(torch.expm1(spectrogram[:, first:end]), mean)
        return _normalised(magnitude, total / spectrogram.numel())[None]

    return Prepared(tuning, part)
