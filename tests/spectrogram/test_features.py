"""The spectrogram of a long file is handed over as it grows, and is the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from examples.track import SAMPLE_RATE, render_track
from keyscan.errors import Silent, TooLong
from keyscan.keys import Key
from keyscan.spectrogram import features
from keyscan.spectrogram.features import extract_features


@pytest.fixture(scope="module")
def minute(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("music") / "minute.wav"
    music = render_track(Key.parse("A minor"), 20.0)
    soundfile.write(path, np.tile(music, (3, 1)), SAMPLE_RATE)
    return path


def test_parts_make_up_the_whole(minute: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = extract_features(minute)
    monkeypatch.setattr(features, "PART_FRAMES", 50)
    parts: list[np.ndarray] = []
    last = extract_features(minute, hand_over=parts.append)
    assert len(parts) == 2
    assert all(part.shape[1] >= 50 for part in parts)
    found = np.concatenate([*parts, last.spectrogram], axis=1)
    np.testing.assert_array_equal(found, whole.spectrogram)
    assert last.duration == whole.duration


def test_an_end_in_silence_is_no_silent_track(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    music = render_track(Key.parse("A minor"), 20.0)
    path = tmp_path / "fading.wav"
    soundfile.write(path, np.concatenate([music, np.zeros((60 * SAMPLE_RATE, 2))]), SAMPLE_RATE)
    monkeypatch.setattr(features, "PART_FRAMES", 150)
    parts: list[np.ndarray] = []
    assert extract_features(path, hand_over=parts.append).spectrogram.max() < 1e-4
    assert parts[0].max() > 1


def test_parts_that_are_all_silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "silence.wav"
    soundfile.write(path, np.zeros((40 * SAMPLE_RATE, 2)), SAMPLE_RATE)
    monkeypatch.setattr(features, "PART_FRAMES", 50)
    with pytest.raises(Silent):
        extract_features(path, hand_over=lambda part: None)


def test_more_than_a_day_of_sound(minute: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "MAX_SECONDS", 30.0)
    with pytest.raises(TooLong, match="more than"):
        extract_features(minute)
