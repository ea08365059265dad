"""The same music in every format, through the real server, gives the same key."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
import soxr

from examples.track import SAMPLE_RATE, render_track
from keyscan.keys import KEYS, Key
from keyscan.spectrogram.features import extract_features
from tests.audio_files import FORMATS
from tests.server_process import ServerProcess

SIX = ["wav", "flac", "ogg-vorbis", "aiff", "mp3", "m4a"]
# mean difference of the log magnitudes, which run from 0 to about 4
TOLERANCE = {"lossless": 1e-3, "lossy": 2e-2}


@pytest.fixture(scope="module")
def server():
    with ServerProcess() as process:
        yield process


@pytest.fixture(scope="module")
def music():
    """Ten seconds in Eb major, 5B."""
    return render_track(Key.parse("Eb major"), 10.0)


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_through_the_server(server, music, tmp_path, name):
    form = FORMATS[name]
    path = tmp_path / f"music{form.extension}"
    rate = form.rate or SAMPLE_RATE
    form.write(path, soxr.resample(music, SAMPLE_RATE, rate), rate)
    reply = server.ask({"id": name, "path": str(path)})
    assert reply["status"] == "success", reply
    assert (reply["id"], reply["camelot"]) == (name, "5B")
    assert reply["warnings"] == []
    assert reply["duration"] == pytest.approx(10.0, abs=0.2)


@pytest.mark.parametrize("name", SIX)
def test_a_wrong_extension_does_not_matter(server, music, tmp_path, name):
    wrong = tmp_path / ("music.txt" if name == "mp3" else "music.mp3")
    FORMATS[name].write(tmp_path / f"right{FORMATS[name].extension}", music, SAMPLE_RATE)
    (tmp_path / f"right{FORMATS[name].extension}").rename(wrong)
    reply = server.ask({"id": 1, "path": str(wrong)})
    assert reply["camelot"] == "5B"


def test_six_formats_have_nearly_the_same_features(music, tmp_path):
    features = {}
    for name in SIX:
        path = tmp_path / f"{name}{FORMATS[name].extension}"
        FORMATS[name].write(path, music, SAMPLE_RATE)
        features[name] = extract_features(path).spectrogram[:, :48]
    for name in SIX[1:]:
        kind = "lossless" if name in ("flac", "aiff") else "lossy"
        difference = np.abs(features[name] - features["wav"]).mean()
        assert difference < TOLERANCE[kind], name
    assert features["wav"].mean() > 0.1


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 32000, 48000, 96000, 192000])
def test_every_rate(server, tmp_path, rate):
    music = soxr.resample(render_track(Key.parse("B minor"), 6.0), SAMPLE_RATE, rate)
    soundfile.write(tmp_path / "music.wav", music, rate)
    assert server.ask({"id": rate, "path": str(tmp_path / "music.wav")})["camelot"] == "10A"


@pytest.mark.parametrize("channels", range(1, 9))
def test_any_number_of_channels(server, tmp_path, channels):
    mono = render_track(Key.parse("F major"), 6.0).mean(axis=1, keepdims=True)
    soundfile.write(tmp_path / "music.wav", np.repeat(mono, channels, axis=1), SAMPLE_RATE)
    assert server.ask({"id": channels, "path": str(tmp_path / "music.wav")})["camelot"] == "7B"


def test_all_24_keys_are_found(server, tmp_path):
    wrong = []
    for key in KEYS:
        path = tmp_path / f"{key.camelot}.wav"
        soundfile.write(path, render_track(key, 15.0, seed=key.class_id), SAMPLE_RATE)
        reply = server.ask({"id": key.camelot, "path": str(path)})
        if (reply["camelot"], reply["class_id"]) != (key.camelot, key.class_id):
            wrong.append((key.camelot, reply["camelot"]))
    assert wrong == []


def test_a_second_and_a_half_is_enough_and_less_is_not(server, tmp_path):
    music = render_track(Key.parse("C major"), 4.0)
    for seconds, code in ((1.5, "ok"), (1.2, "too_short")):
        soundfile.write(tmp_path / "music.wav", music[: round(seconds * SAMPLE_RATE)], SAMPLE_RATE)
        assert server.ask({"id": 1, "path": str(tmp_path / "music.wav")})["code"] == code
