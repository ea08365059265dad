"""Keys as texts for tags."""

from __future__ import annotations

import pytest

from keyscan.keys import KEYS, Key
from keyscan.tagging.notation import LONGEST_ID3, key_text
from keyscan.tagging.options import TAG_NOTATIONS


@pytest.mark.parametrize("notation", TAG_NOTATIONS)
@pytest.mark.parametrize("spelling", ["both", "sharps", "flats"])
def test_every_text_fits_and_is_read_as_the_same_key(notation, spelling):
    for key in KEYS:
        short = key_text(key, notation, spelling, LONGEST_ID3)
        assert len(short) <= 3
        assert Key.parse(short) == key
        assert Key.parse(key_text(key, notation, spelling, None)) == key


def test_black_keys_have_the_usual_names():
    minors = [key_text(key, "short", "both", 3) for key in sorted(KEYS) if key.mode == "minor"]
    majors = [key_text(key, "short", "both", 3) for key in sorted(KEYS) if key.mode == "major"]
    assert minors == ["Cm", "C#m", "Dm", "Ebm", "Em", "Fm", "F#m", "Gm", "Abm", "Am", "Bbm", "Bm"]
    assert majors == ["C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"]


def test_the_notations():
    key = Key.parse("F# minor")
    texts = [key_text(key, notation, "both", None) for notation in TAG_NOTATIONS]
    assert texts == ["11A", "4m", "F# minor", "F#m"]
    assert key_text(key, "musical", "flats", None) == "Gb minor"
    assert key_text(key, "musical", "flats", 3) == "Gbm"
