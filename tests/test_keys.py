"""The 24 keys against a table written by hand from the Camelot and Open Key wheels."""

from __future__ import annotations

import random
from itertools import pairwise, permutations

import pytest

from keyscan.keys import KEYS, SPELLINGS, Key, KeyStyle, smooth_path
from tests.key_texts import KEY_TEXTS

# class_id, Camelot, Open Key, tonic as a pitch class, mode, name in both spellings, sharps, flats
TABLE = [
    (0, "1A", "6m", 8, "minor", "Ab minor/G# minor", "G# minor", "Ab minor"),
    (1, "2A", "7m", 3, "minor", "D# minor/Eb minor", "D# minor", "Eb minor"),
    (2, "3A", "8m", 10, "minor", "A# minor/Bb minor", "A# minor", "Bb minor"),
    (3, "4A", "9m", 5, "minor", "F minor", "F minor", "F minor"),
    (4, "5A", "10m", 0, "minor", "C minor", "C minor", "C minor"),
    (5, "6A", "11m", 7, "minor", "G minor", "G minor", "G minor"),
    (6, "7A", "12m", 2, "minor", "D minor", "D minor", "D minor"),
    (7, "8A", "1m", 9, "minor", "A minor", "A minor", "A minor"),
    (8, "9A", "2m", 4, "minor", "E minor", "E minor", "E minor"),
    (9, "10A", "3m", 11, "minor", "B minor", "B minor", "B minor"),
    (10, "11A", "4m", 6, "minor", "F# minor/Gb minor", "F# minor", "Gb minor"),
    (11, "12A", "5m", 1, "minor", "C# minor/Db minor", "C# minor", "Db minor"),
    (12, "1B", "6d", 11, "major", "B major", "B major", "B major"),
    (13, "2B", "7d", 6, "major", "F# major/Gb major", "F# major", "Gb major"),
    (14, "3B", "8d", 1, "major", "C# major/Db major", "C# major", "Db major"),
    (15, "4B", "9d", 8, "major", "Ab major/G# major", "G# major", "Ab major"),
    (16, "5B", "10d", 3, "major", "D# major/Eb major", "D# major", "Eb major"),
    (17, "6B", "11d", 10, "major", "A# major/Bb major", "A# major", "Bb major"),
    (18, "7B", "12d", 5, "major", "F major", "F major", "F major"),
    (19, "8B", "1d", 0, "major", "C major", "C major", "C major"),
    (20, "9B", "2d", 7, "major", "G major", "G major", "G major"),
    (21, "10B", "3d", 2, "major", "D major", "D major", "D major"),
    (22, "11B", "4d", 9, "major", "A major", "A major", "A major"),
    (23, "12B", "5d", 4, "major", "E major", "E major", "E major"),
]


@pytest.mark.parametrize("row", TABLE, ids=[row[1] for row in TABLE])
def test_every_notation_of_every_key(row):
    class_id, camelot, open_key, tonic, mode, both, sharps, flats = row
    key = KEYS[class_id]
    assert key == Key(tonic, mode)
    assert (key.class_id, key.camelot, key.open_key) == (class_id, camelot, open_key)
    assert (key.name(), key.name("sharps"), key.name("flats")) == (both, sharps, flats)
    assert Key.parse(sharps) == Key.parse(flats) == key


def test_there_are_24_different_keys():
    assert len(KEYS) == len(set(KEYS)) == 24


USUAL = {  # as on the Camelot wheel, but for C#m
    "1A": "Abm", "2A": "Ebm", "3A": "Bbm", "4A": "Fm", "5A": "Cm", "6A": "Gm",
    "7A": "Dm", "8A": "Am", "9A": "Em", "10A": "Bm", "11A": "F#m", "12A": "C#m",
    "1B": "B", "2B": "F#", "3B": "Db", "4B": "Ab", "5B": "Eb", "6B": "Bb",
    "7B": "F", "8B": "C", "9B": "G", "10B": "D", "11B": "A", "12B": "E",
}  # fmt: skip


def test_short_names_have_the_usual_key_signature():
    assert {key.camelot: key.short() for key in KEYS} == USUAL
    for key in KEYS:
        assert key.short("both") == key.short()
        name = f"{key.short().removesuffix('m')} {key.mode}"
        assert key.name("usual") == KeyStyle("musical", "usual").write(key) == name
        assert Key.parse(key.short()) == Key.parse(name) == key


def test_short_names_in_a_spelling_of_ones_own():
    key = Key.parse("11A")
    assert [key.short(spelling) for spelling in SPELLINGS] == ["F#m", "F#m", "Gbm", "F#m"]
    assert max(len(key.short(spelling)) for key in KEYS for spelling in SPELLINGS) == 3


def test_padded_camelot_sorts_as_numbers_do():
    padded = [key.camelot_padded for key in KEYS]
    assert padded[7:12] == ["08A", "09A", "10A", "11A", "12A"]
    assert sorted(padded) == [key.camelot_padded for key in sorted(
        KEYS, key=lambda key: (key.camelot_number, key.camelot)
    )]  # fmt: skip
    assert [Key.parse(text) for text in padded] == list(KEYS)


