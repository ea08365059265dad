"""From a spectrogram to a key with probabilities and timings."""

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
from keyscan.model.estimate import estimate_key
from keyscan.runtime import Stages
from tests.model.test_tuning import chords


@pytest.fixture(scope="module")
def model() -> KeyModel:
    return load_model()


def uncalibrated() -> dict[str, Any]:
    """Without what is made of the logits; noise is music to it."""
    checkpoint: dict[str, Any] = torch.load(PACKAGED_CHECKPOINT, weights_only=True)
    added = ("temperature", "temperature_frames", "tonality")
    return {name: value for name, value in checkpoint.items() if name not in added}


def test_the_key_is_the_most_probable_of_24(tmp_path: Path) -> None:
    torch.save(uncalibrated() | {"temperature": 0.5}, tmp_path / "model.pt")
    model = load_model(tmp_path / "model.pt")
    spectrogram = np.random.default_rng(0).random((105, 60), np.float32)
    estimate = estimate_key(model, spectrogram)
    assert len(estimate.probabilities) == 24
    assert sum(estimate.probabilities) == pytest.approx(1)
    assert min(estimate.probabilities) > 0
    assert estimate.key == KEYS[int(np.argmax(estimate.probabilities))]
    logits = model.logits(spectrogram)
    ratio = estimate.probabilities[3] / estimate.probabilities[20]
    expected = np.exp((logits[3] - logits[20]) / model.temperature.at(60))
    assert ratio == pytest.approx(float(expected), rel=1e-3)


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
    spectrogram = np.random.default_rng(3).random((105, 60), np.float32)
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
    ],
)
def test_a_temperature_that_is_none_is_a_damaged_checkpoint(
    field: str, wrong: Any, tmp_path: Path
) -> None:
    torch.save(uncalibrated() | {field: wrong}, tmp_path / "model.pt")
    with pytest.raises(ModelError, match=rf"model\.pt: damaged checkpoint: {field}: "):
        load_model(tmp_path / "model.pt")


def test_both_stages_are_timed(model: KeyModel) -> None:
    stages = Stages()
    estimate_key(model, np.ones((105, 60), np.float32), stages)
    assert set(stages.seconds) == {"to_device", "model_inference"}
    assert stages.seconds["model_inference"] > 0


def test_a_spectrogram_of_another_front_end_is_refused(model: KeyModel) -> None:
    with pytest.raises(ValueError, match="105 bins"):
        estimate_key(model, np.ones((84, 60), np.float32))


def test_confidence_and_alternatives_are_the_probabilities(model: KeyModel) -> None:
    spectrogram = np.random.default_rng(5).random((105, 60), np.float32)
    estimate = estimate_key(model, spectrogram)
    ranked = sorted(zip(estimate.probabilities, KEYS, strict=True), reverse=True)
    assert (estimate.confidence, estimate.key) == ranked[0]
    others = [(other.confidence, other.key) for other in estimate.alternatives]
    assert others == [found for found in ranked[1:4] if found[0] >= 0.01]


@pytest.mark.parametrize("cents", [-38, -12, 0, 20, 45])
def test_the_tuning_is_that_of_the_music(model: KeyModel, cents: float) -> None:
    estimate = estimate_key(model, chords(cents).numpy())
    assert estimate.tuning_cents == pytest.approx(cents, abs=2)
    assert estimate.is_between_keys == (cents == 45)


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
    assert (neighbour in [other.key for other in estimate.alternatives]) == (share > 0)
    assert sum(estimate.probabilities) == pytest.approx(1)


def test_half_way_between_two_keys_no_segment_is_sure_either(model: KeyModel) -> None:
    for cents in (0.0, 50.0):
        estimate = estimate_key(model, chords(cents).numpy(), timeline_until=8.0)
        assert estimate.timeline is not None
        (segment,) = estimate.timeline.segments
        assert segment.key == estimate.key
        assert segment.confidence == pytest.approx(estimate.confidence, abs=0.05)


def test_what_is_no_music_has_no_tuning(model: KeyModel, tmp_path: Path) -> None:
    """A kick drum may ring at a pitch."""
    torch.save(
        torch.load(PACKAGED_CHECKPOINT, weights_only=True)
        | {"tonality": {"weights": [0.0] * 96, "bias": -9.0}},
        tmp_path / "model.pt",
    )
    music = chords(20).numpy()
    assert estimate_key(model, music).tuning_cents is not None
    assert estimate_key(load_model(tmp_path / "model.pt"), music).tuning_cents is None


def test_a_tuning_that_is_not_certain_is_not_told(model: KeyModel) -> None:
    """Chords in noise: clear enough to be moved, but not within three cents."""
    music, noise = chords(30).numpy(), np.random.default_rng(2).random((105, 39), np.float32)
    found = [model(model.to_input(music + k * noise)).tuning for k in np.arange(0, 1.5, 0.05)]
    told = [estimate_key(model, music + k * noise).tuning_cents for k in np.arange(0, 1.5, 0.05)]
    assert [cents is not None for cents in told] == [tuning.clarity >= 0.25 for tuning in found]
    assert any(tuning.is_clear and not tuning.is_certain for tuning in found)


def test_noise_has_no_tuning(model: KeyModel) -> None:
    noise = np.random.default_rng(0).random((105, 400), np.float32)
    assert estimate_key(model, noise).tuning_cents is None


@pytest.mark.parametrize(("before", "after"), [(1900, 0), (0, 1900), (700, 700)])
def test_silence_around_the_music_says_nothing(model: KeyModel, before: int, after: int) -> None:
    music = np.random.default_rng(8).random((105, 20), np.float32)
    padded = np.pad(music, ((0, 0), (before, after)))
    assert estimate_key(model, padded) == estimate_key(model, music)


def test_a_click_in_silence_is_long_enough_for_the_model(model: KeyModel) -> None:
    for place in (0, 30, 59):
        click = np.zeros((105, 60), np.float32)
        click[:, place] = 1
        assert estimate_key(model, click).confidence > 0
