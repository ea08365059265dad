"""How sure an answer is: temperature, the probability of a key at all, and doubt about the tuning.

Everything here turns what the network gives into probabilities that are as high as the share of
right answers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from keyscan.analysis import BETWEEN_KEYS_CENTS, Segment, Timeline
from keyscan.keys import KEYS

_TONALITY = "tonality"  # the checkpoint's field


@dataclass(frozen=True)
class Temperature:
    """The temperature of a softmax (Guo et al., "On calibration of modern neural networks", 2017).

    The logits come from means over a track's frames, whose variance falls as 1 / frames. So
    ``long`` is the temperature of an endless track, and a track of ``frames`` frames has twice
    that; with ``frames`` = 0 all lengths have one temperature.
    """

    long: float = 1.0
    frames: float = 0.0

    def __post_init__(self) -> None:
        """Raises ValueError, naming the checkpoint's field, if a number is out of range."""
        if not isinstance(self.long, float) or not 0 < self.long < math.inf:
            raise ValueError(f"temperature: a positive float is needed, not {self.long!r}")
        if not isinstance(self.frames, float) or not 0 <= self.frames < math.inf:
            raise ValueError(f"temperature_frames: a float from 0 is needed, not {self.frames!r}")

    @classmethod
    def from_checkpoint(cls, fields: Mapping[str, Any]) -> Temperature:
        """Read ``temperature`` and ``temperature_frames``, each with its default where absent.

        Raises:
            ValueError: one of them is wrong.
        """
        return cls(fields.get("temperature", 1.0), fields.get("temperature_frames", 0.0))

    def to_checkpoint(self) -> dict[str, float]:
        """The fields that ``from_checkpoint`` reads."""
        return {"temperature": self.long, "temperature_frames": self.frames}

    def at(self, frames: int) -> float:
        """The divisor of the logits of a track of so many frames."""
        return self.long * (1 + self.frames / frames)


@dataclass(frozen=True)
class Tonality:
    """Tells music in a key from drums, speech and noise: a logistic regression on the embedding."""

    weights: tuple[float, ...]
    bias: float

    def __post_init__(self) -> None:
        """Raises ValueError unless all numbers are finite floats."""
        values = (*self.weights, self.bias)
        if not all(isinstance(value, float) and math.isfinite(value) for value in values):
            raise ValueError(f"{_TONALITY}: weights and bias have to be finite floats")

    @classmethod
    def from_checkpoint(cls, fields: Mapping[str, Any]) -> Tonality | None:
        """Read the field ``tonality``; None where a checkpoint lacks it.

        Raises:
            ValueError: it is damaged.
        """
        found = fields.get(_TONALITY)
        if found is None:
            return None
        try:
            return cls(tuple(found["weights"]), found["bias"])
        except (KeyError, TypeError) as error:
            raise ValueError(f"{_TONALITY}: {error!r}") from error

    def to_checkpoint(self) -> dict[str, Any]:
        """The field that ``from_checkpoint`` reads."""
        return {_TONALITY: {"weights": list(self.weights), "bias": self.bias}}

    def check(self, embedding_size: int) -> None:
        """Raises ValueError unless there is a weight for each value of the network's embedding."""
        if len(self.weights) != embedding_size:
            raise ValueError(f"{_TONALITY}: {len(self.weights)} weights, not {embedding_size}")

    def probability(self, embedding: npt.NDArray[np.float32]) -> float:
        """The probability, 0 to 1, that a track is in a key, from its embedding, ``(weights,)``."""
        logit = float(np.dot(self.weights, embedding.astype(np.float64))) + self.bias
        return 1 / (1 + math.exp(-max(-700.0, logit)))


@dataclass(frozen=True)
class Doubt:
    """Lowers the probabilities of keys where there may be no key, or where two keys are as likely.

    ``tonality``: the probability that there is a key; without one, the 24 are equally likely.
    ``cents``: the tuning; half-way between two keys, both are equally likely.
    """

    tonality: float
    cents: float

    @property
    def _neighbour_share(self) -> float:
        """The share of the key a semitone away: 0 up to 40 cents, rising to a half at 50."""
        return max(0.0, 0.5 - abs(50 - abs(self.cents)) / (2 * BETWEEN_KEYS_CENTS))

    def share(self, probabilities: Sequence[float]) -> tuple[float, ...]:
        """Adjust the probabilities of 24 keys, in the order of ``class_id``."""
        step = 1 if self.cents > 0 else -1
        return tuple(
            self._shared(
                (1 - self._neighbour_share) * probabilities[key.class_id]
                + self._neighbour_share * probabilities[key.transposed(-step).class_id]
            )
            for key in KEYS
        )

    def share_timeline(self, timeline: Timeline) -> Timeline:
        """Adjust the confidence of every segment."""

        def shared(segment: Segment) -> Segment:
            confidence = self._shared((1 - self._neighbour_share) * segment.confidence)
            return replace(segment, confidence=confidence)

        return Timeline(
            tuple(map(shared, timeline.segments)), shared(timeline.intro), shared(timeline.outro)
        )

    def _shared(self, probability: float) -> float:
        return self.tonality * probability + (1 - self.tonality) / len(KEYS)
