"""Temperature, tonality and doubt: the checkpoint's fields, and their effect on an answer."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from keyscan.errors import ModelError
from keyscan.keys import KEYS
from keyscan.model.checkpoint import PACKAGED_CHECKPOINT, KeyModel, load_model
from keyscan.model.confidence import Tonality
from keyscan.model.estimate import estimate_key
from tests.model.conftest import packaged_with
from tests.model.test_tuning import chords

EMBEDDING_SIZE = 96


def uncalibrated() -> dict[str, Any]:
    """Without what is made of the logits; noise is music to it."""
    checkpoint: dict[str, Any] = torch.load(PACKAGED_CHECKPOINT, weights_only=True)
    added = ("temperature", "temperature_frames", "temperature_shortest", "tonality")
    return {name: value for name, value in checkpoint.items() if name not in added}


@pytest.mark.parametrize(
    ("fields", "divisor"),
    [
        ({}, 1.0),
        ({"temperature": 0.25}, 0.25),
        ({"temperature": 4.0, "temperature_frames": 0.0}, 4.0),
        ({"temperature": 0.5, "temperature_frames": 60.0}, 1.0),
        ({"temperature": 0.5, "temperature_frames": 30.0}, 0.75),
    ],
)
def test_the_temperature_of_the_checkpoint_divides_the_logits(
    fields: dict[str, float], divisor: float, tmp_path: Path
) -> None:
    """At 60 frames; the shorter the track, the further its mean may stray, the less is certain."""
    checkpoint = uncalibrated()
    torch.save(checkpoint | fields, tmp_path / "model.pt")
    model = load_model(tmp_path / "model.pt")
    chord = np.random.default_rng(3).random((105, 1), np.float32)
    spectrogram = np.repeat(chord, 60, axis=1)  # no change of key
    logits = load_model().logits(spectrogram).astype(np.float64)
    estimate = estimate_key(model, spectrogram)
    odds = np.exp(logits / divisor)
    assert np.allclose(estimate.probabilities, odds / odds.sum(), rtol=1e-4)
    assert estimate.key == KEYS[int(logits.argmax())]


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        *(("temperature", value) for value in (0.0, -1.0, math.nan, math.inf, "1", None, True)),
        *(("temperature_frames", value) for value in (-1.0, math.nan, math.inf, "1", None)),
        *(("temperature_shortest", value) for value in (-1.0, math.nan, math.inf, "1", None)),
    ],
)
def test_a_temperature_that_is_none_is_a_damaged_checkpoint(
    field: str, wrong: Any, tmp_path: Path
) -> None:
    torch.save(uncalibrated() | {field: wrong}, tmp_path / "model.pt")
    with pytest.raises(ModelError, match=rf"model\.pt: damaged checkpoint: {field}: "):
        load_model(tmp_path / "model.pt")


@pytest.mark.parametrize(
    ("cents", "semitones", "share"), [(38.0, 1, 0.0), (45.0, 1, 0.25), (50.0, 1, 0.5),
                                      (-44.0, -1, 0.2)],
)  # fmt: skip
def test_half_way_between_two_keys_either_may_be_meant(
    model: KeyModel, cents: float, semitones: int, share: float
) -> None:
    estimate = estimate_key(model, chords(cents).numpy())
    neighbour = estimate.key.transposed(semitones)
    assert estimate.tuning_cents is not None
    assert abs(estimate.tuning_cents - cents) < 2
    both = estimate.confidence + estimate.probabilities[neighbour.class_id]
    assert estimate.probabilities[neighbour.class_id] / both == pytest.approx(share, abs=0.11)
    assert share == 0 or neighbour in [other.key for other in estimate.alternatives]
    assert sum(estimate.probabilities) == pytest.approx(1)


def test_half_way_between_two_keys_no_segment_is_sure_either(model: KeyModel) -> None:
    for cents in (0.0, 50.0):
        estimate = estimate_key(model, chords(cents).numpy(), timeline=True)
        assert estimate.timeline is not None
        (segment,) = estimate.timeline.segments
        assert segment.key == estimate.key
        assert segment.confidence == pytest.approx(estimate.confidence, abs=0.05)


def test_logistic_regression() -> None:
    tonality = Tonality((2.0, -1.0), 0.5, 4.0)
    embedding = np.array([1.0, 3.0], np.float32)
    assert tonality.probability(embedding, 0.0) == pytest.approx(1 / (1 + math.exp(0.5)))
    assert tonality.probability(embedding, 0.25) == pytest.approx(1 / (1 + math.exp(-0.5)))
    assert tonality.probability(np.array([0.0, 1e6], np.float32), 1.0) == pytest.approx(0)
    assert tonality.log_odds(np.stack([embedding, 2 * embedding])) == pytest.approx([-0.5, -1.5])
    assert Tonality.from_checkpoint(tonality.to_checkpoint()) == tonality
    assert Tonality.from_checkpoint({}) is None


@pytest.mark.parametrize(
    "field",
    [
        [1.0],
        {"weights": [1.0] * EMBEDDING_SIZE},
        {"weights": 1.0, "bias": 1.0},
        {"weights": [1.0] * (EMBEDDING_SIZE - 1), "bias": 1.0},
        {"weights": [float("nan")] * EMBEDDING_SIZE, "bias": 1.0},
        {"weights": ["1"] * EMBEDDING_SIZE, "bias": 1.0},
        {"weights": [1.0] * EMBEDDING_SIZE, "bias": 1.0, "clarity": float("inf")},
        {"weights": [1.0] * EMBEDDING_SIZE, "bias": 1.0, "clarity": None},
    ],
)
def test_a_damaged_field_is_an_error_that_names_it(field: Any, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"model\.pt: damaged checkpoint: tonality"):
        packaged_with(tmp_path / "model.pt", tonality=field)


@pytest.mark.parametrize(("bias", "tonal"), [(4.0, True), (0.1, True), (-0.1, False), (-4, False)])
def test_doubt_is_shared_by_all_keys(bias: float, tonal: bool, tmp_path: Path) -> None:
    """The order stays, and so does the sum; what is no music has no key that is sure."""
    music = chords(0).numpy()
    estimate, sure = (
        estimate_key(packaged_with(tmp_path / "model.pt", tonality=field), music)
        for field in ({"weights": [0.0] * EMBEDDING_SIZE, "bias": b} for b in (float(bias), 1e3))
    )
    share = 1 / (1 + math.exp(-bias))
    expected = [share * p + (1 - share) / 24 for p in sure.probabilities]
    assert estimate.tonal is tonal
    assert sure.tonal
    assert estimate.key == sure.key
    assert estimate.probabilities == pytest.approx(expected)
    assert sum(estimate.probabilities) == pytest.approx(1)


def test_the_embedding_is_the_same_in_every_key(model: KeyModel) -> None:
    spectrogram = np.zeros((105, 60), np.float32)
    spectrogram[26:56] = np.random.default_rng(1).random((30, 60), np.float32)
    embeddings = [
        model(model.to_input(np.roll(spectrogram, bins, axis=0))).embedding for bins in (0, 2, 14)
    ]
    assert embeddings[0] is not None
    assert embeddings[0].shape == (EMBEDDING_SIZE,)
    for other in embeddings[1:]:
        np.testing.assert_allclose(other, embeddings[0], atol=1e-3)


def test_to_a_keynet_everything_is_tonal(keynet: KeyModel) -> None:
    noise = np.random.default_rng(0).random((105, 100), np.float32)
    assert estimate_key(keynet, noise).tonal
