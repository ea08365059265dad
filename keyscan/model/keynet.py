"""The 9-layer KeyNet, for the checkpoints that users of earlier analysers have.

Korzeniowski & Widmer, "Genre-agnostic key classification with convolutional neural networks"
(ISMIR 2018), in the all-convolutional form whose parameters are named ``convN.conv.weight`` and
``convN.bn.*``.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# Channels and kernel size of conv1 to conv9.
LAYERS = (
    (20, 5), (20, 3), (40, 3), (40, 3), (80, 3), (80, 3), (160, 3), (160, 3), (24, 1),
)  # fmt: skip
_POOL_AFTER = (2, 4, 6)


class MapSum(NamedTuple):
    """The class maps of a part of a track, summed over frequency and time, and their size."""

    total: Tensor  # (batch, 24)
    places: Tensor  # (batch,)

    def plus(self, other: MapSum) -> MapSum:
        return MapSum(self.total + other.total, self.places + other.places)


class ConvElu(nn.Module):
    """A bias-free 'same' convolution, batch norm, ELU."""

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, padding="same", bias=False)
        self.bn = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        return F.elu(self.bn(self.conv(x)))


class KeyNet(nn.Module):
    """``log1p`` spectrogram (batch, 105, frames) -> 24 logits in the order of ``class_id``."""

    stride = 8
    halo = 48  # the frames that a class map looks back and ahead, rounded up to the stride

    def __init__(self) -> None:
        super().__init__()
        inputs = 1
        for number, (outputs, kernel) in enumerate(LAYERS, start=1):
            self.add_module(f"conv{number}", ConvElu(inputs, outputs, kernel))
            inputs = outputs

    def features(self, x: Tensor) -> Tensor:
        """A spectrogram (batch, 105, frames) -> class maps (batch, 24, 13, frames/8)."""
        x = x.unsqueeze(1)
        for number in range(1, len(LAYERS) + 1):
            x = self.get_submodule(f"conv{number}")(x)
            if number in _POOL_AFTER:
                x = F.max_pool2d(x, 2)
        return x

    def summarise(self, x: Tensor) -> MapSum:
        """Sums over frequency and time of class maps, or of a part of them."""
        places = torch.full_like(x[:, 0, 0, 0], x.shape[-1] * x.shape[-2])
        return MapSum(x.sum(dim=(-2, -1)), places)

    def conclude(self, total: MapSum) -> Tensor:
        """The mean over both axes, shape ``(batch, 24)``."""
        return total.total / total.places[:, None]

    def forward(self, x: Tensor) -> Tensor:
        return self.conclude(self.summarise(self.features(x)))
