"""The text of a key, as DJ tools and taggers write it, becomes a pitch class and a mode."""

from __future__ import annotations

import re
import unicodedata
from typing import Literal

Mode = Literal["major", "minor"]

_LETTERS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_SHIFTS = {"": 0, "#": 1, "♯": 1, "sharp": 1, "b": -1, "♭": -1, "flat": -1}
_MODES: dict[str, Mode] = {
    **dict.fromkeys(("m", "mi", "min", "minor", "moll"), "minor"),
    **dict.fromkeys(("M", "maj", "major", "dur"), "major"),
}
_GERMAN_MODES = ("moll", "dur")
_LONGEST = 100  # characters

_CASELESS = re.IGNORECASE | re.ASCII  # the Node client's expressions ignore the same cases
_WHEEL = re.compile("(0?[1-9]|1[0-2]) ?([ABDabdm])")
_NAME = re.compile(
    r"([A-G])([#♯b♭]|[ -]?sharp|[ -]?flat)?(?: ?[:_-]? ?(m|mi|min|minor|moll|maj|major|dur))?",
    _CASELESS,
)
_TUNING = re.compile(  # without a blank only a plus: "A-4" is a note in an octave
    r"(?: \(?[+\-−±]|(?<=\w\w)\(?\+)\d{1,3}(\.\d+)?( ?(c|ct|cents?))?\)?$", _CASELESS
)
_PAIRS = (
    re.compile(r"(.+?) ?\((.+)\)"),
    re.compile(r"(.+?)(?: - | ?\| ?)(.+)"),
    re.compile(r"(.+?) ?/ ?(.+)"),
    re.compile(r"([0-9]{1,2} ?[A-Za-z]) (.+)"),
    re.compile(r"(.+) ([0-9]{1,2} ?[A-Za-z])"),
)


def read_key(text: str) -> tuple[int, Mode] | None:
    """A pitch class (0 = C ... 11 = B) and a mode; None if ``text`` names no key, or two.

    The docstring of ``Key.parse`` says what is read.
    """
    if len(text) > _LONGEST:
        return None
    # a NUL ends a text in a tag
    text = re.sub("[ \t\r\n\0]+", " ", unicodedata.normalize("NFKC", text)).strip(" ")
    return _read(_TUNING.sub("", text))


def _read(text: str) -> tuple[int, Mode] | None:
    if match := _WHEEL.fullmatch(text):
        return _on_wheel(int(match[1]), match[2])
    if match := _NAME.fullmatch(text):
        return _named(*match.groups(default=""))
    for pattern in _PAIRS:
        if match := pattern.fullmatch(text):
            return _read_twice(match[1], match[2])
    return None


def _on_wheel(number: int, letter: str) -> tuple[int, Mode]:
    """Camelot (A and B) and Open Key (m and d) count fifths up, from B major and from C major."""
    fifths = number - 1 if letter in "Ddm" else number - 8
    minor = letter in "Aam"
    return (fifths * 7 + (9 if minor else 0)) % 12, "minor" if minor else "major"


def _named(letter: str, accidental: str, mode: str) -> tuple[int, Mode] | None:
    """A key by name; ``accidental`` and ``mode`` may be empty."""
    shift, mode = _SHIFTS.get(_folded(accidental)), _folded(mode)
    if shift is None or (mode in _GERMAN_MODES and letter in "Bb" and not shift):
        return None
    tonic = (_LETTERS[letter.upper()] + shift) % 12
    return tonic, _MODES[mode] if mode else "major" if letter.isupper() else "minor"


def _folded(word: str) -> str:
    """Case matters in a single letter only: ``m`` is minor, ``M`` major, ``B`` no accidental."""
    return word if len(word) == 1 else word.lstrip(" -").lower()


def _read_twice(first: str, second: str) -> tuple[int, Mode] | None:
    """Two names of one key; in ``F#/Gb minor`` the mode is that of both notes."""
    key, one, other = _read(second), _NAME.fullmatch(first), _NAME.fullmatch(second)
    if one and other and one[2] and not one[3] and one[1] != other[1]:
        same = _named(one[1], one[2], other[3] or "") == key
    else:
        same = _read(first) == key
    return key if same else None
