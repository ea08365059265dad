"""Stability: each change does to the sound what it is named for; the table counts what changed."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from keyscan.keys import Key
from tests.training.conftest import Command
from training.datasets import Track
from training.stability import CHANGES, RATE, Comparison, decode, report

SECONDS = 5
TONE = 440.0


@pytest.fixture(scope="module")
def tone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tone at the left, a fifth higher at the right; mono would have both."""
    t = np.arange(SECONDS * RATE) / RATE
    samples = 0.5 * np.sin(2 * np.pi * TONE * np.array([1, 1.5]) * t[:, np.newaxis])
    path = tmp_path_factory.mktemp("tone") / "tone.flac"
    soundfile.write(path, samples, RATE)
    return path


def frequency(samples: np.ndarray, rate: int) -> float:
    """That of the strongest partial of the left channel, Hz."""
    left = samples[:, 0] * np.hanning(len(samples))
    spectrum = np.abs(np.fft.rfft(left, 8 * len(left)))
    return float(spectrum.argmax() * rate / (8 * len(left)))


def test_a_recording_is_decoded_whole_or_in_part(tone: Path) -> None:
    expected = soundfile.read(tone, dtype="float32")[0]
    assert np.abs(decode(Track(tone, Key(0, "major"))) - expected).max() < 1e-3
    part = decode(Track(tone, Key(0, "major"), start=1.0, length=2.5))
    assert np.abs(part - expected[RATE : round(3.5 * RATE)]).max() < 1e-3


@pytest.mark.parametrize(
    ("change", "cents", "gain", "seconds"),
    [
        ("MP3 at 128 kbit/s", 0, 1.0, SECONDS),
        ("40 cents higher", 40, 1.0, SECONDS / 2 ** (40 / 1200)),
        ("40 cents lower", -40, 1.0, SECONDS * 2 ** (40 / 1200)),
        ("20 dB quieter, 16 bits", 0, 0.1, SECONDS),
        ("without the first 20 %", 0, 1.0, 0.8 * SECONDS),
    ],
)
def test_each_change_is_what_it_says(
    change: str, cents: float, gain: float, seconds: float, tone: Path, tmp_path: Path
) -> None:
    written = CHANGES[change](tmp_path / "track", decode(Track(tone, Key(0, "major"))))
    samples, rate = soundfile.read(written, dtype="float32", always_2d=True)
    assert 1200 * np.log2(frequency(samples, rate) / TONE) == pytest.approx(cents, abs=1)
    assert np.abs(samples[rate : 2 * rate]).max() == pytest.approx(0.5 * gain, rel=0.05)
    assert len(samples) / rate == pytest.approx(seconds, abs=0.06)
    assert samples.shape[1] == 2


def test_the_files_are_of_the_formats_they_are_named_for(tone: Path, tmp_path: Path) -> None:
    samples = decode(Track(tone, Key(0, "major")))
    with av.open(str(CHANGES["MP3 at 128 kbit/s"](tmp_path / "a", samples))) as container:
        assert container.streams.audio[0].codec_context.name.startswith("mp3")
        assert container.bit_rate == pytest.approx(128_000, rel=0.05)
    quiet = CHANGES["20 dB quieter, 16 bits"](tmp_path / "b", samples)
    assert soundfile.info(quiet).subtype == "PCM_16"


def test_the_table_counts_each_change_and_all_of_them() -> None:
    track = Track(Path("x"), Key(0, "major"))
    c, a = Key(0, "major"), Key(9, "minor")
    compared = [Comparison(track, c, (c, c, c, c, c)), Comparison(track, c, (c, a, c, c, c))]
    compared += [Comparison(track, c, (c, c, a, c, c)), Comparison(track, a, (a, a, a, a, a))]
    lines = report("some", compared).splitlines()
    shares = {line[2:26].strip(): float(line[26:].split()[0]) for line in lines[1:]}
    assert lines[0].startswith("some (4)")
    assert list(shares.values()) == [100, 75, 75, 100, 100, 50]
    assert list(shares) == [*CHANGES, "all of these"]
    assert report("some", []) == "some: no answers\n"


def test_the_command_compares_real_files(flawed_set: Path, command: Command) -> None:
    run = command("stability", flawed_set, "--tracks")
    assert run.returncode == 0, run.stderr
    assert f"{flawed_set.name} (1), per cent of answers unchanged" in run.stdout
    for change in ("20 dB quieter, 16 bits", "MP3 at 128 kbit/s"):
        assert f"{change:24}100.0 [100.0, 100.0]" in run.stdout
    assert "broken.mp3: " in run.stderr
    assert f"no such file: {flawed_set / 'gone.wav'}" in run.stderr
