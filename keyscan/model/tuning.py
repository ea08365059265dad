"""How far a recording is from A = 440 Hz, and its spectrogram moved to where it would be in tune.

Every spectral peak votes for a deviation from the equal-tempered scale, refined by a parabola
through three bins (Smith & Serra, "PARSHL", 1987); the votes are averaged around the circle of 100
cents (as in Dressler & Streich, "Tuning frequency estimation using circular statistics", ISMIR
2007).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from keyscan.spectrogram.constant_q import BINS_PER_OCTAVE, FMIN

_BIN_CENTS = 1200 / BINS_PER_OCTAVE
_FIRST_CENTS = 1200 * math.log2(FMIN / 440.0)
_LOWEST_BIN = 12  # below are the drums, whose pitch is not the music's
_FRAMES = 1600  # about so many, evenly spread; fewer may keep step with the beat
_LOUD = 0.1  # a peak counts above this share of the loudest bin of its frame
_CLEAR = 0.12  # less agreement than this among the peaks is no tuning
_CERTAIN = 0.25  # below, more than one recording in five is found over 3 cents off
# Tracks are as often above concert pitch (A = 442 or 443 Hz) as exactly on it, less often below.
_HIGHEST = 53.0
_FLOOR = 1e-4
_QUIET = 0.01


@dataclass(frozen=True)
class Tuning:
    """``cents`` above A = 440 Hz, -47 to 53; ``clarity``: 0 (no two peaks agree) to 1 (all do)."""

    cents: float
    clarity: float

    @property
    def is_clear(self) -> bool:
        """Whether the peaks agree enough to be moved."""
        return self.clarity >= _CLEAR

    @property
    def is_certain(self) -> bool:
        """Whether they agree enough to tell ``cents`` to people."""
        return self.clarity >= _CERTAIN


def estimate_tuning(spectrogram: Tensor) -> Tuning:
    """``log1p`` magnitudes ``(105, frames)`` -> how they are tuned; silence has no clarity."""
    return tuning_of(torch.expm1(_evenly_spread(spectrogram)))


def tuning_of(magnitude: Tensor) -> Tuning:
    """As ``estimate_tuning``, of magnitudes ``(105, frames)``."""
    magnitude = _evenly_spread(magnitude)  # what is spread already stays as it is
    upper = magnitude[_LOWEST_BIN - 1 :]
    level = torch.log(upper + _FLOOR * magnitude.mean() + 1e-12)
    below, centre, above = level[:-2], level[1:-1], level[2:]
    loud = upper[1:-1] > _LOUD * magnitude.amax(0)
    # Of levels: next to silence, magnitudes may differ where their logarithms do not.
    bins, columns = (loud & (centre > below) & (centre >= above)).nonzero(as_tuple=True)
    if not len(bins):
        return Tuning(0.0, 0.0)
    low, mid, high = below[bins, columns], centre[bins, columns], above[bins, columns]
    bins += _LOWEST_BIN  # the peak's own
    positions = bins + 0.5 * (low - high) / (low - 2 * mid + high)
    angles = (positions * _BIN_CENTS + _FIRST_CENTS) * (2 * math.pi / 100)
    # Every frame has the same say, but for those that are next to silent.
    frame = magnitude.sum(0)
    weights = magnitude[bins, columns] / (frame + _QUIET * frame.mean())[columns]
    total = float(weights.sum())
    x, y = float((weights * angles.cos()).sum()), float((weights * angles.sin()).sum())
    cents = math.atan2(y, x) / (2 * math.pi) * 100
    return Tuning((cents - _HIGHEST) % -100 + _HIGHEST, math.hypot(x, y) / total)


def retune(magnitude: Tensor, cents: float, mean: Tensor | float | None = None) -> Tensor:
    """Music ``cents`` above concert pitch -> as if it were on it; magnitudes of the same shape.

    ``mean``: of the magnitudes, where ``magnitude`` is a part of a track; None: it is the whole.
    Cubic interpolation over the bins (Catmull & Rom, 1974) of the logarithm, in which the main lobe
    of a peak is nearly a parabola.
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
    """The spectrogram of the same music at concert pitch; as it is, where no tuning is clear."""
    magnitude = torch.expm1(spectrogram)
    tuning = tuning_of(magnitude)
    return torch.log1p(retune(magnitude, tuning.cents)) if tuning.is_clear else spectrogram


def _evenly_spread(spectrogram: Tensor) -> Tensor:
    return spectrogram[:, :: max(1, spectrogram.shape[1] // _FRAMES)]
