"""A spectrogram becomes a key, with the probability of each of the 24."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from keyscan.analysis.model import KeyModel
from keyscan.analysis.stages import Stages
from keyscan.keys import KEYS, Key


@dataclass(frozen=True)
class KeyEstimate:
    """``probabilities``: 24 values that sum to 1, in the order of ``class_id``.

    They are the softmax of the logits divided by the model's temperature for a track of that
    length, which does not change their order.
    """

    key: Key
    probabilities: tuple[float, ...]


def estimate_key(
    model: KeyModel, spectrogram: npt.NDArray[np.float32], stages: Stages | None = None
) -> KeyEstimate:
    """The most probable key of a whole track; ``spectrogram``: ``log1p(|C|)``, ``(105, frames)``.

    The time of ``to_device`` and ``model_inference`` is added to ``stages``.

    Raises:
        ValueError: the spectrogram has another shape or too few frames.
    """
    stages = Stages() if stages is None else stages
    with stages.measure("to_device"):
        x = model.to_input(spectrogram)
    with stages.measure("model_inference"):
        logits = model(x).numpy().astype(np.float64)
    odds = np.exp((logits - logits.max()) / model.temperature.at(x.shape[-1]))
    probabilities = odds / odds.sum()
    return KeyEstimate(KEYS[int(logits.argmax())], tuple(probabilities.tolist()))
