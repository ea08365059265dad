"""Floats that were written on a scale of integers, although full scale is 1 for floats."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_LOUDEST_USUAL = 128.0  # 42 dB above full scale: what exceeds it is on another scale
_LEAST_SHARE = 0.001  # of the samples: fewer are bad ones, perhaps in a file of silence
_FULL_SCALES = (2.0**15, 2.0**23, 2.0**31)

PEEKS = 32
"""Places of a file at which its samples are looked at."""
PEEK_FRAMES = 1024
"""Samples per channel that are enough at each."""


def full_scale(samples: list[NDArray[Any]]) -> float:
    """The number that means full scale, by samples from all over the file: 1, or one of integers.

    What counts is the level that 99 % of the samples do not exceed, zeros left out: single bad
    samples and damaged parts do not change it.
    """
    if not samples:
        return 1.0
    with np.errstate(invalid="ignore"):  # signalling NaN
        levels = np.abs(np.concatenate([part.ravel() for part in samples]), dtype=np.float64)
    levels = levels[np.isfinite(levels)]
    if np.count_nonzero(levels > _LOUDEST_USUAL) <= _LEAST_SHARE * len(levels):
        return 1.0
    level = float(np.percentile(levels[levels > 0], 99))
    if level <= _LOUDEST_USUAL:
        return 1.0
    return next((scale for scale in _FULL_SCALES if level <= 2 * scale), 1.0)
