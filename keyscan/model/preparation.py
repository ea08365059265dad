"""What the network looks at: a spectrogram in tune and at one loudness, a part at a time."""

from __future__ import annotations

import torch
from torch import Tensor

from keyscan.model.network import normalise_magnitude
from keyscan.model.tuning import estimate_tuning, retune, tuning_of


class Preparation:
    """``normalise(in_tune(spectrogram))`` without a second copy of a track of many hours."""

    def __init__(self, spectrogram: Tensor, part_frames: int) -> None:
        """``spectrogram``: ``log1p`` magnitudes ``(bins, frames)``, read again for every part.

        One of up to ``part_frames`` is worked on once, and then ``part`` is a slice.
        """
        self._spectrogram = spectrogram
        frames = spectrogram.shape[1]
        self._whole: Tensor | None = None
        if frames <= part_frames:
            magnitude = torch.expm1(spectrogram)
            self.tuning = tuning_of(magnitude)
            self._mean = float(magnitude.mean())
            magnitude = self._in_tune(magnitude)
            self._whole = normalise_magnitude(magnitude, magnitude.mean())
            return
        self.tuning = estimate_tuning(spectrogram)
        parts = [(first, first + part_frames) for first in range(0, frames, part_frames)]
        total = sum(float(self._magnitude(*part).sum()) for part in parts)
        self._mean = self._mean_in_tune = total / spectrogram.numel()
        if self.tuning.is_clear:
            total = sum(float(self._in_tune(self._magnitude(*part)).sum()) for part in parts)
            self._mean_in_tune = total / spectrogram.numel()

    def part(self, first: int, end: int) -> Tensor:
        """The frames ``first`` to ``end``, ``(1, bins, end - first)``."""
        if self._whole is not None:
            return self._whole[None, :, first:end]
        magnitude = self._in_tune(self._magnitude(first, end))
        return normalise_magnitude(magnitude, self._mean_in_tune)[None]

    def _magnitude(self, first: int, end: int) -> Tensor:
        return torch.expm1(self._spectrogram[:, first:end])

    def _in_tune(self, magnitude: Tensor) -> Tensor:
        if not self.tuning.is_clear:
            return magnitude
        return retune(magnitude, self.tuning.cents, self._mean)
