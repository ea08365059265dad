"""What tells the key of a synthetic song: its form, its tonic chord, and the third that is sung."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pytest

from keyscan.keys import Key, Mode
from training.music import excerpt, mix, tunes
from training.music.excerpt import make_excerpt
from training.music.genres import GENRES
from training.music.harmony import SHORTEST_LAP, Harmony, lay_out, loop_harmony
from training.music.notes import Note
from training.music.songs import _shared_loop, song
from training.music.theory import SCALES, parse_chord

A_MINOR, A_MAJOR = Key.parse("A minor"), Key.parse("A major")
HOME: dict[Mode, str] = {"major": "I", "minor": "i"}


def chords_of(loops: list[list[str]], tonic: int) -> set[frozenset[int]]:
    return {
        frozenset(parse_chord(numeral).transposed(tonic).pitch_classes)
        for loop in loops
        for numeral in loop
    }


def test_relative_keys_share_the_chords_of_their_loops() -> None:
    major = [_shared_loop(random.Random(seed), "major") for seed in range(300)]
    minor = [_shared_loop(random.Random(seed), "minor") for seed in range(300)]
    assert chords_of(major, 0) == chords_of(minor, 9)


@pytest.mark.parametrize("mode", ["major", "minor"])
def test_a_shared_loop_mostly_begins_with_its_tonic(mode: Mode) -> None:
    loops = [_shared_loop(random.Random(seed), mode) for seed in range(300)]
    assert np.mean([HOME[mode] in loop for loop in loops]) > 0.9
    assert 0.7 < np.mean([loop[0] == HOME[mode] for loop in loops]) < 0.95


@pytest.mark.parametrize("part", [tunes.vocal, tunes.blue_vocal, tunes.instrument])
@pytest.mark.parametrize("chord", ["I7", "I5", "I"])
@pytest.mark.parametrize(("key", "other"), [(A_MINOR, 4), (A_MAJOR, 3)])
def test_a_singer_sings_the_third_of_the_mode_over_any_tonic_chord(
    part: Callable[[random.Random, Harmony], list[Note]], chord: str, key: Key, other: int
) -> None:
    """Listeners call blues in dominant sevenths minor by its melody."""
    scale = SCALES["aeolian" if key.mode == "minor" else "ionian"]
    harmony = lay_out([(parse_chord(chord), 64.0)], key, scale, 64.0)
    sung = [note.pitch % 12 for seed in range(20) for note in part(random.Random(seed), harmony)]
    thirds = {interval: sung.count((key.tonic + interval) % 12) for interval in (3, 4)}
    assert thirds[7 - other] > 20
    # A blue line in a major key has both.
    assert thirds[other] == 0 or (part is tunes.blue_vocal and key.mode == "major")


def test_a_loop_begins_again_at_its_starts() -> None:
    for seed in range(40):
        rng = random.Random(seed)
        harmony = loop_harmony(rng, A_MINOR, 96.0)
        assert all(harmony.at(start).chord == harmony.at(0).chord for start in harmony.starts)
        assert np.all(np.diff((0.0, *harmony.starts)) >= SHORTEST_LAP)


def test_a_song_has_its_starts_at_chord_changes() -> None:
    for seed in range(40):
        harmony = song(random.Random(seed), GENRES["pop"].writing, A_MAJOR, 96.0)
        onsets = {span.start for span in harmony.spans}
        assert set(harmony.starts) <= onsets
        assert np.all(np.diff(harmony.starts) >= SHORTEST_LAP)


def test_layers_enter_and_leave_mostly_where_a_loop_begins() -> None:
    bar, starts = 100, (430, 830, 1230)
    edges: list[int] = []
    for seed in range(400):
        gain = mix.presence(random.Random(seed), 1600, bar, starts)
        silent = np.flatnonzero(np.diff((gain == 0).astype(int)) < 0) + 1  # the end of a silence
        edges += silent.tolist()
    assert len(edges) > 100
    assert np.mean([edge in starts for edge in edges]) > 0.7


def test_an_excerpt_like_those_of_sample_packs_repeats_a_few_bars(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(excerpt, "LOOP_SHARE", 1.0)
    monkeypatch.setattr(mix, "master", lambda rng, noise, samples, plain: samples)
    repeated = 0
    for index in range(10):
        samples = make_excerpt(3, index, 40.0).samples
        loudest = int(np.abs(samples[: len(samples) // 4]).argmax())
        periods = np.flatnonzero(samples == samples[loudest]) - loudest
        repeated += any(np.array_equal(samples[n:], samples[:-n]) for n in periods if n > 0)
    assert repeated >= 8
