"""The key of a track by a few stretches of it, if they leave no doubt of the whole."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from keyscan.analysis import Analysis
from keyscan.keys import KEYS, Key
from keyscan.model.checkpoint import KeyModel
from keyscan.model.estimate import estimate_key
from keyscan.runtime import Stages
from keyscan.spectrogram.constant_q import STRETCHES, Features

CERTAIN = 0.9
"""The least confidence of all stretches together; see ``training.stretches``."""
DISSENTERS = 2
"""The most stretches that, heard alone, are in another key: a majority is in the key."""


@dataclass(frozen=True)
class Heard:
    """``together``: the analysis of all stretches as one track; ``alone``: the key of each."""

    together: Analysis
    alone: tuple[Key, ...]

    def is_certain(self, confidence: float = CERTAIN, dissenters: int = DISSENTERS) -> bool:
        """Whether the whole track is taken to be in the key of ``together``."""
        found = self.together
        clear = found.tonal and not (found.changes_key or found.warnings)
        others = sum(key != found.key for key in self.alone)
        return clear and found.confidence >= confidence and others <= dissenters


def hear_stretches(
    model: KeyModel, features: Features, path: str = "", stages: Stages | None = None
) -> Heard:
    """The keys of ``STRETCHES`` stretches of equal length, together and each alone.

    Args:
        model: a loaded checkpoint.
        features: of the stretches, one after the other.
        path, stages: as of ``estimate_key``.
    """
    stages = Stages() if stages is None else stages
    found = estimate_key(
        model, features.spectrogram, path=path, duration=features.duration, stream=features.stream,
        stages=stages,
    )  # fmt: skip
    with stages.measure("model_inference"):
        parts = np.split(features.spectrogram, STRETCHES, axis=1)
        alone = tuple(KEYS[int(model.logits(part).argmax())] for part in parts)
    return Heard(replace(found, analysed_seconds=features.analysed_seconds), alone)
