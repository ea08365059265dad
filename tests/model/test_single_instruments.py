"""Loops of one instrument are tonal from 1.5 seconds on, and as sure as their length allows."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import numpy.typing as npt
import pytest
import soxr

from keyscan.keys import Key
from keyscan.model.checkpoint import KeyModel
from keyscan.model.estimate import estimate_key
from keyscan.spectrogram.constant_q import constant_q, load_filter_bank

Sound = npt.NDArray[np.float32]
RATE = 22050
BEAT = 0.5  # seconds
SECONDS = 11.0
MINOR = (0, 3, 7)


def hertz(pitch: float) -> float:
    return float(440 * 2 ** ((pitch - 69) / 12))


def saw(pitch: float, seconds: float) -> Sound:
    t = np.arange(int(seconds * RATE)) / RATE
    tones = [np.sin(2 * np.pi * n * hertz(pitch) * t) / n for n in range(1, 20)]
    return np.asarray(np.sum(tones, axis=0) * np.minimum(1, 100 * (seconds - t)), np.float32)


def plucked(pitch: float, seconds: float) -> Sound:
    return saw(pitch, seconds) * np.exp(-np.arange(int(seconds * RATE)) / RATE * 8).astype("f4")


def sung(pitch: float, seconds: float) -> Sound:
    """A glottal source that glides to its pitch, with vibrato and the formants of an "a"."""
    t = np.arange(int(seconds * RATE)) / RATE
    cents = 40 * np.sin(2 * np.pi * 5.5 * t) - 120 * np.exp(-15 * t)
    phase = 2 * np.pi * np.cumsum(hertz(pitch) * 2 ** (cents / 1200)) / RATE
    voice = np.zeros(len(t))
    for n in range(1, 15):
        loud = sum(1 / (1 + ((n * hertz(pitch) - formant) / 120) ** 2) for formant in (700, 1100))
        voice += (loud + 0.02) * np.sin(n * phase)
    return np.asarray(voice * np.minimum(1, 30 * (seconds - t)), np.float32)


def bass(tonic: int) -> list[Sound]:
    return [plucked(36 + tonic + step, BEAT / 2) for step in (0, 0, 12, 0, 0, 7, 10, 12)]


def pad(tonic: int) -> list[Sound]:
    roots = (0, 8, 3, 10)
    thirds = ((0, 3, 7), (0, 4, 7), (0, 4, 7), (0, 4, 7))
    return [
        np.asarray(sum(saw(48 + tonic + root + i, 4 * BEAT) for i in chord), np.float32)
        for root, chord in zip(roots, thirds, strict=True)
    ]


def held(tonic: int) -> list[Sound]:
    return [np.asarray(sum(saw(48 + tonic + i, SECONDS) for i in MINOR), np.float32)]


def arpeggio(tonic: int) -> list[Sound]:
    return [plucked(60 + tonic + step, BEAT / 4) for step in (0, 3, 7, 12, 15, 12, 7, 3)]


def vocal(tonic: int) -> list[Sound]:
    melody = ((7, 1.0), (5, 0.5), (3, 0.5), (5, 1.0), (3, 0.5), (2, 0.5), (0, 2.0))
    return [sung(57 + tonic + step, beats * BEAT) for step, beats in melody]


@cache
def loop(instrument: Callable[[int], list[Sound]], tonic: int, seconds: float) -> Sound:
    """The spectrogram of a file of so many seconds."""
    samples = np.resize(np.concatenate(instrument(tonic)), int(seconds * RATE))
    bank = load_filter_bank()
    samples = np.asarray(soxr.resample(samples / np.abs(samples).max() / 2, RATE, bank.sample_rate))
    return constant_q(samples, bank)


LENGTHS = (1.5, 2.8, 4.0, 7.0, 11.0)
LOOPS = [(instrument, seconds) for instrument in (bass, pad, held, arpeggio) for seconds in LENGTHS]
LOOPS += [(vocal, seconds) for seconds in LENGTHS[2:]]  # a few sung notes alone may be speech


@pytest.mark.parametrize(("instrument", "seconds"), LOOPS)
def test_a_loop_is_tonal(
    model: KeyModel, instrument: Callable[[int], list[Sound]], seconds: float
) -> None:
    for tonic in (0, 5):
        analysis = estimate_key(model, loop(instrument, tonic, seconds), timeline=True)
        assert analysis.tonal
        assert analysis.timeline is not None
        (segment,) = analysis.timeline.segments
        assert segment.key == analysis.key
        assert segment.confidence == pytest.approx(analysis.confidence)


def test_the_longer_the_loop_the_surer_is_its_key(model: KeyModel) -> None:
    found = [estimate_key(model, loop(held, 5, seconds)) for seconds in LENGTHS]
    assert {analysis.key for analysis in found} == {Key.parse("F minor")}
    sure = [analysis.confidence for analysis in found]
    assert sure == sorted(sure)
    assert 0.3 < sure[0] < 0.6
    assert sure[-1] > 0.9


@pytest.mark.parametrize("frames", [1, 5, 7, 30])
@pytest.mark.parametrize("kind", ["model", "keynet"])
def test_any_short_track_has_an_answer(
    kind: str, frames: int, request: pytest.FixtureRequest
) -> None:
    any_model: KeyModel = request.getfixturevalue(kind)
    spectrogram = np.random.default_rng(frames).random((105, frames), np.float32)
    analysis = estimate_key(any_model, spectrogram, duration=1.5, timeline=True)
    assert sum(analysis.probabilities) == pytest.approx(1)
    assert analysis.timeline is not None
    (segment,) = analysis.timeline.segments
    assert (segment.start, segment.end) == (0.0, 1.5)
