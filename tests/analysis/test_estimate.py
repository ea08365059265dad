"""From a spectrogram to a key with probabilities and timings."""

from __future__ import annotations

import numpy as np
import pytest

from keyscan.analysis.estimate import estimate_key
from keyscan.analysis.model import KeyModel, load_model
from keyscan.analysis.stages import Stages
from keyscan.keys import KEYS


@pytest.fixture(scope="module")
def model() -> KeyModel:
    return load_model()


def test_the_key_is_the_most_probable_of_24(model: KeyModel) -> None:
    spectrogram = np.random.default_rng(0).random((105, 60), np.float32)
    estimate = estimate_key(model, spectrogram)
    assert len(estimate.probabilities) == 24
    assert sum(estimate.probabilities) == pytest.approx(1)
    assert min(estimate.probabilities) > 0
    assert estimate.key == KEYS[int(np.argmax(estimate.probabilities))]
    logits = model.logits(spectrogram)
    ratio = estimate.probabilities[3] / estimate.probabilities[20]
    assert ratio == pytest.approx(float(np.exp(logits[3] - logits[20])), rel=1e-3)


def test_both_stages_are_timed(model: KeyModel) -> None:
    stages = Stages()
    estimate_key(model, np.ones((105, 60), np.float32), stages)
    assert set(stages.seconds) == {"to_device", "model_inference"}
    assert stages.seconds["model_inference"] > 0


def test_a_spectrogram_of_another_front_end_is_refused(model: KeyModel) -> None:
    with pytest.raises(ValueError, match="105 bins"):
        estimate_key(model, np.ones((84, 60), np.float32))
