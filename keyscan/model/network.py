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

from keyscan.keys import KEYS
from keyscan.model.ring import CircularConv, RingConv, RingProduct, at_inference
from keyscan.spectrogram.constant_q import N_BINS

_BELOW = 24  # an octave of silent bins: room for the fundamentals that the front end cannot see
_RING = 144  # six octaves: those, the 105 bins, and 15 silent ones where the top meets the bottom
_CONTRAST = 6.0  # how far above a track's mean magnitude the logarithm starts to compress
_STRIDES = (1, 2, 4, 8)  # tracks are worked through in pieces of a multiple of these
_STEP = 16  # frames of features: at inference only multiples of it are worked on, see ``fold``
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
    return normalise_magnitude(torch.expm1(spectrogram), mean)


def normalise_magnitude(magnitude: Tensor, mean: Tensor | float | None = None) -> Tensor:
    """As ``normalise``, of ``|C|``."""
    if mean is None:
        mean = magnitude.mean(dim=(-2, -1), keepdim=True)
    return torch.log1p(magnitude * (_CONTRAST / (mean + 1e-9)))


class EquivariantNetwork(nn.Module):
    """Spectrogram (batch, 105, frames), normalised -> 24 logits in the order of ``class_id``."""

    class_order: Tensor

    def __init__(self, settings: NetworkSettings | None = None) -> None:
        super().__init__()
        s = self.settings = settings or NetworkSettings()
        self.stride = s.stride  # frames of the spectrogram a frame of features
        self.halo = 13 * s.stride  # frames a feature looks back and ahead, rounded up
        self._step = 1
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
        self.logits: CircularConv | RingProduct = CircularConv(
            s.head, 2, (12, 1), turn=(0, 11), bias=True
        )
        # The ring gives (minor, major) x (C, C#, ..., B); bin 0 of the spectrogram is a C.
        order = [12 * (key.mode == "major") + key.tonic for key in KEYS]
        self.register_buffer("class_order", torch.tensor(order), persistent=False)

    def _channels(self, x: Tensor, frames: int) -> Tensor:
        """Each bin with its harmonics beside it, and what is left of it as a bass note.

        ``frames``: at least those of ``x``; the rest is silence.
        """
        energy = torch.expm1(x)
        share = energy / (energy.sum(1, keepdim=True) + 1e-6)
        below = share.cumsum(1) - share
        bass = x * torch.exp(-_BASS_FADE * below)
        layers = [*((shift, x) for shift in self.settings.harmonics), (0, bass)]
        channels = x.new_zeros(len(x), len(layers), _RING, frames)
        for channel, (shift, bins) in enumerate(layers):
            low = _BELOW - shift  # where on the ring bin 0 comes to lie
            first, end = max(0, low), max(0, low, min(_RING, low + N_BINS))
            channels[:, channel, first:end, : x.shape[-1]] = bins[:, first - low : end - low]
        return channels

    def features(self, x: Tensor) -> Tensor:
        """A normalised spectrogram (batch, 105, frames) -> (batch, channels, 12, frames/stride)."""
        frames = -(-x.shape[-1] // self.stride)
        padded = -(-frames // self._step) * self._step

        def silenced(y: Tensor) -> Tensor:
            """Behind the end, where a convolution in time is to see what it would in the dark."""
            if padded > frames:
                y[..., frames:] = 0
            return y

        x = silenced(self.stem(self._channels(x, padded * self.stride)))
        x = silenced(self.pitch_in(x))
        x = x + self.pitch(x)
        batch, channels, _, _ = x.shape
        octaves = x.view(batch, channels, -1, 12, padded)
        x = silenced(self.ring_in(torch.cat([octaves.mean(2), octaves.amax(2)], dim=1)))
        x = x + self.ring_time(x)
        x = silenced(x + self.ring(x))
        features: Tensor = x + self.phrase(x)
        return features[..., :frames]

    def summarise(self, x: Tensor) -> Summary:
        """Sums over the frames of ``features``, or of a part of them."""
        return self.summarise_blocks(x, x.shape[-1])

    def summarise_blocks(self, x: Tensor, frames: int) -> Summary:
        """As ``summarise``, of every so many frames of a single track: ``(blocks, ...)``."""
        score = self.attention(x.mean(2).transpose(1, 2)).squeeze(-1)
        weight = torch.exp(3 * torch.tanh(score))[:, None, None]
        count = torch.ones_like(weight)

        def sums(values: Tensor) -> Tensor:
            """``(batch, channels, places, frames)`` -> ``(batch * blocks, channels, places)``."""
            values = F.pad(values, (0, -values.shape[-1] % frames))
            summed = values.reshape(*values.shape[:-1], -1, frames).sum(-1)
            return summed.movedim(-1, 1).flatten(0, 1)

        return Summary(sums(x), sums(x * weight), sums(count).flatten(), sums(weight).flatten())

    def conclude(self, total: Summary) -> Tensor:
        """The logits, shape ``(batch, 24)``, for a track's sums."""
        x = self.dropout(_means(total)).unsqueeze(-1)
        rings: Tensor = self.logits(self.head(x))
        return rings.flatten(1)[:, self.class_order]

    def traits(self, total: Summary) -> Tensor:
        """What a track's sums say of it whatever its key is, shape ``(batch, 2 * channels)``."""
        return _means(total).mean(-1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conclude(self.summarise(self.features(x)))

    def fold(self) -> None:
        """Make it faster, for inference only.

        Every batch norm goes into its convolution, and tracks of like lengths have one length: for
        every other one, oneDNN would compile its kernels and keep them, megabytes and milliseconds.
        """
        self.eval()
        self._step = _STEP
        for module in self.modules():
            if isinstance(module, RingConv):
                module.fold()
        if isinstance(self.logits, CircularConv):
            self.logits = at_inference(self.logits)
