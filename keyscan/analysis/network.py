"""A key-finding CNN that is transposition-equivariant by construction.

No layer knows absolute pitch: frequency is a ring of 6 octaves, convolved without pooling, then
folded onto the ring of 12 pitch classes. Music a semitone higher gives the same activations one
place further round, so that every key is learned from all the music in every key.

References: Korzeniowski & Widmer, "Genre-agnostic key classification with convolutional neural
networks" (ISMIR 2018), for the task as a CNN over a log spectrogram and a mean over time; Bittner
et al., "Deep salience representations for F0 estimation" (ISMIR 2017), for harmonics as channels.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

from keyscan.keys import KEYS

BINS_PER_OCTAVE = 24
N_BINS = 105
_BELOW = 24  # an octave of silent bins: room for the fundamentals that the front end cannot see
_RING = 144  # six octaves: those, the 105 bins, and 15 silent ones where the top meets the bottom
_CONTRAST = 6.0  # how far above a track's mean magnitude the logarithm starts to compress
_STRIDES = (1, 2, 4, 8)  # tracks are worked through in pieces of a multiple of these
_BASS_FADE = 6.0  # e-fold after this share (1/6) of a frame's energy lies lower


@dataclass(frozen=True)
class NetworkSettings:
    """The architecture; travels in the checkpoint.

    ``harmonics`` are shifts in bins, ``stride`` is in frames of the spectrogram.
    """

    harmonics: tuple[int, ...] = (0, 24, 38, 48, -24, -38)
    stem: int = 16
    pitch: int = 32
    ring: int = 48
    head: int = 64
    dropout: float = 0.25
    stride: int = 4

    def __post_init__(self) -> None:
        """Raises ValueError, naming the setting, if there is no such network."""
        for name in ("stem", "pitch", "ring", "head"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: at least 1 channel")
        if not 0 <= self.dropout < 1:
            raise ValueError("dropout: from 0 to less than 1")
        if self.stride not in _STRIDES:
            raise ValueError(f"stride: one of {', '.join(map(str, _STRIDES))}")

    def to_dict(self) -> dict[str, Any]:
        return asdict(self) | {"harmonics": list(self.harmonics)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> NetworkSettings:
        """Raises TypeError, KeyError or ValueError if these are not the settings of a network."""
        return cls(**(values | {"harmonics": tuple(values["harmonics"])}))


class Summary(NamedTuple):
    """Sums over the frames of a part of a track; those of all parts add up to the track's."""

    features: Tensor  # (batch, channels, 12)
    attended: Tensor  # (batch, channels, 12), weighted by attention
    frames: Tensor  # (batch,)
    weight: Tensor  # (batch,)

    def plus(self, other: Summary) -> Summary:
        return Summary(*(a + b for a, b in zip(self, other, strict=True)))


def _means(total: Summary) -> Tensor:
    """Over time, plain and weighted by attention: ``(batch, 2 * channels, 12)``."""
    mean = total.features / total.frames[:, None, None]
    attended = total.attended / total.weight[:, None, None]
    return torch.cat([mean, attended], dim=1)


