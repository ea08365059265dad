"""Convolutions around a ring: of frequencies six octaves long, or of the 12 pitch classes.

A convolution all the way round 12 pitch classes is a product of their Fourier coefficients
(Cooley & Tukey's convolution theorem, "An algorithm for the machine calculation of complex Fourier
series", 1965): a sixth of the multiplications.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

PITCH_CLASSES = 12


class CircularConv(nn.Conv2d):
    """Convolution over (ring, time), which wraps around the one and has silence around the other.

    ``turn``: places round the ring that it looks down and up from where it is.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: tuple[int, int],
        turn: tuple[int, int],
        stride: tuple[int, int] = (1, 1),
        spacing: int = 1,
        bias: bool = False,
    ) -> None:
        """``spacing``: frames between the taps in time."""
        padding = (0, spacing * (kernel[1] // 2))
        super().__init__(inputs, outputs, kernel, stride, padding, dilation=(1, spacing), bias=bias)
        self.turn = turn

    def forward(self, x: Tensor) -> Tensor:
        if any(self.turn):
            x = F.pad(x, (0, 0, *self.turn), mode="circular")
        return super().forward(x)


class RingProduct(nn.Module):
    """What a ``CircularConv`` all the way round does, at inference."""

    def __init__(self, conv: CircularConv) -> None:
        super().__init__()
        basis = _fourier_basis()
        kernel = conv.weight.detach().double().cpu()[..., 0]
        step = torch.arange(PITCH_CLASSES)
        circulant = kernel[:, :, (step - step[:, None] + conv.turn[0]) % PITCH_CLASSES]
        # In the basis only the 2 x 2 blocks along the diagonal are left, one a frequency.
        spectrum = (basis @ circulant @ basis.T).view(
            *kernel.shape[:2], -1, 2, PITCH_CLASSES // 2, 2
        )
        blocks = spectrum.diagonal(dim1=2, dim2=4)  # (outputs, inputs, 2, 2, 6)
        blocks = blocks.permute(4, 2, 0, 3, 1).flatten(3).flatten(1, 2)
        bias = torch.zeros(blocks.shape[:2], dtype=torch.float64)
        if conv.bias is not None:
            bias[0, : len(kernel)] = conv.bias.detach().double().cpu() * math.sqrt(PITCH_CLASSES)
        self.register_buffer("_basis", basis.float())
        self.register_buffer("_blocks", blocks.float().contiguous())
        self.register_buffer("_bias", bias.float()[..., None])

    _basis: Tensor
    _blocks: Tensor
    _bias: Tensor

    def forward(self, x: Tensor) -> Tensor:
        """``(batch, inputs, 12, frames)`` -> ``(batch, outputs, 12, frames)``."""
        batch, channels, _, frames = x.shape
        rings = x.permute(2, 1, 0, 3).reshape(PITCH_CLASSES, -1)
        coefficients = (self._basis @ rings).view(-1, 2 * channels, batch * frames)
        product = torch.baddbmm(self._bias, self._blocks, coefficients)
        rings = self._basis.T @ product.view(PITCH_CLASSES, -1)
        return rings.view(PITCH_CLASSES, -1, batch, frames).permute(2, 1, 0, 3).contiguous()


def _fourier_basis() -> Tensor:
    """``(12, 12)``, orthonormal: rows of cosine and sine in turn; the first two are without sine.

    Those are the constant and the fastest, of which there is a cosine only.
    """
    place = torch.arange(PITCH_CLASSES, dtype=torch.float64)
    rows = [torch.ones_like(place) / math.sqrt(2), torch.cos(math.pi * place) / math.sqrt(2)]
    for frequency in range(1, PITCH_CLASSES // 2):
        angle = 2 * math.pi * frequency * place / PITCH_CLASSES
        rows += [torch.cos(angle), torch.sin(angle)]
    return torch.stack(rows) * math.sqrt(2 / PITCH_CLASSES)


class RingConv(nn.Module):
    """Convolution over (ring of frequencies or pitch classes, time), batch norm, GELU."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: tuple[int, int],
        stride: tuple[int, int] = (1, 1),
        spacing: int = 1,
    ) -> None:
        """``spacing``: frames between the taps in time."""
        super().__init__()
        turn = ((kernel[0] - 1) // 2, kernel[0] // 2)
        self.conv: CircularConv | RingProduct = CircularConv(
            inputs, outputs, kernel, turn, stride, spacing
        )
        self.norm: nn.BatchNorm2d | nn.Identity = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        convolved: Tensor = self.norm(self.conv(x))
        return F.gelu(convolved)

    def fold(self) -> None:
        """Let the convolution do what batch norm does at inference, for good."""
        if isinstance(self.norm, nn.BatchNorm2d) and isinstance(self.conv, CircularConv):
            self.conv = at_inference(fuse_conv_bn_eval(self.conv, self.norm))
            self.norm = nn.Identity()


def at_inference(conv: CircularConv) -> CircularConv | RingProduct:
    """The faster of the two that do the same."""
    return RingProduct(conv) if conv.kernel_size == (PITCH_CLASSES, 1) else conv
