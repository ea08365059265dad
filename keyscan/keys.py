"""The 24 keys: their notations, how one is related to another, and which of them mix well."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise, starmap
from typing import Literal

from keyscan.key_text import Mode as Mode
from keyscan.key_text import read_key

Spelling = Literal["both", "sharps", "flats", "usual"]
Notation = Literal["musical", "short", "camelot", "camelot-padded", "openkey"]
Relation = Literal["exact", "fifth_up", "fifth_down", "relative", "parallel", "other"]
Harmony = Literal["same", "relative", "up", "down", "energy_boost"]

NOTATIONS: tuple[Notation, ...] = ("musical", "short", "camelot", "camelot-padded", "openkey")
SPELLINGS: tuple[Spelling, ...] = ("both", "sharps", "flats", "usual")
_SHARPS = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
_FLATS = ("C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B")
_A_FLAT = 8


@dataclass(frozen=True, order=True)
class Key:
    """A tonic (pitch class, 0 = C ... 11 = B) and a mode."""

    tonic: int
    mode: Mode

    def __post_init__(self) -> None:
        if not 0 <= self.tonic < 12 or self.mode not in ("major", "minor"):
            raise ValueError(f"no such key: tonic {self.tonic!r}, mode {self.mode!r}")

    @property
    def camelot_number(self) -> int:
        """Position on the Camelot wheel, 1-12: C major and A minor are at 8, a fifth up is +1."""
        major_tonic = self.tonic if self.mode == "major" else self.tonic + 3
        return (major_tonic * 7 + 7) % 12 + 1

    @property
    def camelot(self) -> str:
        """``"8A"`` for A minor, ``"8B"`` for C major."""
        return f"{self.camelot_number}{'B' if self.mode == 'major' else 'A'}"

    @property
    def camelot_padded(self) -> str:
        """``"08A"`` for A minor: Camelot with two digits, in whose order texts sort."""
        return f"{self.camelot:0>3}"

    @property
    def open_key(self) -> str:
        """``"1m"`` for A minor, ``"1d"`` for C major."""
        return f"{(self.camelot_number + 4) % 12 + 1}{'d' if self.mode == 'major' else 'm'}"

    @property
    def class_id(self) -> int:
        """0-11 for 1A-12A, 12-23 for 1B-12B."""
        return self.camelot_number - 1 + (12 if self.mode == "major" else 0)

    def name(self, spelling: Spelling = "both") -> str:
        """``"A minor"``; black keys as ``"F# minor/Gb minor"``, or in one spelling alone.

        ``"usual"`` is the spelling whose key signature DJ software uses: sharps for ``"F# major"``,
        ``"F# minor"`` and ``"C# minor"``, flats for the others, such as ``"Ab minor"``. With
        ``"both"`` the sharp comes first but in ``"Ab minor/G# minor"`` and ``"Ab major/G# major"``,
        as in the analyzer whose protocol the server speaks.
        """
        sharp, flat = (f"{names[self.tonic]} {self.mode}" for names in (_SHARPS, _FLATS))
        if spelling == "both" and sharp != flat:
            return f"{flat}/{sharp}" if self.tonic == _A_FLAT else f"{sharp}/{flat}"
        is_sharp = spelling == "sharps" or (spelling == "usual" and self in _USUALLY_SHARP)
        return sharp if is_sharp else flat

    def short(self, spelling: Spelling = "usual") -> str:
        """``"Am"``, ``"F#m"``, ``"Ebm"``, ``"C"``: at most three characters, as in ID3's ``TKEY``.

        There is room for one spelling: ``"both"`` is the usual one, too.
        """
        tonic, mode = self.name("usual" if spelling == "both" else spelling).split()
        return f"{tonic}m" if mode == "minor" else tonic

    @classmethod
    def parse(cls, text: str) -> Key:
        """Read a key as DJ tools and taggers write it.

        - Camelot and Open Key, in either case, with or without a leading zero: ``"8A"``,
          ``"08a"``, ``"1 m"``, ``"12D"``. ``"1M"`` is refused, because ``M`` is major elsewhere.
        - Names: ``"F# minor"``, ``"Gbmin"``, ``"E-flat Major"``, ``"f♯:min"``, ``"A-moll"``. ``m``
          is minor and ``M`` is major; the case of other words does not matter.
        - A note alone is major as a capital (``"A"``, ``"Ab"``, ``"D"``), minor as a small letter
          (``"a"``, ``"ab"``, ``"d"``).
        - Several names of one key: ``"G# minor/Ab minor"``, ``"F#/Gb minor"``, ``"8A Am"``,
          ``"8A - Am"``, ``"1m (Am)"``. Two different keys are refused.
        - A tuning in cents is ignored: ``"A#m +50"``, ``"Am+50"``, ``"8A (-12 cents)"``.
        - White space around it, and a NUL behind it, as in tags, are ignored.

        Notes have their English names: ``H`` is refused. ``B`` with ``moll`` or ``dur`` is refused
        too, because it is B flat in German.

        Raises:
            ValueError: the text names no key, or more than one.
        """
        key = read_key(text)
        if key is None:
            raise ValueError(f"not a key: {text!r}")
        return cls(*key)

    def transposed(self, semitones: int) -> Key:
        """The key so many semitones higher."""
        return Key((self.tonic + semitones) % 12, self.mode)

    def relation_to(self, reference: Key) -> Relation:
        """What an estimate ``self`` is to the true key ``reference``, in the terms of MIREX.

        ``fifth_up``: same mode, tonic a perfect fifth above the reference's; ``fifth_down``: below.
        """
        if self == reference:
            return "exact"
        interval = (self.tonic - reference.tonic) % 12
        if self.mode == reference.mode:
            return {7: "fifth_up", 5: "fifth_down"}.get(interval, "other")  # type: ignore[return-value]
        if self.camelot_number == reference.camelot_number:
            return "relative"
        return "parallel" if interval == 0 else "other"

    def distance_to(self, other: Key) -> int:
        """Steps on the Camelot wheel, 0-7: one for each number, and one for the other letter."""
        apart = abs(self.camelot_number - other.camelot_number)
        return min(apart, 12 - apart) + (self.mode != other.mode)

    def compatible(self) -> dict[Key, Harmony]:
        """The keys that mix well with this one, and why, the closest first.

        ``same``; ``relative``: the other letter (8A, 8B); ``up`` and ``down``: the next number (9A:
        the fifth above) or the one before (7A: the fifth below); ``energy_boost``: a whole tone
        (10A) or a semitone (3A) higher, which lifts the music.
        """
        other: Mode = "major" if self.mode == "minor" else "minor"
        relative = Key((self.tonic + (3 if other == "major" else 9)) % 12, other)
        moves: dict[int, Harmony] = {7: "up", 5: "down", 2: "energy_boost", 1: "energy_boost"}
        moved = {self.transposed(interval): harmony for interval, harmony in moves.items()}
        return {self: "same", relative: "relative", **moved}


_USUALLY_SHARP = (Key(6, "major"), Key(6, "minor"), Key(1, "minor"))


@dataclass(frozen=True)
class KeyStyle:
    """How keys are written for people; ``spelling`` is for the musical and the short notation."""

    notation: Notation = "musical"
    spelling: Spelling = "both"

    def write(self, key: Key) -> str:
        """The key as replies have it in the field ``key``."""
        if self.notation == "musical":
            return key.name(self.spelling)
        return key.short(self.spelling) if self.notation == "short" else self.code(key)

    def code(self, key: Key) -> str:
        """The place on the wheel: in Open Key or padded Camelot if asked for, else in Camelot."""
        if self.notation == "camelot-padded":
            return key.camelot_padded
        return key.open_key if self.notation == "openkey" else key.camelot


def smooth_path(keys: Sequence[Key]) -> list[int]:
    """The order in which to play tracks in these keys, as indices: few steps on the wheel in all.

    Tracks in the same key follow one another, in the order given. The path through the keys is
    walked around the wheel, then improved by reversing and moving parts of it (2-opt and or-opt:
    Croes, 1958; Or, 1976) until nothing helps.
    """
    starts = sorted({key.camelot_number for key in keys})
    paths = [_improved(_around_the_wheel(set(keys), start)) for start in starts]
    path = min(paths, key=_steps, default=[])
    places = {class_id: place for place, class_id in enumerate(path)}
    return sorted(range(len(keys)), key=lambda index: places[keys[index].class_id])


def _around_the_wheel(keys: set[Key], start: int) -> list[int]:
    """Class ids from Camelot number ``start`` on; first the letter of the key before."""
    path: list[Key] = []
    for number in (*range(start, 13), *range(1, start)):
        here = [key for key in keys if key.camelot_number == number]
        here.sort(key=lambda key: key.mode, reverse=bool(path) and path[-1].mode == "minor")
        path += here
    return [key.class_id for key in path]


def _improved(path: list[int]) -> list[int]:
    while _steps(path) >= len(path):  # one step from key to key is the least there can be
        found = min(_neighbours(path), key=_steps, default=path)
        if _steps(found) >= _steps(path):
            break
        path = found
    return path


def _neighbours(path: list[int]) -> list[list[int]]:
    """Every path with one part reversed, or moved elsewhere."""
    n = len(path)
    parts = [(a, b) for a in range(n) for b in range(a + 1, n + 1)]
    reversals = [path[:a] + path[a:b][::-1] + path[b:] for a, b in parts]
    moves = []
    for a, b in parts:
        rest, part = path[:a] + path[b:], path[a:b]
        for at in range(len(rest) + 1):
            moves += [rest[:at] + turned + rest[at:] for turned in (part, part[::-1])]
    return reversals + moves


def _steps(path: list[int]) -> int:
    return sum(starmap(_distance, pairwise(path)))


@cache
def _distance(one: int, other: int) -> int:
    return KEYS[one].distance_to(KEYS[other])


_MODES: tuple[Mode, ...] = ("minor", "major")
KEYS = tuple(sorted((Key(t, m) for t in range(12) for m in _MODES), key=lambda key: key.class_id))
"""All 24 keys, in the order of ``class_id``."""
