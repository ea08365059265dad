"""Samples as they lie in WAV, AIFF and the like, without libsndfile, which is slow over most."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_ORDERS = {"WAV": "<", "WAVEX": "<", "RF64": "<", "W64": "<", "AIFF": ">", "AU": ">", "CAF": ">"}
_STATED_ORDERS = {"LITTLE": "<", "BIG": ">"}  # in files of the other order than their format's
_TYPES = {"PCM_16": ("i2", 2), "PCM_24": ("i4", 3), "PCM_32": ("i4", 4), "FLOAT": ("f4", 4)}


@dataclass(frozen=True)
class Layout:
    """Samples of ``width`` bytes each, the channels in turn; as arrays, they are of ``dtype``."""

    dtype: np.dtype[Any]
    width: int

    @property
    def lead(self) -> int:
        """Bytes that ``samples`` needs before those of the first sample."""
        return self.dtype.itemsize - self.width

    def samples(self, data: bytes) -> NDArray[Any]:
        """What lies behind the lead, whatever that is; 24 bits become the upper ones of 32."""
        count = (len(data) - self.lead) // self.width
        if not self.lead:
            return np.frombuffer(data, self.dtype, count)
        wide: NDArray[np.int32] = np.ndarray((count,), self.dtype, data, 0, (self.width,))
        return wide << 8 if self.dtype.str.startswith(">") else wide & -256


def layout_of(form: str, endian: str, subtype: str) -> Layout | None:
    """How samples lie in a file that is described in libsndfile's words; None: not as plainly.

    Where its ``endian`` is ``"FILE"``, it has the byte order of its format.
    """
    order = _ORDERS.get(form)
    if order is None or subtype not in _TYPES:
        return None
    code, width = _TYPES[subtype]
    return Layout(np.dtype(_STATED_ORDERS.get(endian, order) + code), width)
