"""Names that strangers chose, on a terminal."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyscan.display import clock, columns, fitted, percent, shown, signed


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("träck 音楽 🎵.mp3", "träck 音楽 🎵.mp3"),
        ("\x1b[31mred\x07", r"\x1b[31mred\x07"),
        ("a\nb\r\tc", r"a\x0ab\x0d\x09c"),
        ("\x9b2J", r"\x9b2J"),
        ("evil\u202e3pm.exe", r"evil\u202e3pm.exe"),
        ("caf\udce9.mp3", r"caf\xe9.mp3"),
        ("\ud800", r"\ud800"),
        ("\U000e0041", r"\U000e0041"),
        ("👩\u200d👧", "👩\u200d👧"),
    ],
)
def test_what_would_steer_a_terminal_is_escaped(text, expected):
    assert shown(text) == expected


@given(st.text())
def test_nothing_that_is_shown_can_do_anything(text):
    unseen = {unicodedata.category(c) for c in shown(text) if c not in "\u200c\u200d"}
    assert not unseen & {"Cc", "Cf", "Cs", "Zl", "Zp"}


@pytest.mark.parametrize(
    ("text", "width"), [("abc", 3), ("音楽", 4), ("e\u0301", 1), ("👩\u200d👩\u200d👧", 2), ("", 0)]
)
def test_columns_of_a_terminal(text, width):
    assert columns(text) == width


@given(st.text(max_size=40), st.integers(1, 50))
def test_what_is_fitted_has_its_width(text, size):
    assert columns(fitted(shown(text), size)) == size


def test_of_a_long_name_start_and_end_are_left():
    name = "01 - Artist - Some Very Long Title (Original Mix).mp3"
    cut = fitted(name, 24)
    assert cut.startswith("01 - Ar")
    assert cut.endswith("nal Mix).mp3")


def test_letters_keep_their_accents_at_the_cut():
    name = unicodedata.normalize("NFD", "äöü" * 10)
    start, end = fitted(name, 8).split("…")
    assert unicodedata.normalize("NFC", start + end) == "äööüäöü"
    assert not unicodedata.combining(end[0])


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, "0:00"), (62.6, "1:03"), (3599.7, "1:00:00"), (36_001, "10:00:01")],
)
def test_clock(seconds, expected):
    assert clock(seconds) == expected


@pytest.mark.parametrize(
    ("share", "expected"),
    [(0.0, "0 %"), (0.004, "<1 %"), (0.87, "87 %"), (0.992, ">99 %"), (1.0, "100 %")],
)
def test_percent(share, expected):
    assert percent(share) == expected


@pytest.mark.parametrize(("value", "expected"), [(2.6, "+3"), (-3.4, "-3"), (-0.4, "0")])
def test_signed(value, expected):
    assert signed(value) == expected
