"""Two key-finding CNNs over a log spectrogram and a mean over time, behind one protocol.

References: Korzeniowski & Widmer, "Genre-agnostic key classification with convolutional neural
networks" (ISMIR 2018), for the task as such a CNN and for KeyNet; Bittner et al., "Deep salience
representations for F0 estimation" (ISMIR 2017), for harmonics as channels.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from keyscan.keys import KEYS
from keyscan.model.circular import CircularBlock, CircularConv, FourierConv, at_inference
from keyscan.model.tuning import Prepared, estimate_tuning, prepare
from keyscan.spectrogram.constant_q import N_BINS

_BELOW = 24  # an octave of silent bins, for the subharmonics of the lowest bins
_PLACES = 144  # six octaves: the octave below, the 105 bins, and 15 silent bins
_STRIDES = (1, 2, 4, 8)
_STEP = 16  # see ``optimise_for_inference``
_BASS_FADE = 6.0  # bins with more than 1/6 of the frame's energy below them fade by e

Pooled = tuple[Tensor, ...]
"""Sums over frames of features, one row for each block of frames or track of a batch.

The sums of two blocks add up to those of both together.
"""


class Network(Protocol):
    """What ``KeyModel`` needs of a network: a track in chunks, pooled, becomes 24 logits.

    ``stride``: frames of the spectrogram to a frame of features. ``context``: the frames of the
    spectrogram before and after that its receptive field covers, rounded up to the stride.
    ``least_frames``: a shorter track is repeated up to that, as a loop is played.
    ``embedding_size``: that of ``embed``'s result; 0: there is none.
    """

    stride: int
    context: int
    least_frames: int
    embedding_size: int

    def prepare(self, spectrogram: Tensor, chunk_frames: int) -> Prepared:
        """``log1p`` magnitudes ``(105, frames)`` -> the input of ``features``, part by part."""

    def features(self, x: Tensor) -> Tensor:
        """The input ``(batch, 105, frames)`` -> features ``(..., frames / stride)``."""

    def pool(self, features: Tensor, frames: int) -> Pooled:
        """Sum over every ``frames`` frames: a row for each track of the batch and block."""

    def classify(self, pooled: Pooled) -> Tensor:
        """The logits of each row, ``(rows, 24)``, in the order of ``class_id``."""

    def embed(self, pooled: Pooled) -> Tensor | None:
        """A vector of each row that is the same in every key, ``(rows, embedding_size)``."""


@dataclass(frozen=True)
class NetworkSettings:
    """The architecture, as the checkpoint stores it.

    ``harmonics`` are shifts in bins, ``stride`` is in frames of the spectrogram; the others, but
    for ``dropout``, are channels.
    """

    harmonics: tuple[int, ...] = (0, 24, 38, 48, -24, -38)
    stem: int = 16
    pitch: int = 32
    ring: int = 48
    head: int = 64
    dropout: float = 0.25
    stride: int = 4

    def __post_init__(self) -> None:
        """Raises ValueError, naming the setting, if it is out of range."""
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
        """Raises TypeError, KeyError or ValueError unless the values are valid settings."""
        return cls(**(values | {"harmonics": tuple(values["harmonics"])}))


class EquivariantNetwork(nn.Module):
    """A ``Network`` that is transposition-equivariant by construction.

    No layer knows absolute pitch: frequency is circular, six octaves long, and convolved without
    pooling; then the octaves are folded onto the 12 pitch classes. Music a semitone higher gives
    the same activations one place higher, so that every key is learned from the music in all keys.

    ``Pooled``: the sums of the features, ``(rows, channels, 12)``, the same
    weighted by attention, the number of frames, ``(rows,)``, and the sum of the weights.
    """

    class_order: Tensor
    least_frames = 50  # ten seconds, the shortest excerpts of its training

    def __init__(self, settings: NetworkSettings | None = None) -> None:
        super().__init__()
        s = self.settings = settings or NetworkSettings()
        self.stride = s.stride
        self.context = 13 * s.stride
        self.embedding_size = 2 * s.ring
        self._step = 1
        self.stem = CircularBlock(len(s.harmonics) + 1, s.stem, (5, 5), (2, s.stride))
        self.pitch_in = CircularBlock(s.stem, s.pitch, (3, 3))
        self.pitch = CircularBlock(s.pitch, s.pitch, (3, 3))
        self.ring_in = CircularBlock(2 * s.pitch, s.ring, (12, 1))
        self.ring_time = CircularBlock(s.ring, s.ring, (1, 5))
        self.ring = CircularBlock(s.ring, s.ring, (12, 1))
        self.phrase = CircularBlock(s.ring, s.ring, (1, 5), dilation=4)
        self.attention = nn.Linear(s.ring, 1)
        self.dropout = nn.Dropout(s.dropout)
        self.head = CircularBlock(2 * s.ring, s.head, (12, 1))
        self.logits: CircularConv | FourierConv = CircularConv(
            s.head, 2, (12, 1), padding=(0, 11), bias=True
        )
        # The last layer gives (minor, major) x (C, C#, ..., B); bin 0 of the spectrogram is a C.
        order = [12 * (key.mode == "major") + key.tonic for key in KEYS]
        self.register_buffer("class_order", torch.tensor(order), persistent=False)

    def prepare(self, spectrogram: Tensor, chunk_frames: int) -> Prepared:
        """See ``tuning.prepare``: the spectrogram in tune and normalised."""
        return prepare(spectrogram, chunk_frames)

    def _channels(self, x: Tensor, frames: int) -> Tensor:
        """Stack the spectrogram shifted by each harmonic, and one where high notes fade.

        ``frames``: of the result, at least those of ``x``; the rest is silence.
        """
        energy = torch.expm1(x)
        share = energy / (energy.sum(1, keepdim=True) + 1e-6)
        below = share.cumsum(1) - share
        bass = x * torch.exp(-_BASS_FADE * below)
        layers = [*((shift, x) for shift in self.settings.harmonics), (0, bass)]
        channels = x.new_zeros(len(x), len(layers), _PLACES, frames)
        for channel, (shift, bins) in enumerate(layers):
            low = _BELOW - shift  # the place of bin 0
            first, end = max(0, low), max(0, low, min(_PLACES, low + N_BINS))
            channels[:, channel, first:end, : x.shape[-1]] = bins[:, first - low : end - low]
        return channels

    def features(self, x: Tensor) -> Tensor:
        """A normalised spectrogram (batch, 105, frames) -> (batch, channels, 12, frames/stride)."""
        frames = -(-x.shape[-1] // self.stride)
        padded = -(-frames // self._step) * self._step

        def masked(y: Tensor) -> Tensor:
            """Zero the padding, as a convolution in time pads the end of a track with zeros."""
            if padded > frames:
                y[..., frames:] = 0
            return y

        x = masked(self.stem(self._channels(x, padded * self.stride)))
        x = masked(self.pitch_in(x))
        x = x + self.pitch(x)
        batch, channels, _, _ = x.shape
        octaves = x.view(batch, channels, -1, 12, padded)
        x = masked(self.ring_in(torch.cat([octaves.mean(2), octaves.amax(2)], dim=1)))
        x = x + self.ring_time(x)
        x = masked(x + self.ring(x))
        features: Tensor = x + self.phrase(x)
        return features[..., :frames]

    def pool(self, features: Tensor, frames: int) -> Pooled:
        """Sum features, plain and weighted by attention, over every ``frames`` frames."""
        score = self.attention(features.mean(2).transpose(1, 2)).squeeze(-1)
        weight = torch.exp(3 * torch.tanh(score))[:, None, None]
        count = torch.ones_like(weight)

        def sums(values: Tensor) -> Tensor:
            """``(batch, channels, places, frames)`` -> ``(batch * blocks, channels, places)``."""
            values = F.pad(values, (0, -values.shape[-1] % frames))
            summed = values.reshape(*values.shape[:-1], -1, frames).sum(-1)
            return summed.movedim(-1, 1).flatten(0, 1)

        weighted = sums(features * weight)
        return sums(features), weighted, sums(count).flatten(), sums(weight).flatten()

    def classify(self, pooled: Pooled) -> Tensor:
        """The logits, shape ``(rows, 24)``."""
        x = self.dropout(_means(pooled)).unsqueeze(-1)
        by_class: Tensor = self.logits(self.head(x))
        return by_class.flatten(1)[:, self.class_order]

    def embed(self, pooled: Pooled) -> Tensor:
        """The mean of every channel over the pitch classes, ``(rows, embedding_size)``."""
        return _means(pooled).mean(-1)

    def forward(self, x: Tensor) -> Tensor:
        features = self.features(x)
        return self.classify(self.pool(features, features.shape[-1]))

    def optimise_for_inference(self) -> None:
        """Fuse every batch norm, and pad features to a multiple of ``_STEP`` frames.

        oneDNN compiles kernels for every new length, which costs milliseconds and stays in memory.
        On tracks of 600 to 1,600 frames the padding saves a quarter of the model's time, and the
        60 MB that 60 new lengths take.
        """
        self.eval()
        self._step = _STEP
        for module in self.modules():
            if isinstance(module, CircularBlock):
                module.fuse()
        if isinstance(self.logits, CircularConv):
            self.logits = at_inference(self.logits)


def _means(pooled: Pooled) -> Tensor:
    """Over time, plain and weighted by attention: ``(rows, 2 * channels, 12)``."""
    sums, attended, frames, weight = pooled
    return torch.cat([sums / frames[:, None, None], attended / weight[:, None, None]], dim=1)


class KeyNet(nn.Module):
    """A ``Network`` of 9 layers, for the checkpoints that users of earlier analysers have.

    Its parameters are named ``convN.conv.weight`` and ``convN.bn.*``. ``Pooled``: the class maps'
    sums, ``(rows, 24)``, and their number of values, ``(rows,)``.
    """

    stride = 8
    context = 48
    least_frames = 8  # it halves the frames three times
    embedding_size = 0

    def __init__(self) -> None:
        super().__init__()
        inputs = 1
        channels, kernels = (20, 20, 40, 40, 80, 80, 160, 160, 24), (5, 3, 3, 3, 3, 3, 3, 3, 1)
        for number, (outputs, kernel) in enumerate(zip(channels, kernels, strict=True), start=1):
            conv = nn.Conv2d(inputs, outputs, kernel, padding="same", bias=False)
            layers = OrderedDict(conv=conv, bn=nn.BatchNorm2d(outputs), elu=nn.ELU())
            if number in (2, 4, 6):
                layers["pool"] = nn.MaxPool2d(2)
            self.add_module(f"conv{number}", nn.Sequential(layers))
            inputs = outputs

    def prepare(self, spectrogram: Tensor, chunk_frames: int) -> Prepared:
        """The spectrogram as it is: this network was trained on music of any tuning."""
        tuning = estimate_tuning(spectrogram)
        return Prepared(tuning, lambda first, end: spectrogram[None, :, first:end])

    def features(self, x: Tensor) -> Tensor:
        """A spectrogram (batch, 105, frames) -> class maps (batch, 24, 13, frames / 8)."""
        x = x.unsqueeze(1)
        for layer in self.children():
            x = layer(x)
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
