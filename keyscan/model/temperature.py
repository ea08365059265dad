"""What logits are divided by, so that of the answers given with 90 % nine in ten are right."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Temperature:
    """The temperature of a softmax (Guo et al., "On calibration of modern neural networks", 2017).

    The logits come from means over a track's frames, and the mean of a short track strays more: its
    variance falls as 1 / frames. So ``long`` is the temperature of an endless track, and one of
    ``frames`` frames has twice as much; 0 frames is one temperature for all lengths.
    """

    long: float = 1.0
    frames: float = 0.0

    def __post_init__(self) -> None:
        """Raises ValueError, naming the field of the checkpoint, if it is no temperature."""
        if not isinstance(self.long, float) or not 0 < self.long < math.inf:
            raise ValueError(f"temperature: a positive float is needed, not {self.long!r}")
        if not isinstance(self.frames, float) or not 0 <= self.frames < math.inf:
            raise ValueError(f"temperature_frames: a float from 0 is needed, not {self.frames!r}")

    @classmethod
    def from_checkpoint(cls, fields: Mapping[str, Any]) -> Temperature:
        """``temperature`` and ``temperature_frames``, each with its default where absent.

        Raises:
            ValueError: one of them is wrong.
        """
        return cls(fields.get("temperature", 1.0), fields.get("temperature_frames", 0.0))

    def to_checkpoint(self) -> dict[str, float]:
        """What ``from_checkpoint`` reads."""
        return {"temperature": self.long, "temperature_frames": self.frames}

    def at(self, frames: int) -> float:
        """What the logits of a track of so many frames are divided by."""
        return self.long * (1 + self.frames / frames)
