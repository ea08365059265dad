"""Songs: a genre's progressions in sections, with turnarounds, borrowed chords and bass lines."""

from __future__ import annotations

import random
from dataclasses import dataclass

from keyscan.keys import Key, Mode
from training.music.harmony import Harmony, extended, lay_out
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


def _section(rng: random.Random, writing: Writing, mode: Mode, scale: Intervals) -> list[Chord]:
    chords = [parse_chord(n) for n in rng.choice(PROGRESSIONS[writing.progressions][mode]).split()]
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
    total = 0.0
    turn = rng.randrange(len(sections))
    while total < beats + 64:
        laps = rng.choice((1, 2, 2, 4)) if len(sections[turn]) < 8 else 1
        part = sections[turn] * laps
        chords += [(chord, paces[turn]) for chord in part]
        if rng.random() < 0.12:
            ending = parse_chord("V7" if rng.random() < 0.5 else "V")
            chords[-1] = (ending, paces[turn])
        total += len(part) * paces[turn]
        turn = (turn + 1) % len(sections)
    skipped = rng.choice((0, 0, rng.randrange(len(chords) // 2)))
    chords = chords[skipped:]
    if rng.random() < 0.04:
        chords = _lifted(rng, chords, beats)
    return lay_out(chords, key, scale, beats)


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
