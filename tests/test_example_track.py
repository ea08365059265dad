"""The demo's synthesiser is in the key that it claims, and its files are what they are called."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from examples.track import SAMPLE_RATE, render_track, write_audio
from keyscan.audio.stream import AudioStream
from keyscan.keys import KEYS, Key

# Krumhansl & Kessler 1982: how well each pitch class fits a key, from its tonic upwards.
PROFILES = {
    "major": (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88),
    "minor": (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17),
}


def key_by_profile(samples: np.ndarray) -> Key:
    """The key whose profile correlates best with the spectrum between 60 and 1,000 Hz."""
    power = np.abs(np.fft.rfft(samples.mean(1) * np.hanning(len(samples)))) ** 2
    frequency = np.fft.rfftfreq(len(samples), 1 / SAMPLE_RATE)
    heard = (frequency > 60) & (frequency < 1000)
    pitch_class = np.round(12 * np.log2(frequency[heard] / 440) + 69).astype(int) % 12
    chroma = np.sqrt(np.bincount(pitch_class, power[heard], 12))
    fit = {k: np.corrcoef(np.roll(PROFILES[k.mode], k.tonic), chroma)[0, 1] for k in KEYS}
    return max(fit, key=lambda key: fit[key])


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.name("sharps"))
def test_the_track_is_in_its_key(key: Key) -> None:
    assert key_by_profile(render_track(key, 10, seed=key.tonic)) == key


def test_the_track_has_the_length_level_and_seed_that_were_asked_for() -> None:
    track = render_track(Key(0, "major"), 7.5, seed=1)
    assert track.shape == (round(7.5 * SAMPLE_RATE), 2)
    assert track.dtype == np.float32
    assert np.abs(track).max() == pytest.approx(0.8)
    np.testing.assert_array_equal(track, render_track(Key(0, "major"), 7.5, seed=1))
    assert not np.array_equal(track, render_track(Key(0, "major"), 7.5, seed=2))


@pytest.mark.parametrize(
    "extension", [".wav", ".flac", ".ogg", ".aiff", ".au", ".mp3", ".m4a", ".aac", ".wma"]
)
def test_files_are_what_their_extension_says(extension: str, tmp_path: Path) -> None:
    track, path = render_track(Key(9, "minor"), 3), tmp_path / f"track{extension}"
    write_audio(path, track, SAMPLE_RATE)
    with AudioStream(path, 3675) as stream:
        assert sum(map(len, stream)) == pytest.approx(3 * stream.sample_rate, abs=400)
        assert stream.warnings == ()


def test_an_unknown_extension_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"\.xyz"):
        write_audio(tmp_path / "track.xyz", render_track(Key(0, "major"), 1), SAMPLE_RATE)
