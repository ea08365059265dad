"""Samples of any format and layout to one float32 channel: the mean of the channels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Mono = NDArray[np.float32]

# Samples that are no numbers are looked for later; they are no reason to print.
_quiet = np.errstate(over="ignore", invalid="ignore")


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
    kind, count = channels[0].dtype, len(channels)
    mean: Mono = channels[0].astype(np.float32) if count == 1 else _sum(channels)
    if kind.kind == "f":
        if count > 1:
            mean *= np.float32(1 / count)
        return mean
    full_scale = _full_scale(kind)
    mean *= np.float32(1 / (full_scale * count))
    if kind.kind == "u":  # unsigned samples rest at the middle of their range
        mean -= np.float32(1)
    return mean


def _full_scale(kind: np.dtype[Any]) -> float:
    return float(2 ** (8 * kind.itemsize - 1))


def _sum(channels: Sequence[NDArray[Any]]) -> Mono:
    total: Mono = np.add(channels[0], channels[1], dtype=np.float32)
    for channel in channels[2:]:
        np.add(total, channel, out=total, dtype=np.float32)
    return total
