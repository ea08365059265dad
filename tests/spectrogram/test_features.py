"""A file becomes one spectrogram, within limits of length and loudness."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import soundfile

from examples.track import SAMPLE_RATE, render_track
from keyscan.audio.stream import AudioStream
from keyscan.errors import Cancelled, Silent, TooLong, TooShort
from keyscan.keys import Key
from keyscan.spectrogram import features
from keyscan.spectrogram.constant_q import CqtEngine
from keyscan.spectrogram.features import extract_features
from tests.audio_files import valid


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


@pytest.mark.parametrize("name", ["mp3", "wav", "flac", "ogg-vorbis", "m4a-faststart"])
def test_the_first_second_of_a_broken_download(name: str, tmp_path: Path) -> None:
    data = valid(name, 24.0)
    (tmp_path / "part").write_bytes(data[: len(data) // 20])
    with pytest.raises(TooShort, match="breaks off before its end") as caught:
        extract_features(tmp_path / "part")
    assert [warning.code for warning in caught.value.warnings] == ["truncated"]
    if name != "ogg-vorbis":  # whose length only its last page tells
        assert re.search(r"[01]\.\d s decoded of 2\d s", str(caught.value))


def test_a_short_file_that_is_whole(track: Path, tmp_path: Path) -> None:
    music, _ = soundfile.read(track)
    soundfile.write(tmp_path / "a.wav", music[:SAMPLE_RATE], SAMPLE_RATE)
    with pytest.raises(TooShort, match=r"needed$") as caught:
        extract_features(tmp_path / "a.wav")
    assert caught.value.warnings == ()


def test_silence_that_comes_of_damage(tmp_path: Path) -> None:
    samples = np.full((4 * SAMPLE_RATE, 2), np.nan)
    soundfile.write(tmp_path / "a.wav", samples, SAMPLE_RATE, subtype="FLOAT")
    with pytest.raises(Silent, match="silenced") as caught:
        extract_features(tmp_path / "a.wav")
    assert [warning.code for warning in caught.value.warnings] == ["bad_samples"]


def test_more_than_a_day_of_sound(track: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "MAX_SECONDS", 10.0)
    with pytest.raises(TooLong, match="more than"):
        extract_features(track)


def test_it_stops_when_told_to(track: Path) -> None:
    answers = iter([False, True])
    with pytest.raises(Cancelled):
        extract_features(track, should_stop=lambda: next(answers))


@pytest.mark.parametrize("engine", ["matrix", "librosa"])
def test_where_channels_cancel_the_powers_are_added(
    engine: CqtEngine, track: Path, tmp_path: Path
) -> None:
    music = soundfile.read(track)[0].mean(1)
    soundfile.write(tmp_path / "mono.wav", music, SAMPLE_RATE)
    plain = extract_features(tmp_path / "mono.wav", engine).spectrogram
    for signs in ((1, -1), (1, -1, 1, -1, 1, -1)):
        path = tmp_path / "inverted.wav"
        soundfile.write(path, np.stack([sign * music for sign in signs], 1), SAMPLE_RATE)
        found = extract_features(path, engine)
        assert [warning.code for warning in found.warnings] == ["phase"]
        assert np.allclose(found.spectrogram, plain, atol=1e-3)
        assert found.duration == pytest.approx(20.0)
        with pytest.raises(Silent, match="cancel"):
            extract_features(path, engine, mean_only=True)


def test_a_part_that_cancels_is_as_loud_as_it_is_in_phase(tmp_path: Path) -> None:
    spectrum = np.fft.rfft(render_track(Key.parse("A minor"), 20.0).mean(1))
    is_low = np.fft.rfftfreq(20 * SAMPLE_RATE, 1 / SAMPLE_RATE) < 250
    low, high = np.fft.irfft(spectrum * is_low), np.fft.irfft(spectrum * ~is_low)
    for name, sign in (("in phase", 1), ("cancels", -1)):
        samples = np.stack([low + sign * high, low + high], 1) / 2
        soundfile.write(tmp_path / name, samples, SAMPLE_RATE, format="WAV")
    in_phase = extract_features(tmp_path / "in phase").spectrogram
    powers = extract_features(tmp_path / "cancels").spectrogram
    mean = extract_features(tmp_path / "cancels", mean_only=True).spectrogram
    loud = in_phase > 0.5
    assert np.abs(powers - in_phase)[loud].mean() < 0.5 * np.abs(mean - in_phase)[loud].mean()


def test_a_file_whose_channels_cancel_can_be_stopped(track: Path, tmp_path: Path) -> None:
    music = soundfile.read(track)[0].mean(1)
    soundfile.write(tmp_path / "a.wav", np.stack([music, -music], 1), SAMPLE_RATE)
    with AudioStream(tmp_path / "a.wav", 3675) as stream:
        blocks = len(list(stream))
    answers = iter([*[False] * (blocks + 1), True])
    with pytest.raises(Cancelled):
        extract_features(tmp_path / "a.wav", should_stop=lambda: next(answers))
