"""A file becomes one spectrogram, within limits of length and loudness."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from examples.track import SAMPLE_RATE, render_track
from keyscan.errors import Cancelled, Silent, TooLong, TooShort
from keyscan.keys import Key
from keyscan.spectrogram import features
from keyscan.spectrogram.features import extract_features


@pytest.fixture(scope="module")
def track(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("music") / "track.wav"
    soundfile.write(path, render_track(Key.parse("A minor"), 20.0), SAMPLE_RATE)
    return path


def test_the_spectrogram_is_contiguous_and_has_five_frames_a_second(track: Path) -> None:
    found = extract_features(track)
    assert found.spectrogram.shape == (105, 5 * 20 - 1)
    assert found.spectrogram.flags.c_contiguous
    assert found.spectrogram.dtype == np.float32
    assert (found.duration, found.warnings) == (pytest.approx(20.0), ())
    assert found.seconds.keys() == {"decode", "resample", "cqt", "postprocess"}


def test_an_end_in_silence_is_no_silent_track(track: Path, tmp_path: Path) -> None:
    music, _ = soundfile.read(track)
    path = tmp_path / "fading.wav"
    soundfile.write(path, np.concatenate([music, np.zeros((60 * SAMPLE_RATE, 2))]), SAMPLE_RATE)
    spectrogram = extract_features(path).spectrogram
    assert spectrogram[:, 150:].max() < 1e-4
    assert spectrogram.max() > 1


def test_silence(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "silence.wav", np.zeros((40 * SAMPLE_RATE, 2)), SAMPLE_RATE)
    with pytest.raises(Silent, match="silent"):
        extract_features(tmp_path / "silence.wav")


def test_less_than_the_shortest_track(track: Path, tmp_path: Path) -> None:
    music, _ = soundfile.read(track)
    for seconds in (1.3, 1.45):
        soundfile.write(tmp_path / "a.wav", music[: round(seconds * SAMPLE_RATE)], SAMPLE_RATE)
        if seconds < 1.4:
            with pytest.raises(TooShort, match=r"1\.3 seconds"):
                extract_features(tmp_path / "a.wav")
        else:
            assert extract_features(tmp_path / "a.wav").spectrogram.shape[1] == 6


def test_more_than_a_day_of_sound(track: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "MAX_SECONDS", 10.0)
    with pytest.raises(TooLong, match="more than"):
        extract_features(track)


def test_it_stops_when_told_to(track: Path) -> None:
    answers = iter([False, True])
    with pytest.raises(Cancelled):
        extract_features(track, should_stop=lambda: next(answers))