def normalise(spectrogram: Tensor, mean: Tensor | float | None = None) -> Tensor:
    """Make ``log1p(|C|)``, shape ``(..., bins, frames)``, independent of the track's loudness.

    ``mean``: of ``|C|``, where ``spectrogram`` is a part of a track; None: it is the whole.
    """
    magnitude = torch.expm1(spectrogram)
    if mean is None:
        mean = magnitude.mean(dim=(-2, -1), keepdim=True)
    return torch.log1p(magnitude * (_CONTRAST / (mean + 1e-9)))


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
        self.turn = ((kernel[0] - 1) // 2, kernel[0] // 2)
        padding = (0, spacing * (kernel[1] // 2))
        self.conv = nn.Conv2d(
            inputs, outputs, kernel, stride, padding, dilation=(1, spacing), bias=False
        )
        self.norm: nn.BatchNorm2d | nn.Identity = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = F.pad(x, (0, 0, *self.turn), mode="circular")
        convolved: Tensor = self.norm(self.conv(x))
        return F.gelu(convolved)

    def fold(self) -> None:
        """Let the convolution do what batch norm does at inference, for good."""
        if isinstance(self.norm, nn.BatchNorm2d):
            self.conv = fuse_conv_bn_eval(self.conv, self.norm)
            self.norm = nn.Identity()


class EquivariantNetwork(nn.Module):
    """Spectrogram (batch, 105, frames), normalised -> 24 logits in the order of ``class_id``."""

    class_order: Tensor

    def __init__(self, settings: NetworkSettings | None = None) -> None:
        super().__init__()
        s = self.settings = settings or NetworkSettings()
        self.stride = s.stride  # frames of the spectrogram a frame of features
        self.halo = 13 * s.stride  # frames a feature looks back and ahead, rounded up
        self.stem = RingConv(len(s.harmonics) + 1, s.stem, (5, 5), (2, s.stride))
        self.pitch_in = RingConv(s.stem, s.pitch, (3, 3))
        self.pitch = RingConv(s.pitch, s.pitch, (3, 3))
        self.ring_in = RingConv(2 * s.pitch, s.ring, (12, 1))
        self.ring_time = RingConv(s.ring, s.ring, (1, 5))
        self.ring = RingConv(s.ring, s.ring, (12, 1))
        self.phrase = RingConv(s.ring, s.ring, (1, 5), spacing=4)
        self.attention = nn.Linear(s.ring, 1)
        self.dropout = nn.Dropout(s.dropout)
        self.head = RingConv(2 * s.ring, s.head, (12, 1))
        self.logits = nn.Conv2d(s.head, 2, (12, 1))
        # The ring gives (minor, major) x (C, C#, ..., B); bin 0 of the spectrogram is a C.
        order = [12 * (key.mode == "major") + key.tonic for key in KEYS]
        self.register_buffer("class_order", torch.tensor(order), persistent=False)

    def _channels(self, x: Tensor) -> Tensor:
        """Each bin with its harmonics beside it, and what is left of it as a bass note."""
        x = F.pad(x, (0, 0, _BELOW, _RING - N_BINS - _BELOW))
        shifted = [F.pad(x, (0, 0, -shift, shift)) for shift in self.settings.harmonics]
        energy = torch.expm1(x)
        share = energy / (energy.sum(1, keepdim=True) + 1e-6)
        below = share.cumsum(1) - share
        return torch.stack([*shifted, x * torch.exp(-_BASS_FADE * below)], dim=1)

    def features(self, x: Tensor) -> Tensor:
        """A normalised spectrogram (batch, 105, frames) -> (batch, channels, 12, frames/stride)."""
        x = self.pitch_in(self.stem(self._channels(x)))
        x = x + self.pitch(x)
        batch, channels, _, frames = x.shape
        octaves = x.view(batch, channels, -1, 12, frames)
        x = self.ring_in(torch.cat([octaves.mean(2), octaves.amax(2)], dim=1))
        x = x + self.ring_time(x)
        x = x + self.ring(x)
        features: Tensor = x + self.phrase(x)
        return features

    def summarise(self, x: Tensor) -> Summary:
        """Sums over the frames of ``features``, or of a part of them."""
        score = self.attention(x.mean(2).transpose(1, 2)).squeeze(-1)
        weight = torch.exp(3 * torch.tanh(score))
        return Summary(
            x.sum(-1),
            (x * weight[:, None, None]).sum(-1),
            torch.full_like(weight[:, 0], x.shape[-1]),
            weight.sum(-1),
        )

    def conclude(self, total: Summary) -> Tensor:
        """The logits, shape ``(batch, 24)``, for a track's sums."""
        x = self.dropout(_means(total)).unsqueeze(-1)
        x = F.pad(self.head(x), (0, 0, 0, 11), mode="circular")
        rings: Tensor = self.logits(x)
        return rings.flatten(1)[:, self.class_order]

    def traits(self, total: Summary) -> Tensor:
        """What a track's sums say of it whatever its key is, shape ``(batch, 2 * channels)``."""
        return _means(total).mean(-1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conclude(self.summarise(self.features(x)))

    def fold(self) -> None:
        """Make it faster for inference only: every batch norm goes into its convolution."""
        self.eval()
        for module in self.modules():
            if isinstance(module, RingConv):
                module.fold()
