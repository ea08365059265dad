"""The generator: the label is the key that can be heard, and a seed is a seed."""

from __future__ import annotations

import random
from collections import Counter

import numpy as np
import numpy.typing as npt
import pytest

from keyscan.keys import KEYS, Key
from keyscan.spectrogram.constant_q import FloatArray, constant_q
from training.music.excerpt import STYLES, Excerpt, make_excerpt
from training.music.genres import GENRES
from training.music.harmony import draw_key
from training.music.progressions import PROGRESSIONS
from training.music.songs import song
from training.music.theory import parse_chord
from training.shards import WIDE_BINS, wide_bank

COUNT = 160


@pytest.fixture(scope="module")
def excerpts() -> list[Excerpt]:
    return [make_excerpt(seed=11, index=index, seconds=10.0) for index in range(COUNT)]


@pytest.fixture(scope="module")
def spectrograms(excerpts: list[Excerpt]) -> list[FloatArray]:
    return [constant_q(excerpt.samples, wide_bank()) for excerpt in excerpts]


def chroma(spectrogram: FloatArray) -> npt.NDArray[np.float64]:
    """Energy by pitch class, C first, of unit sum."""
    magnitudes = np.expm1(spectrogram).mean(axis=1)
    # Bin 12 of the wide bank is 65 Hz, a C; every second bin is a semitone.
    classes = (np.arange(0, WIDE_BINS, 2) // 2 - 6) % 12
    energy = np.bincount(classes, weights=magnitudes[::2], minlength=12)
    return np.asarray(energy / energy.sum())


def test_the_labelled_tonic_and_third_are_in_the_audio(
    excerpts: list[Excerpt], spectrograms: list[FloatArray]
) -> None:
    heard = [(e.key, chroma(s)) for e, s in zip(excerpts, spectrograms, strict=True)]
    for mode, third, other_third in (("major", 4, 3), ("minor", 3, 4)):
        of_mode = [(key, energy) for key, energy in heard if key.mode == mode]
        profile = np.mean([np.roll(energy, -key.tonic) for key, energy in of_mode], axis=0)
        assert profile.argmax() == 0
        assert profile[7] > np.median(profile)
        assert profile[third] > 1.2 * profile[other_third]
        # Not so when the labels are wrong: the profile says something about the labels.
        shifted = np.mean([np.roll(energy, -key.tonic - 1) for key, energy in of_mode], axis=0)
        assert shifted.argmax() != 0


def test_the_same_seed_and_index_give_the_same_samples() -> None:
    for index in range(4):
        first, again = (make_excerpt(3, index, 5.0) for _ in range(2))
        assert first.key == again.key
        assert np.array_equal(first.samples, again.samples)
    assert not np.array_equal(make_excerpt(3, 0, 5.0).samples, make_excerpt(4, 0, 5.0).samples)
    assert not np.array_equal(make_excerpt(3, 0, 5.0).samples, make_excerpt(3, 1, 5.0).samples)


def test_the_samples_are_sound(excerpts: list[Excerpt], spectrograms: list[FloatArray]) -> None:
    for excerpt, spectrogram in zip(excerpts, spectrograms, strict=True):
        assert excerpt.samples.dtype == np.float32
        assert np.isfinite(excerpt.samples).all()
        assert excerpt.samples.std() > 0.01
        assert spectrogram.shape[0] == WIDE_BINS
        assert spectrogram.max() > 0.1


def test_styles_and_modes_are_mixed(excerpts: list[Excerpt]) -> None:
    styles = Counter(excerpt.style for excerpt in excerpts)
    assert set(styles) <= set(STYLES)
    assert len(styles) > 0.7 * len(STYLES)
    minor = sum(excerpt.key.mode == "minor" for excerpt in excerpts) / COUNT
    assert 0.3 < minor < 0.7


@pytest.mark.parametrize("name", PROGRESSIONS)
def test_progressions_are_chords_that_begin_or_come_home(name: str) -> None:
    for mode, progressions in PROGRESSIONS[name].items():
        for progression in progressions:
            chords = [parse_chord(numeral) for numeral in progression.split()]
            assert chords, (name, mode)
        at_home = sum(
            any(parse_chord(numeral).root == 0 for numeral in progression.split())
            for progression in progressions
        )
        # Few progressions of any genre never touch the tonic.
        assert at_home > 0.7 * len(progressions), (name, mode)


@pytest.mark.parametrize("name", GENRES)
def test_every_genre_stays_around_its_key(name: str) -> None:
    genre = GENRES[name]
    outside, inside = 0.0, 0.0
    for seed in range(6):
        rng = random.Random(seed)
        key = Key(rng.randrange(12), "minor" if rng.random() < genre.minor else "major")
        harmony = song(rng, genre.writing, key, 64.0)
        assert harmony.key == key
        assert harmony.spans[-1].start + harmony.spans[-1].length == pytest.approx(64.0)
        for span in harmony.spans:
            for tone in span.chord.pitch_classes:
                if tone in harmony.scale:
                    inside += span.length
                else:
                    outside += span.length
        for player in genre.band:
            for note in player.part(rng, harmony):
                assert 0 <= note.start < 64.0 + 1e-6
                assert note.length > 0
                assert 10 <= note.pitch <= 110
    assert outside < 0.35 * inside


def test_every_key_is_drawn_about_equally_within_its_mode() -> None:
    rng = random.Random(1)
    counts = Counter(draw_key(rng, 0.5) for _ in range(6000))
    assert set(counts) == set(KEYS)
    for mode in ("major", "minor"):
        of_mode = [count for key, count in counts.items() if key.mode == mode]
        assert min(of_mode) > 0.7 * max(of_mode)
