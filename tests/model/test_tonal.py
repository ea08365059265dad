"""Drums, noise and speech are not tonal to the packaged model, and it is not sure of their key."""

from __future__ import annotations

import random
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

from examples.track import SAMPLE_RATE as TRACK_RATE
from examples.track import render_track
from keyscan.analysis import Analysis
from keyscan.keys import Key
from keyscan.model.checkpoint import load_model
from keyscan.model.estimate import estimate_key
from keyscan.spectrogram.features import extract_features
from training.music.drums import GROOVES, drum_track
from training.music.timbres import SAMPLE_RATE

TEXT = """The analyser reads a file, finds the key that most of it is in, and says how sure it is.
It was trained on music that a program made, and on recordings whose keys other models agree on.
A voice rises and falls, but it keeps to no scale; so there is no key to be found in what it says.
Drums have a pitch, too, and a kick may ring for a second, but that is not a note of a scale."""


def analyse(path: Path) -> Analysis:
    return estimate_key(load_model(), extract_features(path).spectrogram)


def assert_not_tonal(path: Path) -> None:
    analysis = analyse(path)
    assert not analysis.tonal
    assert analysis.confidence < 0.5
    assert all(other.confidence <= analysis.confidence for other in analysis.alternatives)


TUNED = ("click", "tribal")  # on toms and clicks, which can be tuned to a key


def write_drums(path: Path, groove: str, seed: int = 5) -> None:
    noise = np.random.default_rng(seed)
    drums, _ = drum_track(random.Random(seed), noise, 3, 0.5, 30 * SAMPLE_RATE, groove)
    soundfile.write(path, drums / np.abs(drums).max() / 2, SAMPLE_RATE)


@pytest.mark.parametrize("groove", sorted(GROOVES.keys() - set(TUNED)))
def test_drums_alone(groove: str, tmp_path: Path) -> None:
    write_drums(tmp_path / "drums.wav", groove)
    assert_not_tonal(tmp_path / "drums.wav")


@pytest.mark.parametrize("groove", TUNED)
def test_of_tuned_drums_no_key_is_sure(groove: str, tmp_path: Path) -> None:
    for seed in range(5, 17):
        write_drums(tmp_path / "drums.wav", groove, seed)
        assert analyse(tmp_path / "drums.wav").confidence < 0.4


@pytest.mark.parametrize("slope", [0.0, 0.5, 1.0])
def test_noise(slope: float, tmp_path: Path) -> None:
    """White, pink and brown."""
    spectrum = np.fft.rfft(np.random.default_rng(1).standard_normal(20 * 44100))
    sound = np.fft.irfft(spectrum * np.arange(1, len(spectrum) + 1) ** -slope)
    soundfile.write(tmp_path / "noise.flac", sound / np.abs(sound).max() / 2, 44100)
    assert_not_tonal(tmp_path / "noise.flac")


@pytest.mark.skipif(not shutil.which("espeak-ng"), reason="no espeak-ng: see training/README.md")
@pytest.mark.parametrize("voice", ["en-us", "de+f2", "es+m3"])
def test_speech(voice: str, tmp_path: Path) -> None:
    subprocess.run(["espeak-ng", "-v", voice, "-w", tmp_path / "speech.wav", TEXT], check=True)
    assert_not_tonal(tmp_path / "speech.wav")


def test_music(tmp_path: Path) -> None:
    track = render_track(Key.parse("F# minor"), 10.0)
    soundfile.write(tmp_path / "music.wav", track, TRACK_RATE)
    analysis = analyse(tmp_path / "music.wav")
    assert analysis.tonal
    assert analysis.confidence > 0.9
