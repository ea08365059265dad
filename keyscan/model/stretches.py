"""The key of a track by a few stretches of it, if they leave no doubt of the whole."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from keyscan.analysis import Analysis
from keyscan.model.checkpoint import KeyModel
from keyscan.model.estimate import estimate_key
from keyscan.runtime import Stages
from keyscan.spectrogram.constant_q import Features

CERTAIN = 0.75
"""The least confidence of all stretches together."""
DISSENTERS = 1
"""The most stretches that, heard alone, are in another key."""


def estimate_from_stretches(
    model: KeyModel,
    features: Features,
    stretches: int,
    path: str = "",
    stages: Stages | None = None,
) -> Analysis | None:
    """The key of a track; None: the whole of it may be in another.

    Args:
        model: a loaded checkpoint.
        features: of stretches of equal length, one after the other.
        stretches: how many there are.
        path, stages: as of ``estimate_key``.
    """
    stages = Stages() if stages is None else stages
    found = estimate_key(
        model, features.spectrogram, path=path, duration=features.duration, stream=features.stream,
        stages=stages,
    )  # fmt: skip
    if not found.tonal or found.changes_key or found.warnings or found.confidence < CERTAIN:
        return None
    with stages.measure("model_inference"):
        alone = [
            int(model.logits(stretch).argmax())
            for stretch in np.split(features.spectrogram, stretches, axis=1)
        ]
    if sum(class_id != found.key.class_id for class_id in alone) > DISSENTERS:
        return None
    return replace(found, analysed_seconds=features.analysed_seconds)
