"""The 24 keys: names, Camelot, Open Key, class ids, and how far an estimate is from the truth."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Mode = Literal["major", "minor"]
Spelling = Literal["both", "sharps", "flats"]
Relation = Literal["exact", "fifth_up", "fifth_down", "relative", "parallel", "other"]

SPELLINGS: tuple[Spelling, ...] = ("both", "sharps", "flats")
_SHARPS = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
_FLATS = ("C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B")
_LETTERS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_KEY_TEXT = re.compile(r"^\s*([A-Ga-g])([#b♯♭]?)\s*[ :]?\s*(major|maj|minor|min|m)?\s*$")


@dataclass(frozen=True, order=True)
class Key:
    """A tonic (pitch class, 0 = C ... 11 = B) and a mode."""

    tonic: int
    mode: Mode

    def __post_init__(self) -> None:
        if not 0 <= self.tonic < 12 or self.mode not in ("major", "minor"):
            raise ValueError(f"no such key: tonic {self.tonic!r}, mode {self.mode!r}")

    @property
    def hour(self) -> int:
        """Position on the Camelot wheel, 1-12: C major and A minor are at 8, a fifth up is +1."""
        major_tonic = self.tonic if self.mode == "major" else self.tonic + 3
        return (major_tonic * 7 + 7) % 12 + 1

    @property
    def camelot(self) -> str:
        """``"8A"`` for A minor, ``"8B"`` for C major."""
        return f"{self.hour}{'B' if self.mode == 'major' else 'A'}"

    @property
    def open_key(self) -> str:
        """``"1m"`` for A minor, ``"1d"`` for C major."""
        return f"{(self.hour + 4) % 12 + 1}{'d' if self.mode == 'major' else 'm'}"

    @property
    def class_id(self) -> int:
        """0-11 for 1A-12A, 12-23 for 1B-12B."""
        return self.hour - 1 + (12 if self.mode == "major" else 0)

    def name(self, spelling: Spelling = "both") -> str:
        """``"A minor"``; black keys as ``"F# minor/Gb minor"``, or in one spelling alone."""
        sharp, flat = (f"{names[self.tonic]} {self.mode}" for names in (_SHARPS, _FLATS))
        if spelling == "both" and sharp != flat:
            return f"{sharp}/{flat}"
        return flat if spelling == "flats" else sharp

    @classmethod
    def parse(cls, text: str) -> Key:
        """Read ``"F# minor"``, ``"Gb major"``, ``"Am"``, ``"C"`` or ``"f#:min"`` (no mode: major).

        Raises:
            ValueError: the text names no key.
        """
        match = _KEY_TEXT.match(text)
        if match is None:
            raise ValueError(f"not a key: {text!r}")
        letter, accidental, mode = match.groups()
        shift = {"#": 1, "♯": 1, "b": -1, "♭": -1}.get(accidental, 0)
        return cls(
            (_LETTERS[letter.upper()] + shift) % 12,
            "minor" if mode in ("minor", "min", "m") else "major",
        )

    def relation_to(self, reference: Key) -> Relation:
        """What an estimate ``self`` is to the true key ``reference``, in the terms of MIREX.

        ``fifth_up``: same mode, tonic a perfect fifth above the reference's; ``fifth_down``: below.
        """
        if self == reference:
            return "exact"
        interval = (self.tonic - reference.tonic) % 12
        if self.mode == reference.mode:
            return {7: "fifth_up", 5: "fifth_down"}.get(interval, "other")  # type: ignore[return-value]
        if self.hour == reference.hour:
            return "relative"
        return "parallel" if interval == 0 else "other"


def _in_class_order() -> tuple[Key, ...]:
    modes: tuple[Mode, ...] = ("major", "minor")
    return tuple(sorted((Key(t, m) for t in range(12) for m in modes), key=lambda k: k.class_id))


KEYS: tuple[Key, ...] = _in_class_order()
"""All 24 keys, in the order of ``class_id``."""
