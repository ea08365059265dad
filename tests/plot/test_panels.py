"""Spectrogram and chroma as they are drawn."""

from __future__ import annotations

import numpy as np
import pytest

from keyscan.plot.track import bin_of, chroma, fewer_columns
from keyscan.spectrogram.constant_q import constant_q, load_filter_bank


def tone(frequency, seconds=4.0):
    rate = load_filter_bank().sample_rate
    samples = 0.5 * np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate)
    return constant_q(samples.astype(np.float32), load_filter_bank())


def test_few_columns_stay_as_they_are():
    image = np.random.default_rng(0).random((105, 50), np.float32)
    assert fewer_columns(image, 50) is image


def test_columns_are_means_over_time():
    image = np.random.default_rng(0).random((105, 1000), np.float32)
    expected = image.reshape(105, 100, 10).mean(axis=2)
    np.testing.assert_allclose(fewer_columns(image, 100), expected, rtol=1e-5)


def test_every_frame_counts_once_where_columns_do_not_fit():
    image = np.ones((3, 1001), np.float32)
    image[:, 500] = 1001
    fewer = fewer_columns(image, 64)
    assert fewer.shape == (3, 64)
    assert np.count_nonzero(fewer > 1.001) == 3
    assert fewer.min() == pytest.approx(1)


@pytest.mark.parametrize(("midi", "frequency"), [(45, 110.0), (69, 440.0), (74, 587.33)])
def test_a_note_is_at_the_bin_that_sounds(midi, frequency):
    loudest = tone(frequency).mean(axis=1).argmax()
    assert abs(loudest - bin_of(midi)) < 0.6


@pytest.mark.parametrize(("frequency", "note"), [(110.0, 9), (440.0, 9), (261.63, 0), (739.99, 6)])
def test_chroma_names_the_note_whatever_its_octave(frequency, note):
    notes = chroma(tone(frequency))[:, 5:-5]
    assert notes.shape[0] == 12
    assert (notes.argmax(axis=0) == note).all()
    np.testing.assert_allclose(notes.max(axis=0), 1, rtol=1e-5)


def test_chroma_looks_where_the_music_is_tuned():
    detuned = tone(440 * 2 ** (40 / 1200))
    neighbour = [chroma(detuned, cents)[10, 5:-5].mean() for cents in (0.0, 40.0)]
    assert neighbour[1] < 0.7 * neighbour[0]


def test_silence_has_no_chroma():
    assert not chroma(np.zeros((105, 7), np.float32)).any()
