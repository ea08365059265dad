"""Channels become one without a loss where they cancel each other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from examples.track import SAMPLE_RATE
from keyscan.audio.mixdown import Mixdown
from keyscan.audio.stream import AudioStream
from tests.audio_files import FORMATS, Samples, music

SECONDS = 6.0
SCALES = {"u1": 128, "i2": 2**15, "i4": 2**31, "i8": 2**63, "f4": 1, "f8": 1}


def mid() -> Samples:
    return music(seconds=SECONDS).mean(1)


def noise(seed: int) -> Samples:
    """Pink noise: as much power in each octave."""
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(len(mid())))
    samples = np.fft.irfft(spectrum / np.sqrt(np.arange(len(spectrum)) + 1))
    return np.asarray(samples * 0.2 / samples.std(), np.float32)


def low_and_high() -> tuple[Samples, Samples]:
    """The music below and above 250 Hz."""
    spectrum = np.fft.rfft(mid())
    is_low = np.fft.rfftfreq(len(mid()), 1 / SAMPLE_RATE) < 250
    low, high = np.fft.irfft(spectrum * is_low), np.fft.irfft(spectrum * ~is_low)
    return low.astype(np.float32), high.astype(np.float32)


def cancels(*channels: Samples, rate: int = SAMPLE_RATE, block: int = 1 << 16) -> bool:
    samples, mix = np.stack(channels, 1), Mixdown()
    for first in range(0, len(samples), block):
        mix.interleaved(samples[first : first + block], rate)
    return mix.cancels


@pytest.mark.parametrize("channels", range(1, 9))
@pytest.mark.parametrize("dtype", SCALES)
def test_the_powers_of_the_mixes_add_up_to_those_of_the_channels(channels: int, dtype: str) -> None:
    scale = SCALES[dtype]
    values = np.random.default_rng(channels).uniform(-0.9, 0.9, (channels, 1000))
    stored = (values * scale + (scale if dtype == "u1" else 0)).astype(dtype)
    mixes = [Mixdown(row).planar(list(stored), 44100) for row in range(channels)]
    tolerance = 0.02 if dtype == "u1" else 1e-4
    assert np.allclose(mixes[0], values.mean(0), atol=tolerance)
    powers = np.sum(np.square(mixes), axis=0)
    assert np.allclose(powers, np.square(values).mean(0), atol=tolerance)
    if dtype in ("i2", "i4", "f4"):
        interleaved = np.ascontiguousarray(stored.T)
        for row, mix in enumerate(mixes):
            assert np.allclose(Mixdown(row).interleaved(interleaved, 44100), mix, atol=1e-6)


def test_a_row_beyond_the_last_is_silent() -> None:
    assert not Mixdown(2).interleaved(np.ones((10, 2), np.float32), 44100).any()


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 96000, 192000])
@pytest.mark.parametrize("block", [6000, 1 << 16])
def test_an_inverted_channel_is_found_at_any_rate(rate: int, block: int) -> None:
    samples = music(rate, SECONDS).mean(1)
    assert cancels(samples, -samples, rate=rate, block=max(block, rate // 8))
    assert not cancels(samples, samples, rate=rate, block=max(block, rate // 8))


def test_a_part_that_cancels_is_found_in_every_shape() -> None:
    low, high = low_and_high()
    assert cancels(low + high, low - high)  # wide chords over a bass in the middle
    assert cancels(low + high, -low + high)  # a bass whose channels cancel
    assert cancels(mid() + 0.1 * noise(1), -mid() + 0.1 * noise(2))  # hiss that does not cancel
    assert cancels(mid(), -0.8 * mid())
    left, right = music(seconds=SECONDS).T
    assert cancels(left, -right)  # a stereo track with one cable inverted
    assert cancels(mid(), mid(), -mid(), -mid())
    assert cancels(*(0.5 * mid(), -0.5 * mid()) * 3)


def test_what_only_sounds_wide_is_no_damage() -> None:
    low, high = low_and_high()
    assert not cancels(*music(seconds=SECONDS).T)
    assert not cancels(mid())
    assert not cancels(mid(), 0 * mid())
    assert not cancels(low, high)  # bass on the left, chords on the right
    assert not cancels(noise(1), noise(2))
    assert not cancels(*(noise(number) for number in range(6)))
    assert not cancels(mid(), *(0 * mid() for _ in range(5)))
    delayed = np.roll(mid(), SAMPLE_RATE // 50)  # the Haas effect
    assert not cancels(mid(), delayed)
    quiet = 10**-2 * high  # an inverted reverb 40 dB below the music
    assert not cancels(low + quiet, low - quiet)


def test_music_that_cancels_for_a_good_part_of_the_time() -> None:
    samples = np.tile(mid(), 10)  # a minute
    second = np.arange(len(samples)) / SAMPLE_RATE
    for start, end, expected in ((16, 60, True), (0, 60, True), (30, 60, True), (50, 58, False)):
        sign = np.where((second >= start) & (second < end), -1, 1).astype(np.float32)
        assert cancels(samples, sign * samples) == expected, (start, end)
    silence = np.zeros(120 * SAMPLE_RATE, np.float32)
    assert cancels(np.append(silence, samples), np.append(silence, -samples))


def test_silence_and_nonsense_do_not_cancel() -> None:
    zeros = np.zeros(SAMPLE_RATE, np.float32)
    assert not cancels(zeros, zeros)
    assert not cancels(zeros + np.nan, zeros)
    assert not cancels(zeros + np.float32(1e30), zeros - np.float32(1e30))
    assert not Mixdown().cancels


STEREO = [name for name in FORMATS if "mulaw" not in name and name != "wav-adpcm"]


@pytest.mark.parametrize("name", STEREO)
def test_every_format_keeps_what_cancels(name: str, tmp_path: Path) -> None:
    form = FORMATS[name]
    rate = form.rate or SAMPLE_RATE
    samples = music(rate, SECONDS).mean(1)
    powers = []
    for sign, row in ((1, 0), (-1, 1)):
        path = tmp_path / f"{row}{form.extension}"
        form.write(path, np.stack([samples, sign * samples], 1), rate)
        with AudioStream(path, 4000) as stream:
            list(stream)
            assert stream.mix.cancels == (sign < 0)
            stream.rewind(row)
            powers.append(sum(float(np.sum(block**2)) for block in stream))
            assert stream.duration == pytest.approx(SECONDS, abs=0.1)
            assert stream.warnings == ()
    assert powers[1] == pytest.approx(powers[0], rel=0.25)


def test_channels_may_change_in_the_midst_of_a_file() -> None:
    mix = Mixdown()
    for samples in (mid()[:, None], np.stack([mid(), -mid()], 1), mid()[:, None]):
        mix.interleaved(samples, SAMPLE_RATE)
    assert (mix.channels, mix.cancels) == (2, True)
