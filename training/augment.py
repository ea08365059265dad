"""Random augmentation of batches of spectrograms, modelled on real recordings."""

from __future__ import annotations

import torch
from torch import Tensor

_EQUALISER_KNOTS = 7


def _uniform(rng: torch.Generator, low: float, high: float, *shape: int) -> Tensor:
    return torch.rand(*shape, generator=rng) * (high - low) + low


def _equaliser(rng: torch.Generator, batch: int, bins: int) -> Tensor:
    """Smooth gains over frequency, a few dB each way, shape ``(batch, bins, 1)``."""
    spread = _uniform(rng, 0.0, 5.0, batch, 1, 1)
    decibels = torch.randn(batch, 1, _EQUALISER_KNOTS, generator=rng) * spread
    curve = torch.nn.functional.interpolate(decibels, bins, mode="linear", align_corners=True)
    return (10 ** (curve / 20)).transpose(1, 2)


def _masks(rng: torch.Generator, batch: int, size: int, share: float, widest: int) -> Tensor:
    """0 in one random stretch of a ``share`` of the rows, 1 elsewhere, shape ``(batch, size)``."""
    width = torch.randint(1, widest + 1, (batch, 1), generator=rng)
    width = width * (torch.rand(batch, 1, generator=rng) < share)
    start = torch.randint(0, size, (batch, 1), generator=rng)
    at = torch.arange(size)
    return 1.0 - ((at >= start) & (at < start + width)).float()


def augment(spectrograms: Tensor, rng: torch.Generator) -> Tensor:
    """``log1p`` magnitudes ``(batch, bins, frames)`` -> the same, equalised, noisier, with gaps.

    The level needs no jitter: the network's own normalisation removes it.
    """
    batch, bins, frames = spectrograms.shape
    magnitude = torch.expm1(spectrograms)
    level = magnitude.mean((1, 2), keepdim=True)
    # Compressors and expanders: a power of the magnitude changes the contrast.
    power = _uniform(rng, 0.8, 1.2, batch, 1, 1)
    power[torch.rand(batch, generator=rng) < 0.5] = 1.0
    magnitude = (magnitude / (level + 1e-9)).clamp(1e-4) ** power
    magnitude = magnitude * _equaliser(rng, batch, bins)
    noise = 10 ** _uniform(rng, -3.0, -0.6, batch, 1, 1)
    magnitude = magnitude + noise * torch.rand(batch, bins, frames, generator=rng)
    magnitude = magnitude * _masks(rng, batch, bins, 0.3, 20).unsqueeze(2)
    magnitude = magnitude * _masks(rng, batch, frames, 0.2, frames // 4).unsqueeze(1)
    return torch.log1p(magnitude)
