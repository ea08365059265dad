"""Whether there is music in a key at all, and not just drums, speech or noise."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

CHECKPOINT_FIELD = "tonality"


@dataclass(frozen=True)
class Tonality:
    """A logistic regression on what a network sees in a track, whatever the key is."""

    weights: tuple[float, ...]
    bias: float

    def __post_init__(self) -> None:
        """Raises ValueError if one of the numbers is none."""
        if not all(isinstance(value, float) and math.isfinite(value) for value in self._values):
            raise ValueError(f"{CHECKPOINT_FIELD}: weights and bias have to be finite floats")

    @property
    def _values(self) -> tuple[float, ...]:
        return (*self.weights, self.bias)

    @classmethod
    def from_checkpoint(cls, fields: Mapping[str, Any]) -> Tonality | None:
        """The field ``tonality``; None where a checkpoint has none.

        Raises:
            ValueError: it is damaged.
        """
        found = fields.get(CHECKPOINT_FIELD)
        if found is None:
            return None
        try:
            return cls(tuple(found["weights"]), found["bias"])
        except (KeyError, TypeError) as error:
            raise ValueError(f"{CHECKPOINT_FIELD}: {error!r}") from error

    def to_checkpoint(self) -> dict[str, Any]:
        """What ``from_checkpoint`` reads."""
        return {CHECKPOINT_FIELD: {"weights": list(self.weights), "bias": self.bias}}

    def check(self, traits: int) -> None:
        """Raises ValueError unless it is made for a network with so many traits."""
        if len(self.weights) != traits:
            raise ValueError(f"{CHECKPOINT_FIELD}: {len(self.weights)} weights, not {traits}")

    def probability(self, traits: npt.NDArray[np.float32]) -> float:
        """That there is music in a key, 0 to 1, in a track with these traits, ``(weights,)``."""
        logit = float(np.dot(self.weights, traits.astype(np.float64))) + self.bias
        return 1 / (1 + math.exp(-max(-700.0, logit)))
