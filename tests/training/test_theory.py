"""Chords, scales and loops, against tables written by hand."""

from __future__ import annotations

import pytest

from training.music.theory import (
    LOOPS,
    SCALE_WEIGHTS,
    SCALES,
    chord_scale,
    diatonic_quality,
    parse_chord,
)

CHORDS_OVER_C = {
    "I": {"C", "E", "G"},
    "i": {"C", "Eb", "G"},
    "bVII": {"Bb", "D", "F"},
    "V7": {"G", "B", "D", "F"},
    "ii7": {"D", "F", "A", "C"},
    "ii°": {"D", "F", "Ab"},
    "vii°7": {"B", "D", "F", "Ab"},
    "I5": {"C", "G"},
    "Imaj7": {"C", "E", "G", "B"},
    "bII": {"Db", "F", "Ab"},
    "iv": {"F", "Ab", "C"},
}
NAMES = ("C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B")


@pytest.mark.parametrize("numeral", CHORDS_OVER_C)
def test_a_numeral_is_the_chord_of_the_textbook(numeral: str) -> None:
    names = {NAMES[pitch_class] for pitch_class in parse_chord(numeral).pitch_classes}
    assert names == CHORDS_OVER_C[numeral]


@pytest.mark.parametrize("numeral", ["", "VIII", "Ifoo", "H", "bb"])
def test_what_is_no_numeral_is_refused(numeral: str) -> None:
    with pytest.raises(ValueError, match="not a chord"):
        parse_chord(numeral)


def test_every_loop_of_every_scale_can_be_read() -> None:
    assert set(LOOPS) == set(SCALES)
    assert {name for weights in SCALE_WEIGHTS.values() for name in weights} == set(SCALES)
    for loops in LOOPS.values():
        for loop in loops:
            assert all(parse_chord(numeral) for numeral in loop.split())


def test_a_loop_holds_the_chord_of_its_tonic() -> None:
    for name, loops in LOOPS.items():
        for loop in loops:
            assert 0 in {parse_chord(numeral).root for numeral in loop.split()}, (name, loop)


def test_the_dominant_of_a_minor_key_raises_the_leading_note() -> None:
    assert chord_scale(SCALES["aeolian"], parse_chord("V")) == (0, 2, 3, 5, 7, 8, 11)
    assert chord_scale(SCALES["aeolian"], parse_chord("iv")) == SCALES["aeolian"]


def test_a_borrowed_chord_bends_the_major_scale() -> None:
    assert chord_scale(SCALES["ionian"], parse_chord("bVII")) == SCALES["mixolydian"]
    assert chord_scale(SCALES["ionian"], parse_chord("iv")) == (0, 2, 4, 5, 7, 8, 11)


def test_sevenths_stack_inside_the_scale() -> None:
    assert diatonic_quality(SCALES["ionian"], 7, 4) == (0, 4, 7, 10)
    assert diatonic_quality(SCALES["ionian"], 0, 5) == (0, 4, 7, 11, 14)
    assert diatonic_quality(SCALES["ionian"], 1, 4) is None
    assert diatonic_quality(SCALES["blues"], 0, 4) is None
