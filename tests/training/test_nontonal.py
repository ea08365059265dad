"""What is in no key: made from seeds, and strung together from recordings."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from keyscan.spectrogram.constant_q import load_filter_bank
from training.datasets import DatasetError
from training.music.sampled import SoundBank
from training.music.timbres import SAMPLE_RATE
from training.soundbank import write_header
from training.tonality.recorded import kits, loops, read_recorded, voices
from training.tonality.sounds import KINDS, NonTonalError, make_nontonal, spectrogram_of

needs_espeak = pytest.mark.skipif(
    shutil.which("espeak-ng") is None, reason="apt-get install espeak-ng"
)

FIRST = {"drums": 4, "speech": 0, "noise": 1, "mixture": 5}
"""The first number of each kind with seed 1."""


@pytest.fixture(scope="module")
def bank(kit_bank: Path) -> SoundBank:
    return SoundBank(kit_bank)


@needs_espeak
@pytest.mark.parametrize(("kind", "index"), FIRST.items())
def test_a_seed_and_a_number_give_the_same_sound(kind: str, index: int, bank: SoundBank) -> None:
    made, again = (make_nontonal(1, index, bank) for _ in range(2))
    assert made.kind == again.kind == kind
    assert np.array_equal(again.samples, made.samples)
    assert not np.array_equal(make_nontonal(2, index, bank).samples[:100], made.samples[:100])


def test_every_kind_is_tested() -> None:
    assert list(FIRST) == list(KINDS)


@needs_espeak
def test_tracks_last_from_8_to_90_seconds_and_sound(bank: SoundBank) -> None:
    made = [make_nontonal(1, index, bank).samples for index in range(10)]
    seconds = [len(samples) / SAMPLE_RATE for samples in made]
    assert min(seconds) < 15 < 60 < max(seconds)
    assert all(8 - 1e-3 <= length <= 90 for length in seconds)
    for samples in made:
        assert samples.dtype == np.float32
        assert np.isfinite(samples).all()
        assert np.sqrt(np.mean(samples**2)) > 0.01


def test_the_spectrogram_is_what_the_analyser_sees(bank: SoundBank) -> None:
    t = np.arange(10 * SAMPLE_RATE) / SAMPLE_RATE
    spectrogram = spectrogram_of(np.sin(2 * np.pi * 440 * t).astype(np.float32), SAMPLE_RATE)
    assert spectrogram.shape == (105, 49)
    assert spectrogram[:, 25].argmax() == round(24 * np.log2(440 / 65))


def test_without_espeak_the_error_says_what_to_install(
    bank: SoundBank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NonTonalError, match="apt-get install espeak-ng"):
        make_nontonal(1, FIRST["speech"], bank)


@pytest.mark.skipif(os.name == "nt", reason="the program is a shell script")
@pytest.mark.parametrize(
    ("script", "message"),
    [("echo no such voice >&2; exit 3", "failed with 3: no such voice"), ("true", "no sound")],
)
def test_what_espeak_does_wrong_is_told(
    bank: SoundBank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, message: str
) -> None:
    program = tmp_path / "espeak-ng"
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    with pytest.raises(NonTonalError, match=message):
        make_nontonal(1, FIRST["speech"], bank)


def test_a_bank_without_kits_is_refused(tmp_path: Path) -> None:
    write_header(tmp_path)
    with pytest.raises(NonTonalError, match="no drum kit"):
        make_nontonal(1, 0, SoundBank(tmp_path))


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    """Three sounds at 8 kHz, one of them below another folder, and one of silence."""
    folder = tmp_path / "sounds"
    (folder / "more").mkdir(parents=True)
    for number, name in enumerate(("a.wav", "b.flac", "more/c.wav")):
        noise = np.random.default_rng(number).standard_normal(12000)
        soundfile.write(folder / name, 0.2 * noise * np.exp(-np.arange(12000) / 2400), 8000)
    soundfile.write(folder / "silence.wav", np.zeros(8000), 8000)
    (folder / "readme.txt").write_text("not a sound", encoding="utf-8")
    return folder


def test_recordings_become_tracks(sounds: Path) -> None:
    rate = load_filter_bank().sample_rate
    phrases, beats, patterns = list(voices(sounds)), list(loops(sounds)), list(kits(sounds))
    assert [len(tracks) for tracks in (phrases, beats, patterns)] == [8, 3, 6]
    assert all(20 * rate <= len(track) < 123 * rate for track in phrases)
    for track in beats:
        period = round(1.5 * rate)
        assert len(track) >= 45 * rate
        assert track[period : 2 * period] == pytest.approx(track[:period], abs=0.02)
    assert {len(track) // rate for track in patterns} <= {20, 60, 120}
    assert all(np.array_equal(a, b) for a, b in zip(patterns, kits(sounds), strict=True))
    assert not np.array_equal(patterns[0][:rate], patterns[1][:rate])


def test_recorded_items_have_names_and_spectrograms(sounds: Path) -> None:
    items = read_recorded("loops", [sounds])
    assert [item.name for item in items] == ["sounds/0", "sounds/1", "sounds/2"]
    assert all(item.spectrogram.shape[0] == 105 for item in items)


def test_folders_without_sound_and_broken_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"no sound \(\.aif, .*\) in this folder"):
        read_recorded("kits", [tmp_path])
    (tmp_path / "broken.wav").write_bytes(b"RIFF")
    with pytest.raises(DatasetError, match=r"broken\.wav: cannot be read"):
        read_recorded("kits", [tmp_path])
