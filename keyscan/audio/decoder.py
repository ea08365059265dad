"""What a decoder is: an opened file that becomes mono blocks, and what it says of damage.

The mix-down to mono is the mean of the channels, in both decoders.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Mono = NDArray[np.float32]

# NaN and infinity are looked for later: numpy should not warn of them.
_quiet = np.errstate(over="ignore", invalid="ignore")


class Refused(Exception):
    """A decoder cannot open these bytes at all; another may."""


@dataclass(frozen=True)
class Block:
    """Consecutive mono samples (frames,) float32 at ``sample_rate`` Hz."""

    samples: Mono
    sample_rate: int


@dataclass
class Damage:
    """Found while decoding.

    Attributes:
        bad_packets: parts that were skipped.
        breaks_off: the last part is truncated.
        gave_up: the decoder could not go on behind a damaged part.
    """

    bad_packets: int = 0
    breaks_off: bool = False
    gave_up: bool = False


class Decoder(Protocol):
    """An opened file; iterating decodes it once.

    Attributes:
        name: of the library, ``"soundfile"`` or ``"pyav"``.
        format: container and codec, in the library's words.
        damage: complete once the iteration has ended.
        announced_seconds: length of the sound by an index or the file's end; None if neither
            tells it. Sound that is missing from a complete file was lost to damage.
    """

    name: str
    format: str
    damage: Damage
    announced_seconds: float | None

    def __iter__(self) -> Iterator[Block]: ...

    def close(self) -> None: ...


def without_first(blocks: Iterable[Block], count: int) -> Iterator[Block]:
    """The blocks less their first ``count`` samples."""
    for block in blocks:
        if count < len(block.samples):
            yield Block(block.samples[count:], block.sample_rate) if count else block
        count = max(count - len(block.samples), 0)


@_quiet
def mean_of_interleaved(samples: NDArray[Any]) -> Mono:
    """(frames, channels) of float32, int16 or int32 to (frames,).

    Integers come out with a full scale of +-1. A matrix product, as numpy's ``mean(1)`` on
    interleaved stereo takes forty times as long.
    """
    channels = samples.shape[1]
    full_scale = _full_scale(samples.dtype) if samples.dtype.kind == "i" else 1
    weights = np.full(channels, 1 / (full_scale * channels), np.float32)
    mean: Mono = samples.astype(np.float32, copy=False) @ weights
    return mean


@_quiet
def mean_of_planar(channels: Sequence[NDArray[Any]]) -> Mono:
    """One array (frames,) a channel, of u8, s16, s32, s64, flt or dbl, to (frames,) float32.

    Integers come out with a full scale of +-1.
    """
    dtype, count = channels[0].dtype, len(channels)
    mean: Mono = channels[0].astype(np.float32) if count == 1 else _sum(channels)
    if dtype.kind == "f":
        if count > 1:
            mean *= np.float32(1 / count)
        return mean
    full_scale = _full_scale(dtype)
    mean *= np.float32(1 / (full_scale * count))
    if dtype.kind == "u":  # unsigned samples rest at the middle of their range
        mean -= np.float32(1)
    return mean


def _full_scale(dtype: np.dtype[Any]) -> float:
    return float(2 ** (8 * dtype.itemsize - 1))


def _sum(channels: Sequence[NDArray[Any]]) -> Mono:
    total: Mono = np.add(channels[0], channels[1], dtype=np.float32)
    for channel in channels[2:]:
        np.add(total, channel, out=total, dtype=np.float32)
    return total
