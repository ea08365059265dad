"""The 9-layer KeyNet, for the checkpoints that users of earlier analysers have.

Korzeniowski & Widmer, "Genre-agnostic key classification with convolutional neural networks"
(ISMIR 2018), in the all-convolutional form whose parameters are named ``convN.conv.weight`` and
``convN.bn.*``.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from keyscan.model.network import Pooled
from keyscan.model.tuning import Prepared, estimate_tuning

# Channels and kernel size of conv1 to conv9.
LAYERS = (
    (20, 5), (20, 3), (40, 3), (40, 3), (80, 3), (80, 3), (160, 3), (160, 3), (24, 1),
)  # fmt: skip
_POOL_AFTER = (2, 4, 6)


class ConvElu(nn.Module):
    """A bias-free 'same' convolution, batch norm, ELU."""

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, padding="same", bias=False)
        self.bn = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        return F.elu(self.bn(self.conv(x)))


class KeyNet(nn.Module):
    """``log1p`` spectrogram (batch, 105, frames) -> 24 logits in the order of ``class_id``.

    A ``Network``; its ``Pooled`` are the class maps' sums, ``(batch, 24)``, and their number of
    values, ``(batch,)``.
    """

    stride = 8
    context = 48
    embedding_size = 0

    def __init__(self) -> None:
        super().__init__()
        inputs = 1
        for number, (outputs, kernel) in enumerate(LAYERS, start=1):
            self.add_module(f"conv{number}", ConvElu(inputs, outputs, kernel))
            inputs = outputs

    def prepare(self, spectrogram: Tensor, chunk_frames: int) -> Prepared:
        """The spectrogram as it is: this network was trained on music of any tuning."""
        return Prepared(
            estimate_tuning(spectrogram), lambda first, end: spectrogram[None, :, first:end]
        )

    def features(self, x: Tensor) -> Tensor:
        """A spectrogram (batch, 105, frames) -> class maps (batch, 24, 13, frames / 8)."""
        x = x.unsqueeze(1)
        for number in range(1, len(LAYERS) + 1):
            x = self.get_submodule(f"conv{number}")(x)
            if number in _POOL_AFTER:
                x = F.max_pool2d(x, 2)
        return x

    def pool(self, features: Tensor, frames: int) -> Pooled:
        """Sum class maps over frequency and every ``frames`` frames."""
        blocks = torch.split(features, frames, dim=-1)
        sums = torch.stack([block.sum(dim=(-2, -1)) for block in blocks], dim=1)
        sizes = [block.shape[-1] * block.shape[-2] for block in blocks]
        return sums.flatten(0, 1), sums.new_tensor(sizes * len(features))

    def classify(self, pooled: Pooled) -> Tensor:
        """The mean over both axes, shape ``(batch, 24)``."""
        sums, sizes = pooled
        return sums / sizes[:, None]

    def embed(self, pooled: Pooled) -> None:
        """There is no embedding."""

    def forward(self, x: Tensor) -> Tensor:
        features = self.features(x)
        return self.classify(self.pool(features, features.shape[-1]))
