"""From a spectrogram to a key with probabilities and timings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from keyscan.keys import KEYS
from keyscan.model.checkpoint import KeyModel, load_model
from keyscan.model.estimate import estimate_key
from keyscan.runtime import Stages
from tests.model.conftest import packaged_with
from tests.model.test_confidence import uncalibrated
from tests.model.test_tuning import chords


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


def test_both_stages_are_timed(model: KeyModel) -> None:
    stages = Stages()
    estimate_key(model, np.ones((105, 60), np.float32), stages=stages)
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
    assert [w.code for w in estimate.warnings] == (["between_keys"] if cents == 45 else [])


def test_what_is_no_music_has_no_tuning(model: KeyModel, tmp_path: Path) -> None:
    """A kick drum may ring at a pitch."""
    field = {"weights": [0.0] * 96, "bias": -9.0}
    music = chords(20).numpy()
    assert estimate_key(model, music).tuning_cents is not None
    drums = packaged_with(tmp_path / "model.pt", tonality=field)
    assert estimate_key(drums, music).tuning_cents is None


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
    found, expected = estimate_key(model, padded), estimate_key(model, music)
    assert replace(found, duration=expected.duration) == expected


def test_a_click_in_silence_is_long_enough_for_the_model(model: KeyModel) -> None:
    for place in (0, 30, 59):
        click = np.zeros((105, 60), np.float32)
        click[:, place] = 1
        assert estimate_key(model, click).confidence > 0
