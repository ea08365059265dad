"""Scales, chords and chord loops, as intervals above a tonic.

Loops are in roman numerals: upper case for major, lower case for minor, ``b``/``#`` before the
numeral for roots outside the major scale (the natural minor's sixth is ``bVI``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from keyscan.keys import Mode

Intervals = tuple[int, ...]

SCALES: dict[str, Intervals] = {
    "aeolian": (0, 2, 3, 5, 7, 8, 10),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "phrygian": (0, 1, 3, 5, 7, 8, 10),
    "harmonic minor": (0, 2, 3, 5, 7, 8, 11),
    "minor pentatonic": (0, 3, 5, 7, 10),
    "blues": (0, 3, 5, 6, 7, 10),
    "ionian": (0, 2, 4, 5, 7, 9, 11),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "lydian": (0, 2, 4, 6, 7, 9, 11),
    "major pentatonic": (0, 2, 4, 7, 9),
}

SCALE_WEIGHTS: dict[Mode, dict[str, float]] = {
    "minor": {
        "aeolian": 0.58,
        "dorian": 0.14,
        "phrygian": 0.04,
        "harmonic minor": 0.11,
        "minor pentatonic": 0.09,
        "blues": 0.04,
    },
    "major": {"ionian": 0.64, "mixolydian": 0.20, "lydian": 0.03, "major pentatonic": 0.13},
}

LOOPS: dict[str, tuple[str, ...]] = {
    "aeolian": (
        "i",
        "i",
        "i bVII",
        "i bVI",
        "i iv",
        "i v",
        "i bIII",
        "i bVI bVII",
        "i bVII bVI",
        "i bVI bIII bVII",
        "i bVII bVI bVII",
        "i iv bVI bVII",
        "i bIII bVII bVI",
        "i bVII bVI v",
        "i bVI bVII i",
        "i bIII iv bVI",
        "i iv bVII bIII",
        "i iv v i",
        "i v bVI iv",
        "i bVI iv v",
        "i bVII iv bVI",
        "bVI bVII i i",
        "bVI bVII i v",
        "i i bVI bVII",
        "i i iv v",
        "i v iv bVII",
        "i bIII bVI bVII",
        "i iv i bVII",
        "i bVI iv bVII",
        "i bVII v bVI",
        "iv i bVI bVII",
        "i i i bVI",
        "i i i bVII",
        "i iv bVI v",
        "i bVI v iv",
        "bVI iv i bVII",
        "i v bVII iv",
    ),
    "dorian": (
        "i",
        "i IV",
        "i ii",
        "i bVII IV i",
        "i bIII IV",
        "i bVII IV bVII",
        "i bIII bVII IV",
        "i IV i bVII",
        "i v IV",
        "i i IV IV",
        "i ii bIII ii",
        "i IV bVI bVII",
        "i ii v i",
    ),
    "phrygian": (
        "i",
        "i bII",
        "i bII bIII bII",
        "i bII i bvii",
        "i bII bVI",
        "i bIII bII i",
        "i bVI bII i",
        "i i i bII",
        "i bvii bVI bII",
    ),
    "harmonic minor": (
        "i V",
        "i iv V",
        "i bVI V",
        "i bVII bVI V",
        "i iv i V",
        "i ii° V i",
        "i bVI iv V",
        "i i V V",
        "i iv bVII bIII bVI ii° V i",
        "i V7 i iv",
        "i bVI bIII V",
        "i iv V i",
        "i bIII bVI V",
    ),
    "minor pentatonic": (
        "I5",
        "I5",
        "I5 bVII5",
        "I5 bIII5 IV5",
        "I5 bVII5 IV5",
        "i",
        "i bVII",
        "I5 bVI5 bVII5",
        "I5 IV5",
        "I5 bIII5 bVII5 IV5",
        "i IV5",
    ),
    "blues": (
        "I5",
        "i7",
        "i7 iv7",
        "i7 i7 i7 i7 iv7 iv7 i7 i7 V7 iv7 i7 V7",
        "I5 bIII5 IV5",
        "I5 bVII5",
    ),
    "ionian": (
        "I",
        "I IV",
        "I V",
        "I V vi IV",
        "I V vi IV",
        "I vi IV V",
        "I IV V IV",
        "I IV V",
        "ii V I I",
        "I iii IV V",
        "I IV vi V",
        "I ii IV V",
        "IV V I I",
        "I V IV V",
        "I iii vi IV",
        "I IV I V",
        "Imaj7 IVmaj7",
        "IV I V vi",
        "I vi ii V",
        "I IV ii V",
        "I vi",
        "I V ii IV",
        "IV V I vi",
        "I V vi iii IV I IV V",
        "I iv",
        "I IV iv I",
        "I III IV iv",
        "I II IV I",
        "I ii",
        "IV I",
        "ii7 V7 Imaj7 vi7",
        "I vi iii IV",
        "I IV I IV",
        "I I IV V",
        "I I IV I V IV I V",
        "I ii V I",
        "vi IV I V",
        "IV iv I I",
    ),
    "mixolydian": (
        "I",
        "I bVII",
        "I bVII IV",
        "I bVII IV I",
        "I v IV",
        "I IV bVII IV",
        "I bVII bVI bVII",
        "I7 I7 I7 I7 IV7 IV7 I7 I7 V7 IV7 I7 V7",
        "I7 IV7",
        "I bIII IV",
        "I7",
        "I bVI bVII I",
    ),
    "lydian": ("I", "I II", "Imaj7 II", "I II vii I", "I iii II", "I V II I"),
    "major pentatonic": ("I", "I5", "I5 IV5 V5", "I vi", "I IV5", "I V5", "I5 V5", "I vi IV5 V5"),
}

QUALITIES: dict[str, Intervals] = {
    "": (0, 4, 7),
    "m": (0, 3, 7),
    "5": (0, 7),
    "°": (0, 3, 6),
    "°7": (0, 3, 6, 9),
    "7": (0, 4, 7, 10),
    "m7": (0, 3, 7, 10),
    "maj7": (0, 4, 7, 11),
    "m7b5": (0, 3, 6, 10),
    "6": (0, 4, 7, 9),
    "sus4": (0, 5, 7),
    "sus2": (0, 2, 7),
    "add9": (0, 4, 7, 14),
    "madd9": (0, 3, 7, 14),
    "m9": (0, 3, 7, 10, 14),
    "maj9": (0, 4, 7, 11, 14),
    "9": (0, 4, 7, 10, 14),
    "m6": (0, 3, 7, 9),
}

_NUMERAL = re.compile(r"^([b#]?)(VII|VI|V|IV|III|II|I|vii|vi|v|iv|iii|ii|i)(.*)$")
_ROOTS = {"I": 0, "II": 2, "III": 4, "IV": 5, "V": 7, "VI": 9, "VII": 11}


@dataclass(frozen=True)
class Chord:
    """``root``: pitch class; ``intervals``: semitones above it; ``bass``: pitch class."""

    root: int
    intervals: Intervals
    bass: int

    @property
    def pitch_classes(self) -> Intervals:
        return tuple((self.root + interval) % 12 for interval in self.intervals)

    def transposed(self, semitones: int) -> Chord:
        return Chord((self.root + semitones) % 12, self.intervals, (self.bass + semitones) % 12)


@cache
def parse_chord(numeral: str) -> Chord:
    """``"bVII"``, ``"ii7"``, ``"ii°"``, ``"I5"`` -> a chord over tonic 0.

    Raises:
        ValueError: the numeral or the quality is unknown.
    """
    match = _NUMERAL.match(numeral)
    if match is None:
        raise ValueError(f"not a chord: {numeral!r}")
    accidental, degree, suffix = match.groups()
    root = (_ROOTS[degree.upper()] + {"": 0, "b": -1, "#": 1}[accidental]) % 12
    minor = "m" if degree.islower() and not suffix.startswith("°") else ""
    quality = minor + suffix
    if quality not in QUALITIES:
        raise ValueError(f"not a chord quality: {quality!r} in {numeral!r}")
    return Chord(root, QUALITIES[quality], root)


def chord_scale(scale: Intervals, chord: Chord) -> Intervals:
    """The pitch classes over a chord: the scale, altered by foreign chord tones.

    A foreign chord tone replaces the scale tone a semitone away: a major third or seventh is a
    raised tone (B replaces B flat over the dominant of C minor), any other a lowered one (A flat
    replaces A over the minor subdominant of C major). The tonic stays.
    """
    tones = set(chord.pitch_classes)
    fitting = set(scale) | tones
    for interval in chord.intervals:
        foreign = (chord.root + interval) % 12
        if foreign in scale:
            continue
        order = (-1, 1) if interval % 12 in (4, 11) else (1, -1)
        neighbours = [(foreign + step) % 12 for step in order]
        replaced = [tone for tone in neighbours if tone in fitting - tones - {0}]
        fitting -= set(replaced[:1])
    return tuple(sorted(fitting))


def diatonic_quality(scale: Intervals, root: int, size: int) -> Intervals | None:
    """Thirds stacked on ``root`` inside a seven-note scale, or None if ``root`` is not in it."""
    if len(scale) != 7 or root not in scale:
        return None
    start = scale.index(root)
    stack = (scale[(start + 2 * k) % 7] for k in range(size))
    above: list[int] = []
    for tone in stack:
        interval = (tone - root) % 12
        while above and interval <= above[-1]:
            interval += 12
        above.append(interval)
    return tuple(above)
