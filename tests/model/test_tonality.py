"""Music in a key, or none: the field of the checkpoint, and what it does to an answer."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from keyscan.errors import ModelError
from keyscan.model.checkpoint import PACKAGED_CHECKPOINT, KeyModel, load_model
from keyscan.model.estimate import estimate_key
from keyscan.model.keynet import KeyNet
from keyscan.model.tonality import Tonality
from tests.model.test_tuning import chords

TRAITS = 96


def with_field(field: Any, path: Path) -> KeyModel:
    checkpoint = torch.load(PACKAGED_CHECKPOINT, weights_only=True) | {"tonality": field}
    torch.save(checkpoint, path / "model.pt")
    return load_model(path / "model.pt")


def test_logistic_regression() -> None:
    tonality = Tonality((2.0, -1.0), 0.5)
    found = tonality.probability(np.array([1.0, 3.0], np.float32))
    assert found == pytest.approx(1 / (1 + math.exp(0.5)))
    assert tonality.probability(np.array([0.0, 1e6], np.float32)) == pytest.approx(0)
    assert Tonality.from_checkpoint(tonality.to_checkpoint()) == tonality
    assert Tonality.from_checkpoint({}) is None


@pytest.mark.parametrize(
    "field",
    [
        [1.0],
        {"weights": [1.0] * TRAITS},
        {"weights": 1.0, "bias": 1.0},
        {"weights": [1.0] * (TRAITS - 1), "bias": 1.0},
        {"weights": [float("nan")] * TRAITS, "bias": 1.0},
        {"weights": ["1"] * TRAITS, "bias": 1.0},
    ],
)
def test_a_damaged_field_is_an_error_that_names_it(field: Any, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"model\.pt: damaged checkpoint: tonality"):
        with_field(field, tmp_path)


@pytest.mark.parametrize(("bias", "tonal"), [(4.0, True), (0.1, True), (-0.1, False), (-4, False)])
def test_doubt_is_shared_by_all_keys(bias: float, tonal: bool, tmp_path: Path) -> None:
    """The order stays, and so does the sum; what is no music has no key that is sure."""
    music = chords(0).numpy()
    field = {"weights": [0.0] * TRAITS, "bias": float(bias)}
    estimate = estimate_key(with_field(field, tmp_path), music)
    sure = estimate_key(with_field({**field, "bias": 1e3}, tmp_path), music)
    share = 1 / (1 + math.exp(-bias))
    expected = [share * p + (1 - share) / 24 for p in sure.probabilities]
    assert estimate.tonal is tonal
    assert sure.tonal
    assert estimate.key == sure.key
    assert estimate.probabilities == pytest.approx(expected)
    assert sum(estimate.probabilities) == pytest.approx(1)


def test_traits_are_the_same_in_every_key() -> None:
    model = load_model()
    spectrogram = np.zeros((105, 60), np.float32)
    spectrogram[26:56] = np.random.default_rng(1).random((30, 60), np.float32)
    traits = [
        model(model.to_input(np.roll(spectrogram, bins, axis=0))).traits for bins in (0, 2, 14)
    ]
    assert traits[0] is not None
    assert traits[0].shape == (TRAITS,)
    for other in traits[1:]:
        np.testing.assert_allclose(other, traits[0], atol=1e-3)


def test_a_keynet_takes_everything_for_music(tmp_path: Path) -> None:
    torch.save(KeyNet().state_dict(), tmp_path / "keynet.pt")
    noise = np.random.default_rng(0).random((105, 100), np.float32)
    assert estimate_key(load_model(tmp_path / "keynet.pt"), noise).tonal
