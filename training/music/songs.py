"""Songs: a genre's progressions in sections, with turnarounds, borrowed chords and bass lines."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from keyscan.keys import Key, Mode
from training.music.harmony import SHORTEST_LAP, Harmony, extended, lay_out
from training.music.progressions import PROGRESSIONS
from training.music.theory import QUALITIES, SCALES, Chord, Intervals, parse_chord

_SCALES: dict[str, dict[Mode, tuple[tuple[str, float], ...]]] = {
    "metal": {"minor": (("aeolian", 8), ("phrygian", 2), ("harmonic minor", 1))},
    "blues": {"major": (("mixolydian", 1),), "minor": (("aeolian", 1), ("dorian", 1))},
    "jazz": {"minor": (("aeolian", 3), ("dorian", 2), ("harmonic minor", 2))},
    "funk": {"major": (("mixolydian", 3), ("ionian", 1)), "minor": (("dorian", 3), ("aeolian", 2))},
    "rock": {"major": (("ionian", 3), ("mixolydian", 2)), "minor": (("aeolian", 4), ("dorian", 1))},
    "folk": {"major": (("ionian", 4), ("mixolydian", 1)), "minor": (("aeolian", 2), ("dorian", 2))},
    "dance": {"major": (("ionian", 3), ("mixolydian", 1))},
    "hip hop": {"minor": (("aeolian", 12), ("harmonic minor", 4), ("phrygian", 1))},
    "latin": {"minor": (("aeolian", 1), ("harmonic minor", 3))},
}
_USUAL: dict[Mode, tuple[tuple[str, float], ...]] = {
    "major": (("ionian", 1),),
    "minor": (("aeolian", 8), ("harmonic minor", 1), ("dorian", 1)),
}
_AMBIGUOUS = frozenset(
    ("pop", "rock", "dance", "hip hop", "disco", "reggae", "folk", "latin", "country")
)
_SHARED = (
    "1 5 6 4", "1 5 6 4", "6 4 1 5", "1 6 4 5", "6 5 4 5", "6 3 4 1", "1 3 6 4", "6 1 5 4",
    "6 2 4 5", "1 4 6 5", "6 4 5 1", "6 1 4 5", "1 6 2 5", "6 5 1 4", "6 4 2 5", "1 6", "6 4 1 1",
    "1 5 4 6",
)  # fmt: skip
"""Loops in degrees of the major key; 6 is the tonic of the relative minor."""
_BORROWING = frozenset(("pop", "rock", "folk", "reggae", "country", "soul"))
_BORROWED = (
    "I bVII IV I", "I bVII IV IV", "I bVII IV I", "I bVII", "bVII IV I I", "IV I bVII I",
    "I bVII I IV", "I v IV I", "I bVII IV bVII", "I I bVII IV",
    "I bIII IV I", "I bVI bVII I", "bVI bVII I I", "I iv", "I II IV I", "I bIII bVII IV",
    "I III IV iv", "I bVII bVI V", "I bVI bVII bVII", "IV iv I I", "I bIII bVI bVII",
)  # fmt: skip
"""Loops of a major key with a flat seventh, or with other chords of its parallel minor."""
_NUMERALS: dict[Mode, dict[str, str]] = {
    "major": {"1": "I", "2": "ii", "3": "iii", "4": "IV", "5": "V", "6": "vi"},
    "minor": {"1": "bIII", "2": "iv", "3": "v", "4": "bVI", "5": "bVII", "6": "i"},
}


@dataclass(frozen=True)
class Writing:
    """How a genre treats its chords; shares are 0-1.

    ``colours``: weights of triads, sevenths, ninths and added notes. ``paces``: beats per chord.
    ``secondary``: chords after a secondary dominant. ``stepping``: sections with a stepwise bass
    through inversions. ``pedal``: sections over one bass note.
    """

    progressions: str
    colours: tuple[float, float, float, float] = (0.6, 0.15, 0.05, 0.2)
    paces: tuple[float, ...] = (2.0, 4.0, 4.0, 4.0, 8.0)
    secondary: float = 0.03
    stepping: float = 0.12
    pedal: float = 0.05


def _stepped(chords: list[Chord]) -> list[Chord]:
    """Inversions with the smallest steps in the bass."""
    moved = chords[:1]
    for chord in chords[1:]:
        before = moved[-1].bass
        tones = chord.pitch_classes[:3]
        bass = min(tones, key=lambda tone: min((tone - before) % 12, (before - tone) % 12))
        moved.append(Chord(chord.root, chord.intervals, bass))
    return moved


def _with_dominants(rng: random.Random, chords: list[Chord], share: float) -> list[Chord]:
    """Sometimes replaces a chord by the dominant seventh of the next one."""
    led = list(chords)
    for index in range(len(chords) - 1):
        target = chords[index + 1]
        if target.root and rng.random() < share:
            root = (target.root + 7) % 12
            led[index] = Chord(root, QUALITIES["7"], root)
    return led


def _shared_loop(rng: random.Random, mode: Mode) -> list[str]:
    """A loop of chords that a major key and its relative minor share: the form tells the key.

    It mostly begins with the tonic chord, and sometimes comes home in its second half, or dwells on
    the tonic chord.
    """
    home = "1" if mode == "major" else "6"
    degrees = rng.choice([loop for loop in _SHARED if home in loop]).split()
    begins_home = rng.random() < 0.86
    turn = degrees.index(home) if begins_home else rng.randrange(len(degrees))
    degrees = degrees[turn:] + degrees[:turn]
    if rng.random() < 0.3:
        degrees += [*degrees[:-1], home]
    if rng.random() < 0.2:
        rest = degrees[1:-1] if degrees[0] == home else degrees[:-1]
        degrees = [home] * (len(degrees) - len(rest)) + rest
    return [_NUMERALS[mode][degree] for degree in degrees]


def _section(rng: random.Random, writing: Writing, mode: Mode, scale: Intervals) -> list[Chord]:
    if mode == "major" and writing.progressions in _BORROWING and rng.random() < 0.16:
        numerals = rng.choice(_BORROWED).split()
    elif writing.progressions in _AMBIGUOUS and rng.random() < 0.35:
        numerals = _shared_loop(rng, mode)
    else:
        numerals = rng.choice(PROGRESSIONS[writing.progressions][mode]).split()
    chords = [parse_chord(numeral) for numeral in numerals]
    flavour = rng.choices(("triads", "sevenths", "ninths", "added"), writing.colours)[0]
    chords = [extended(rng, chord, scale, flavour) for chord in chords]
    chords = _with_dominants(rng, chords, writing.secondary)
    draw = rng.random()
    if draw < writing.stepping:
        return _stepped(chords)
    if draw < writing.stepping + writing.pedal:
        return [Chord(chord.root, chord.intervals, 0) for chord in chords]
    return chords


def song(rng: random.Random, writing: Writing, key: Key, beats: float) -> Harmony:
    """A part of a song: verse and chorus alternate from a random start; sometimes the end moves up.

    The key is that of the longer part.
    """
    choices = _SCALES.get(writing.progressions, {}).get(key.mode, _USUAL[key.mode])
    name = rng.choices([n for n, _ in choices], [w for _, w in choices])[0]
    scale = SCALES[name]
    pace = rng.choice(writing.paces)
    sections = [_section(rng, writing, key.mode, scale) for _ in range(rng.choice((1, 2, 2, 3)))]
    # A twelve-bar form has one chord per bar, at any pace of the genre.
    paces = [4.0 if len(chords) >= 8 and pace > 4 else pace for chords in sections]
    chords: list[tuple[Chord, float]] = []
    firsts: list[int] = []  # indices of the chords with which a lap begins
    total = 0.0
    turn = rng.randrange(len(sections))
    while total < beats + 64:
        laps = rng.choice((1, 2, 2, 4)) if len(sections[turn]) < 8 else 1
        lap = [(chord, paces[turn]) for chord in sections[turn]]
        if len(lap) in (3, 4) and lap[0][0].root == 0 and rng.random() < 0.15:
            lap[0] = (lap[0][0], 2 * paces[turn])
        firsts += [len(chords) + n * len(lap) for n in range(laps)]
        chords += lap * laps
        draw = rng.random()
        if draw < 0.12:
            chords[-1] = (parse_chord("V7" if rng.random() < 0.5 else "V"), paces[turn])
        elif draw < 0.35 and len(lap) * laps > 2:
            chords[-1] = (parse_chord("i" if key.mode == "minor" else "I"), paces[turn])
        total += sum(length for _, length in lap) * laps
        turn = (turn + 1) % len(sections)
    skipped = rng.choice((0, 0, rng.randrange(len(chords) // 2)))
    starts = _starts([length for _, length in chords], firsts, skipped)
    chords = chords[skipped:]
    if rng.random() < 0.04:
        chords = _lifted(rng, chords, beats)
    return lay_out(chords, key, scale, beats, starts)


def _starts(lengths: Sequence[float], firsts: Sequence[int], skipped: int) -> list[float]:
    """The beats after ``skipped`` chords at which a lap begins, ``SHORTEST_LAP`` apart."""
    starts: list[float] = []
    for first in firsts:
        at = sum(lengths[skipped:first])
        if first >= skipped and (not starts or at - starts[-1] >= SHORTEST_LAP):
            starts.append(at)
    return starts


def _lifted(
    rng: random.Random, chords: list[tuple[Chord, float]], beats: float
) -> list[tuple[Chord, float]]:
    """Transposes the last quarter to third up by a semitone or a tone."""
    start, up, at = beats * rng.uniform(0.66, 0.8), rng.choice((1, 1, 2)), 0.0
    moved = []
    for chord, length in chords:
        moved.append((chord.transposed(up) if at >= start else chord, length))
        at += length
    return moved
