"""What the network looks at: a spectrogram in tune and at one loudness, a part at a time."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from keyscan.analysis.network import normalise
from keyscan.analysis.tuning import estimate_tuning, retune


class Preparation:
    """``normalise(in_tune(spectrogram))`` without a second copy of a track of many hours."""

    def __init__(self, spectrogram: Tensor, part_frames: int) -> None:
        """``spectrogram``: ``log1p`` magnitudes ``(bins, frames)``, read again for every part."""
        self._spectrogram = spectrogram
        self.tuning = estimate_tuning(spectrogram)
        self._cents = self.tuning.cents if self.tuning.is_clear else None
        firsts = range(0, spectrogram.shape[1], part_frames)
        parts = [spectrogram[:, first : first + part_frames] for first in firsts]
        self._mean = self._mean_in_tune = _mean_magnitude(iter(parts))
        if self._cents is not None:
            self._mean_in_tune = _mean_magnitude(map(self._in_tune, parts))

    def part(self, first: int, end: int) -> Tensor:
        """The frames ``first`` to ``end``, ``(1, bins, end - first)``."""
        return normalise(self._in_tune(self._spectrogram[:, first:end]), self._mean_in_tune)[None]

    def _in_tune(self, part: Tensor) -> Tensor:
        return part if self._cents is None else retune(part, self._cents, self._mean)


def _mean_magnitude(parts: Iterator[Tensor]) -> float:
    total, values = 0.0, 0
    for part in parts:
        total += float(torch.expm1(part).sum())
        values += part.numel()
    return total / values
