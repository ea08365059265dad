"""Sound without a key: the server says so, and no key has much confidence."""

from __future__ import annotations

import random
import shutil
import subprocess

import numpy as np
import pytest
import soundfile

from tests.server_process import ROOT, ServerProcess, request
from training.music.drums import GROOVES, drum_track
from training.music.timbres import SAMPLE_RATE


@pytest.fixture(scope="module")
def server():
    with ServerProcess("-w", "1") as process:
        yield process


def assert_not_tonal(reply):
    assert reply["status"] == "success"
    assert reply["tonal"] is False
    assert reply["confidence"] < 0.5
    assert all(other["confidence"] <= reply["confidence"] for other in reply["alternatives"])


@pytest.mark.parametrize("groove", sorted(GROOVES))
def test_drums_alone(server, groove, tmp_path):
    noise = np.random.default_rng(5)
    drums, _ = drum_track(random.Random(5), noise, 3, 0.5, 30 * SAMPLE_RATE, groove)
    soundfile.write(tmp_path / "drums.wav", drums / np.abs(drums).max() / 2, SAMPLE_RATE)
    assert_not_tonal(server.ask(request(1, tmp_path / "drums.wav")))


@pytest.mark.parametrize("slope", [0.0, 0.5, 1.0])
def test_noise(server, slope, tmp_path):
    """White, pink and brown."""
    spectrum = np.fft.rfft(np.random.default_rng(1).standard_normal(20 * 44100))
    sound = np.fft.irfft(spectrum * np.arange(1, len(spectrum) + 1) ** -slope)
    soundfile.write(tmp_path / "noise.flac", sound / np.abs(sound).max() / 2, 44100)
    assert_not_tonal(server.ask(request(1, tmp_path / "noise.flac")))


@pytest.mark.skipif(not shutil.which("espeak-ng"), reason="no espeak-ng")
@pytest.mark.parametrize("voice", ["en-us", "de+f2", "es+m3"])
def test_speech(server, voice, tmp_path):
    text = (ROOT / "README.md").read_text(encoding="utf-8")[:600]
    command = ["espeak-ng", "-v", voice, "-w", tmp_path / "speech.wav", text]
    subprocess.run(command, check=True)
    assert_not_tonal(server.ask(request(1, tmp_path / "speech.wav")))


def test_music(server, track):
    reply = server.ask(request(1, track))
    assert reply["tonal"] is True
    assert reply["confidence"] > 0.9
