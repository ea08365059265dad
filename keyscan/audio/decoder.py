"""What a decoder is, what it reports of damage, and the mix-down: the mean of the channels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial, reduce
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
        expected_seconds: length of the sound by any header, or an estimate; 0 if there is none.
        full_scale: of the blocks; not 1 where floats were written on a scale of integers.
    """

    name: str
    format: str
    damage: Damage
    announced_seconds: float | None
    expected_seconds: float
    full_scale: float

    def __iter__(self) -> Iterator[Block]: ...

    def close(self) -> None: ...


@_quiet
def mean_of_interleaved(samples: NDArray[Any]) -> Mono:
    """(frames, channels) of float32, int16 or int32 to (frames,); the full scale becomes +-1.

    A matrix product: numpy's ``mean(1)`` of interleaved stereo takes forty times as long.
    """
    channels = samples.shape[1]
    weights = np.full(channels, 1 / (_full_scale(samples.dtype) * channels), np.float32)
    mean: Mono = samples.astype(np.float32, copy=False) @ weights
    return mean


@_quiet
def mean_of_planar(channels: Sequence[NDArray[Any]]) -> Mono:
    """One array (frames,) a channel, of u8, s16, s32, s64, flt or dbl, to (frames,) float32.

    The full scale becomes +-1.
    """
    dtype, count = channels[0].dtype, len(channels)
    total = reduce(partial(np.add, dtype=np.float32), channels)
    mean: Mono = total.astype(np.float32, copy=count == 1)  # not in the decoder's own memory
    mean *= np.float32(1 / (_full_scale(dtype) * count))
    if dtype.kind == "u":  # unsigned samples rest at the middle of their range
        mean -= np.float32(1)
    return mean


def _full_scale(dtype: np.dtype[Any]) -> float:
    return 1.0 if dtype.kind == "f" else float(2 ** (8 * dtype.itemsize - 1))
