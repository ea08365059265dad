"""How sure an answer is: the temperature of the softmax, and the probability of a key at all.

Both are fields of the checkpoint, fitted so that probabilities are as high as the share of right
answers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Temperature:
    """The temperature of a softmax (Guo et al., "On calibration of modern neural networks", 2017).

    The logits come from means over a track's frames, whose variance falls as 1 / frames. So
    ``long`` is the temperature of an endless track, and a track of ``frames`` frames has twice
    that; with ``frames`` = 0 all lengths have one temperature. Frames close together are alike:
    much below ``shortest`` frames the temperature rises no further.
    """

    long: float = 1.0
    frames: float = 0.0
    shortest: float = 0.0

    def __post_init__(self) -> None:
        """Raises ValueError, naming the checkpoint's field, if a number is out of range."""
        if not isinstance(self.long, float) or not 0 < self.long < math.inf:
            raise ValueError(f"temperature: a positive float is needed, not {self.long!r}")
        if not isinstance(self.frames, float) or not 0 <= self.frames < math.inf:
            raise ValueError(f"temperature_frames: a float from 0 is needed, not {self.frames!r}")
        if not isinstance(self.shortest, float) or not 0 <= self.shortest < math.inf:
            raise ValueError(
                f"temperature_shortest: a float from 0 is needed, not {self.shortest!r}"
            )

    @classmethod
    def from_checkpoint(cls, fields: Mapping[str, Any]) -> Temperature:
        """Read the fields of ``to_checkpoint``; raises ValueError if one is wrong."""
        return cls(
            fields.get("temperature", 1.0),
            fields.get("temperature_frames", 0.0),
            fields.get("temperature_shortest", 0.0),
        )

    def to_checkpoint(self) -> dict[str, float]:
        """The fields that ``from_checkpoint`` reads."""
        return {
            "temperature": self.long,
            "temperature_frames": self.frames,
            "temperature_shortest": self.shortest,
        }

    def at(self, frames: int) -> float:
        """The divisor of the logits of a track of so many frames."""
        return self.long * (1 + self.frames / math.hypot(frames, self.shortest))


@dataclass(frozen=True)
class Tonality:
    """Tells music in a key from drums, speech and noise: a logistic regression.

    Its variables are the network's embedding and the clarity of the tuning (``Tuning.clarity``),
    which is high for a single instrument, too.
    """

    weights: tuple[float, ...]
    bias: float
    clarity: float = 0.0

    def __post_init__(self) -> None:
        """Raises ValueError unless all numbers are finite floats."""
        values = (*self.weights, self.bias, self.clarity)
        if not all(isinstance(value, float) and math.isfinite(value) for value in values):
            raise ValueError("tonality: weights, bias and clarity have to be finite floats")

    @classmethod
    def from_checkpoint(cls, fields: Mapping[str, Any]) -> Tonality | None:
        """Read the field ``tonality``, None if absent; raises ValueError if it is damaged."""
        found = fields.get("tonality")
        if found is None:
            return None
        try:
            return cls(tuple(found["weights"]), found["bias"], found.get("clarity", 0.0))
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError(f"tonality: {error!r}") from error

    def to_checkpoint(self) -> dict[str, Any]:
        """The field that ``from_checkpoint`` reads."""
        fields = {"weights": list(self.weights), "bias": self.bias, "clarity": self.clarity}
        return {"tonality": fields}

    def check(self, embedding_size: int) -> None:
        """Raises ValueError unless there is a weight for each value of the network's embedding."""
        if len(self.weights) != embedding_size:
            raise ValueError(f"tonality: {len(self.weights)} weights, not {embedding_size}")

    def log_odds(self, embeddings: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """Of a key, from embeddings ``(..., weights)`` without the clarity, ``(...)``."""
        found: npt.NDArray[np.float64] = embeddings.astype(np.float64) @ np.array(self.weights)
        return found + self.bias

    def probability(self, embedding: npt.NDArray[np.float32], clarity: float) -> float:
        """The probability, 0 to 1, that a track is in a key, from its embedding, ``(weights,)``."""
        logit = float(self.log_odds(embedding)) + self.clarity * clarity
        return 1 / (1 + math.exp(-max(-700.0, logit)))
