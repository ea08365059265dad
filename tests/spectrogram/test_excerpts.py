"""Stretches of a track have the frames of the whole, and with the rest they are the whole."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
import soxr

from examples.track import SAMPLE_RATE, render_track
from keyscan.audio.excerpts import NotInParts
from keyscan.errors import Cancelled
from keyscan.keys import Key
from keyscan.spectrogram.constant_q import STRETCHES
from keyscan.spectrogram.excerpts import (
    LONGEST_SECONDS,
    STRETCH_SECONDS,
    extract_in_parts,
)
from keyscan.spectrogram.features import extract_features
from tests.audio_files import FORMATS
from tests.sparse_files import write_silent_wav

SECONDS = 104.0
FRAMES = STRETCH_SECONDS * 5
NAMES = ("wav", "flac", "mp3", "m4a", "ogg-vorbis", "ogg-opus", "webm", "mka-flac")


@pytest.fixture(scope="module")
def samples():
    """Music that is different at any time: eight pieces of 13 seconds."""
    keys = ("A minor", "C minor", "E major", "F minor", "B major", "D minor", "G# minor", "F major")
    return np.concatenate([render_track(Key.parse(key), SECONDS / len(keys)) for key in keys])


@pytest.fixture(scope="module", params=NAMES)
def path(request, samples, tmp_path_factory):
    form = FORMATS[request.param]
    path = tmp_path_factory.mktemp("music") / f"music{form.extension}"
    rate = form.rate or SAMPLE_RATE
    form.write(path, soxr.resample(samples, SAMPLE_RATE, rate), rate)
    return path


def test_parts_have_the_frames_of_the_whole(path):
    whole = extract_features(path)
    features = extract_in_parts(path)
    assert features.duration == pytest.approx(whole.duration, abs=0.002)
    assert features.analysed_seconds == STRETCHES * STRETCH_SECONDS
    assert features.spectrogram.shape == (105, STRETCHES * FRAMES)
    for number, stretch in enumerate(np.split(features.spectrogram, STRETCHES, axis=1)):
        middle = (number + 0.5) / STRETCHES * whole.duration * 5
        first = round(middle - FRAMES / 2)
        difference = np.abs(stretch - whole.spectrogram[:, first : first + FRAMES])
        assert difference.mean() < 2e-3
        assert difference.max() < 0.2
    together = extract_in_parts(path, stretches=features)
    assert together.analysed_seconds is None
    assert together.spectrogram.shape[1] == pytest.approx(whole.spectrogram.shape[1], abs=1)
    common = min(together.spectrogram.shape[1], whole.spectrogram.shape[1])
    difference = np.abs(together.spectrogram[:, :common] - whole.spectrogram[:, :common])
    assert difference.mean() < 2e-3
    assert difference.max() < 0.3


def test_short_and_very_long_files_are_analysed_as_a_whole(samples, tmp_path):
    soundfile.write(tmp_path / "short.wav", samples[: 90 * SAMPLE_RATE], SAMPLE_RATE)
    write_silent_wav(tmp_path / "long.wav", 1, int(LONGEST_SECONDS) + 1)
    for name in ("short", "long"):
        with pytest.raises(NotInParts, match="length"):
            extract_in_parts(tmp_path / f"{name}.wav")


def test_silence_and_channels_that_cancel_are_left_to_the_whole(samples, tmp_path):
    write_silent_wav(tmp_path / "silent.wav", 1, 200)
    mono = samples[:, 0]
    soundfile.write(tmp_path / "inverted.wav", np.stack([mono, -mono], axis=1), SAMPLE_RATE)
    for name in ("silent", "inverted"):
        with pytest.raises(NotInParts):
            extract_in_parts(tmp_path / f"{name}.wav")


def test_the_rest_of_another_file_is_not_taken(samples, tmp_path):
    path = tmp_path / "music.wav"
    soundfile.write(path, samples, SAMPLE_RATE)
    features = extract_in_parts(path)
    other = tmp_path / "other.wav"  # of the same length
    soundfile.write(other, samples[::-1], SAMPLE_RATE)
    other.replace(path)
    with pytest.raises(NotInParts, match="changed"):
        extract_in_parts(path, stretches=features)


def test_what_is_no_audio_is_left_to_the_whole(tmp_path):
    (tmp_path / "text.mp3").write_text("words " * 1000)
    for name in ("text.mp3", "gone.mp3"):
        with pytest.raises(NotInParts):
            extract_in_parts(tmp_path / name)


def test_it_stops_when_it_is_told_to(path):
    with pytest.raises(Cancelled):
        extract_in_parts(path, should_stop=lambda: True)
