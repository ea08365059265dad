"""Resampling: what is kept, what is not folded, and that blocks and starts change nothing."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from keyscan.audio.mixdown import Mono
from keyscan.audio.resampling import Resampler, _Decimator, _factor
from keyscan.spectrogram.constant_q import SAMPLE_RATE

RATES = [8000, 11025, 16000, 22050, 32000, 37800, 44056, 44100, 48000, 88200, 96000, 192000]
PRIME = 44111  # no number of samples but one divides a second of them
EDGE = 2000  # samples at either end, where both filters look beyond the sound


def resampled(samples: Mono, rate: int, sizes: tuple[int, ...] = (65536,)) -> Mono:
    """In blocks of these sizes, the last of them for all that is left."""
    ends = [*np.cumsum(sizes[:-1])]
    ends += range(int(sum(sizes)), len(samples) + sizes[-1], sizes[-1])
    resampler = Resampler(rate, SAMPLE_RATE)
    parts = [resampler.push(samples[first:end]) for first, end in pairwise([0, *ends])]
    return np.concatenate([*parts, resampler.finish()])


def sine(frequency: float, rate: int, seconds: float = 4.0) -> Mono:
    return np.sin(2 * np.pi * frequency / rate * np.arange(round(rate * seconds))).astype("f4")


def noise(count: int) -> Mono:
    return (np.random.default_rng(0).standard_normal(count) * 0.1).astype(np.float32)


@pytest.mark.parametrize("rate", [*RATES, PRIME])
def test_the_music_is_left_as_it_was(rate: int) -> None:
    for frequency in (65.0, 440.0, 1310.0):
        found = resampled(sine(frequency, rate), rate)
        expected = sine(frequency, SAMPLE_RATE)
        assert abs(len(found) - len(expected)) <= 1
        np.testing.assert_allclose(found[EDGE:-EDGE], expected[EDGE : len(found) - EDGE], atol=1e-4)


@pytest.mark.parametrize("rate", [*RATES, PRIME])
def test_nothing_is_folded_onto_the_music(rate: int) -> None:
    kept = rate / _factor(rate, SAMPLE_RATE)  # the rate between the filter and soxr
    for multiple in (kept, 2 * kept, SAMPLE_RATE, 2 * SAMPLE_RATE):
        for distance in (-1800, -1310, -440, -65, 65, 440, 1310, 1800):
            frequency = multiple + distance
            if SAMPLE_RATE / 2 < frequency < rate / 2 and abs(frequency - SAMPLE_RATE / 2) > 300:
                folded = resampled(sine(frequency, rate), rate)[EDGE:-EDGE]
                assert np.abs(folded).max() < 3e-6, frequency


@pytest.mark.parametrize(
    ("rate", "factor"),
    [(8000, 1), (14_699, 1), (14_700, 2), (44100, 6), (48000, 6), (PRIME, 6), (192_000, 26)],
)
def test_soxr_is_left_two_octaves_above_the_music(rate: int, factor: int) -> None:
    assert _factor(rate, SAMPLE_RATE) == factor


@pytest.mark.parametrize("rate", [44100, 48000, 96000])
@pytest.mark.parametrize("beyond", range(6))
def test_the_last_samples_are_kept(rate: int, beyond: int) -> None:
    count = 2 * rate + beyond
    decimator = _Decimator(_factor(rate, SAMPLE_RATE), SAMPLE_RATE / rate)
    found = np.concatenate([decimator.push(np.ones(count, np.float32)), decimator.finish()])
    assert len(found) == -(-count // _factor(rate, SAMPLE_RATE))
    assert found[-1] > 0.45  # at most half of the filter lies beyond the end


@pytest.mark.parametrize("rate", [11025, 44100, 48000, 192000, PRIME])
def test_blocks_do_not_matter(rate: int) -> None:
    samples = noise(3 * rate + 5)
    whole = resampled(samples, rate, (len(samples),))
    for sizes in [(1, 2, 30, 31, 997), (65536,), (100_000, 7)][: 2 if rate > 48000 else 3]:
        np.testing.assert_allclose(resampled(samples, rate, sizes), whole, atol=1e-6)


@pytest.mark.parametrize("rate", [44056, 44100, 48000, 192000])
def test_a_later_second_has_the_same_samples(rate: int) -> None:
    samples = noise(6 * rate)
    later = resampled(samples[2 * rate :], rate)[SAMPLE_RATE:-EDGE]
    np.testing.assert_allclose(later, resampled(samples, rate)[3 * SAMPLE_RATE : -EDGE], atol=1e-6)


@pytest.mark.parametrize("count", [0, 1, 2, 5, 6, 7, 100, 44099, 44100, 44101])
def test_there_are_as_many_samples_as_the_time_has(count: int) -> None:
    assert abs(len(resampled(noise(count), 44100)) - count / 12) <= 1


def test_a_click_stays_where_it_is() -> None:
    click = np.zeros(2 * 44100, np.float32)
    click[44100] = 1
    assert int(np.abs(resampled(click, 44100)).argmax()) == SAMPLE_RATE