@pytest.mark.parametrize(
    ("style", "written", "code"),
    [
        (KeyStyle(), "D# minor/Eb minor", "2A"),
        (KeyStyle("musical", "usual"), "Eb minor", "2A"),
        (KeyStyle("short"), "Ebm", "2A"),
        (KeyStyle("short", "sharps"), "D#m", "2A"),
        (KeyStyle("camelot"), "2A", "2A"),
        (KeyStyle("camelot-padded"), "02A", "02A"),
        (KeyStyle("openkey"), "7m", "7m"),
    ],
)
def test_styles(style, written, code):
    key = Key.parse("Eb minor")
    assert (style.write(key), style.code(key)) == (written, code)


@pytest.mark.parametrize("text", KEY_TEXTS, ids=repr)
def test_what_tools_write_is_read(text):
    if KEY_TEXTS[text] is None:
        with pytest.raises(ValueError, match="not a key"):
            Key.parse(text)
    else:
        assert Key.parse(text).camelot == KEY_TEXTS[text]


def test_every_name_that_is_written_is_read_back():
    for key in KEYS:
        for spelling in SPELLINGS:
            assert Key.parse(key.name(spelling)) == key
        other_order = "/".join(reversed(key.name().split("/")))
        assert Key.parse(other_order) == key


def test_names_on_the_wheel_are_read_back():
    for key in KEYS:
        assert Key.parse(key.camelot) == Key.parse(f" {key.open_key}\n") == key
    assert Key.parse("1d") == Key.parse("C major")


def test_transposition():
    assert Key.parse("B minor").transposed(1) == Key.parse("C minor")
    assert Key.parse("C major").transposed(-13) == Key.parse("B major")


@pytest.mark.parametrize(("tonic", "mode"), [(12, "major"), (-1, "minor"), (0, "dorian")])
def test_a_key_that_does_not_exist_cannot_be_made(tonic, mode):
    with pytest.raises(ValueError, match="no such key"):
        Key(tonic, mode)


@pytest.mark.parametrize(
    ("estimate", "reference", "relation"),
    [("A minor", "A minor", "exact"), ("E minor", "A minor", "fifth_up"),
     ("D minor", "A minor", "fifth_down"), ("C major", "A minor", "relative"),
     ("A minor", "C major", "relative"), ("A major", "A minor", "parallel"),
     ("E major", "A minor", "other"), ("G major", "C major", "fifth_up"),
     ("F major", "C major", "fifth_down"), ("Eb major", "C minor", "relative"),
     ("B minor", "C minor", "other"), ("G major", "A minor", "other")],
)  # fmt: skip
def test_relations_of_mirex(estimate, reference, relation):
    assert Key.parse(estimate).relation_to(Key.parse(reference)) == relation


def by_camelot(*names):
    return [next(key for key in KEYS if key.camelot == name) for name in names]


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("8A", {"8A": "same", "8B": "relative", "9A": "up", "7A": "down",
                "10A": "energy_boost", "3A": "energy_boost"}),
        ("12B", {"12B": "same", "12A": "relative", "1B": "up", "11B": "down",
                 "2B": "energy_boost", "7B": "energy_boost"}),
    ],
)  # fmt: skip
def test_compatible_keys(key, expected):
    (key,) = by_camelot(key)
    found = {other.camelot: harmony for other, harmony in key.compatible().items()}
    assert found == expected
    assert next(iter(found)) == key.camelot


def test_an_hour_up_is_a_fifth_and_a_boost_a_tone_or_a_semitone():
    for key in KEYS:
        for other, harmony in key.compatible().items():
            interval = (other.tonic - key.tonic) % 12
            assert interval in {
                "same": (0,), "relative": (3, 9), "up": (7,), "down": (5,), "energy_boost": (1, 2)
            }[harmony]  # fmt: skip
            if harmony != "energy_boost":
                assert key.distance_to(other) == (harmony != "same")


@pytest.mark.parametrize(
    ("one", "other", "steps"),
    [("8A", "8A", 0), ("8A", "8B", 1), ("8A", "9B", 2), ("12A", "1A", 1), ("1B", "7A", 7),
     ("2A", "11A", 3)],
)  # fmt: skip
def test_distance_on_the_wheel(one, other, steps):
    one, other = by_camelot(one, other)
    assert one.distance_to(other) == other.distance_to(one) == steps


def steps(keys):
    return sum(key.distance_to(other) for key, other in pairwise(keys))


def test_a_smooth_path_is_the_shortest():
    rng = random.Random(0)
    for count in (2, 3, 4, 5, 6, 6, 6, 6, 6, 6):
        keys = rng.sample(KEYS, count)
        shortest = min(steps(order) for order in permutations(keys))
        assert steps([keys[index] for index in smooth_path(keys)]) == shortest


def test_a_smooth_path_through_all_keys_takes_23_steps():
    keys = list(KEYS) * 3
    random.Random(0).shuffle(keys)
    path = smooth_path(keys)
    assert sorted(path) == list(range(72))
    assert steps([keys[index] for index in path]) == 23


def test_tracks_in_one_key_stay_in_their_order():
    assert smooth_path(by_camelot("8A", "3B", "8A", "8A")) in ([0, 2, 3, 1], [1, 0, 2, 3])
    assert smooth_path([]) == []
