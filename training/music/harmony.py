"""The harmony of an excerpt: its key, chords and scales."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from keyscan.keys import Key, Mode
from training.music.theory import (
    LOOPS,
    QUALITIES,
    SCALE_WEIGHTS,
    SCALES,
    Chord,
    Intervals,
    chord_scale,
    diatonic_quality,
    parse_chord,
)

MINOR_SHARE = 0.58
SHORTEST_LAP = 8.0
"""Beats: a shorter loop counts as a part of one."""

_NEXT_MAJOR = {
    "I": ("IV", "V", "vi", "ii", "iii", "V7", "vii°"),
    "ii": ("V", "V7", "vii°", "V7"),
    "iii": ("vi", "IV"),
    "IV": ("V", "ii", "I", "V7", "vii°"),
    "V": ("I", "vi", "V7", "I"),
    "V7": ("I", "I", "vi"),
    "vi": ("ii", "IV", "V", "iii", "ii7"),
    "ii7": ("V7", "V"),
    "vii°": ("I",),
}
_NEXT_MINOR = {
    "i": ("iv", "V", "bVI", "ii°", "bIII", "V7", "bVII", "vii°7"),
    "ii°": ("V", "V7"),
    "bIII": ("bVI", "iv", "bVII"),
    "iv": ("V", "i", "ii°", "bVII", "V7"),
    "V": ("i", "i", "bVI", "V7"),
    "V7": ("i", "i", "bVI"),
    "bVI": ("ii°", "iv", "bIII", "V"),
    "bVII": ("bIII", "i"),
    "vii°7": ("i",),
}
_CADENCES: dict[Mode, tuple[str, ...]] = {
    "major": ("IV V I", "ii V7 I", "ii7 V7 I", "V7 I", "V sus", "IV V vi", "vi ii V7 I"),
    "minor": ("iv V i", "ii° V7 i", "V7 i", "iv i", "bVI V i", "iv V bVI", "vii°7 i"),
}
_SEQUENCES: dict[Mode, tuple[str, ...]] = {
    "major": ("I IV vii° iii vi ii V I", "I V vi iii IV I ii V", "vi ii V I"),
    "minor": ("i iv bVII bIII bVI ii° V i", "i V i bVII bIII bVII i V", "i bVII bVI V"),
}
_RELATED: dict[Mode, tuple[tuple[int, Mode], ...]] = {
    "major": ((7, "major"), (9, "minor"), (5, "major"), (2, "minor")),
    "minor": ((3, "major"), (7, "minor"), (5, "minor"), (8, "major")),
}


@dataclass(frozen=True)
class Span:
    """A chord from ``start`` for ``length`` beats, and the pitch classes of its scale."""

    start: float
    length: float
    chord: Chord
    scale: Intervals


@dataclass(frozen=True)
class Harmony:
    """The true ``key`` of an excerpt and its chords, which cover ``beats`` without gaps.

    ``starts``: the beats, after the first, at which a loop or a section of the song begins.
    """

    key: Key
    scale: Intervals
    spans: tuple[Span, ...]
    beats: float
    starts: tuple[float, ...] = ()

    def at(self, beat: float) -> Span:
        """The span that sounds at ``beat`` (the last one beyond the end)."""
        for span in self.spans:
            if beat < span.start + span.length:
                return span
        return self.spans[-1]


def draw_key(rng: random.Random, minor: float) -> Key:
    """A uniform tonic; ``minor`` is the share of that mode."""
    return Key(rng.randrange(12), "minor" if rng.random() < minor else "major")


def draw_scale(rng: random.Random, mode: Mode) -> str:
    names, weights = zip(*SCALE_WEIGHTS[mode].items(), strict=True)
    return str(rng.choices(names, weights)[0])


def lay_out(
    chords: Sequence[tuple[Chord, float]],
    key: Key,
    scale: Intervals,
    beats: float,
    starts: Iterable[float] = (),
) -> Harmony:
    """Lay out (chord over tonic 0, length) pairs without repetition, cut at ``beats``.

    ``starts``: see ``Harmony``.
    """
    spans: list[Span] = []
    start = 0.0
    for chord, length in chords:
        if start >= beats:
            break
        # A major tonic chord leaves the melodies of a minor key their minor third.
        blue = key.mode == "minor" and chord.root == 0 and 4 in chord.intervals
        fitting = scale if blue else chord_scale(scale, chord)
        absolute = tuple(sorted((tone + key.tonic) % 12 for tone in fitting))
        spans.append(Span(start, min(length, beats - start), chord.transposed(key.tonic), absolute))
        start += length
    home = tuple(sorted((tone + key.tonic) % 12 for tone in scale))
    inside = tuple(start for start in starts if 0 < start < beats)
    return Harmony(key, home, tuple(spans), beats, inside)


def extended(rng: random.Random, chord: Chord, scale: Intervals, flavour: str) -> Chord:
    """Extend to the 7th or 9th, or add a suspension or a ninth, inside the scale."""
    if flavour == "triads" or len(chord.intervals) != 3 or chord.intervals == QUALITIES["°"]:
        return chord
    if flavour == "added":
        if rng.random() < 0.5 and (chord.root + 2) % 12 in scale:
            return Chord(chord.root, (*chord.intervals[:3], 14), chord.bass)
        if rng.random() < 0.4 and (chord.root + 5) % 12 in scale:
            return Chord(chord.root, QUALITIES["sus4"], chord.bass)
        return chord
    stacked = diatonic_quality(scale, chord.root, 4 if flavour == "sevenths" else 5)
    if stacked is None or stacked[:3] != chord.intervals[:3]:
        return chord
    return Chord(chord.root, stacked, chord.bass)


def _looped(rng: random.Random, name: str, beats: float) -> list[tuple[Chord, float]]:
    """One loop of ``LOOPS``, sometimes rotated, with a random harmonic rhythm."""
    numerals = rng.choice(LOOPS[name]).split()
    if rng.random() < 0.1:
        turn = rng.randrange(len(numerals))
        numerals = numerals[turn:] + numerals[:turn]
    scale = SCALES[name]
    flavour = rng.choices(("triads", "sevenths", "ninths", "added"), (0.55, 0.2, 0.1, 0.15))[0]
    chords = [extended(rng, parse_chord(n), scale, flavour) for n in numerals]
    if rng.random() < 0.12:
        # A pedal under the changes: every chord over the tonic.
        chords = [Chord(c.root, c.intervals, 0) for c in chords]
    elif rng.random() < 0.15:
        chords = [Chord(c.root, c.intervals, rng.choice(c.pitch_classes[:3])) for c in chords]
    pace = rng.choices((1.0, 2.0, 4.0, 8.0, 16.0), (0.03, 0.22, 0.45, 0.22, 0.08))[0]
    lengths = [pace] * len(chords)
    if len(chords) > 1 and rng.random() < 0.3:
        lengths = [pace * rng.choice((0.5, 0.75, 1.0, 1.25, 1.5, 2.0)) for _ in chords]
    if len(chords) > 1 and rng.random() < 0.3:
        lengths[0] = lengths[0] * 2
    loop = list(zip(chords, lengths, strict=True))
    laps = int(beats / sum(lengths) + 1)
    if laps > 1 and len(loop) > 1 and rng.random() < 0.15:
        # In every second repetition the last chord differs.
        turnaround = parse_chord(rng.choice(rng.choice(LOOPS[name]).split()))
        return [*loop, *loop[:-1], (turnaround, lengths[-1])] * (laps // 2 + 1)
    return loop * laps


def _laps(chords: Sequence[tuple[Chord, float]], beats: float) -> list[float]:
    """Where a loop begins again: the multiples of its length, at least ``SHORTEST_LAP`` apart."""
    sizes = range(1, len(chords))
    size = next((n for n in sizes if chords[n:] == chords[:-n]), len(chords))
    length = sum(length for _, length in chords[:size])
    length *= math.ceil(SHORTEST_LAP / length)
    return [length * lap for lap in range(1, math.ceil(beats / length))]


def loop_harmony(rng: random.Random, key: Key, beats: float) -> Harmony:
    """One chord loop throughout."""
    name = draw_scale(rng, key.mode)
    chords = _looped(rng, name, beats)
    return lay_out(chords, key, SCALES[name], beats, _laps(chords, beats))


def song_harmony(rng: random.Random, key: Key, beats: float) -> Harmony:
    """Two loops in one key, in sequence or alternating: verse and chorus."""
    name = draw_scale(rng, key.mode)
    section = rng.choice((16.0, 24.0, 32.0))
    loops = [_looped(rng, name, section) for _ in range(2)]
    chords: list[tuple[Chord, float]] = []
    for turn in range(int(beats / section) + 1):
        left = section
        for chord, length in loops[turn % 2]:
            if left <= 0:
                break
            chords.append((chord, min(length, left)))
            left -= length
    starts = [section * turn for turn in range(1, int(beats / section) + 1)]
    return lay_out(chords, key, SCALES[name], beats, starts)


def pedal_harmony(rng: random.Random, key: Key, beats: float) -> Harmony:
    """The tonic chord or its open fifth throughout; only the riffs move."""
    name = draw_scale(rng, key.mode)
    bare = rng.random() < 0.3
    numeral = "I5" if bare else ("i" if key.mode == "minor" else "I")
    return lay_out([(parse_chord(numeral), beats)], key, SCALES[name], beats)


def parallel_harmony(rng: random.Random, key: Key, beats: float) -> Harmony:
    """One sampled chord moved in parallel, as in house; the pattern starts from the tonic."""
    moves: tuple[tuple[int, ...], ...]
    if key.mode == "minor":
        quality = rng.choice(("m", "m7", "m9", "madd9", "m"))
        moves = (
            (0, 3),
            (0, 5),
            (0, -2),
            (0, 3, 5),
            (0, -2, 3),
            (0, 1),
            (0, 2),
            (0, -2, -4),
            (0, 7),
        )
        scale = SCALES["aeolian"]
    else:
        quality = rng.choice(("", "maj7", "9", "add9", "7", ""))
        moves = ((0, 5), (0, -2), (0, 2), (0, 5, 7), (0, -2, -4), (0, 3, 5), (0, 3), (0, -2, 5))
        scale = SCALES["mixolydian"]
    pattern = rng.choice(moves)
    lengths = [
        rng.choice((4.0, 6.0, 3.0, 8.0)),
        *(rng.choice((1.0, 2.0, 3.0, 4.0)) for _ in pattern),
    ]
    chords = [
        (Chord(move % 12, QUALITIES[quality], move % 12), length)
        for move, length in zip(pattern, lengths, strict=False)
    ]
    repeats = int(beats / sum(length for _, length in chords)) + 1
    return lay_out(chords * repeats, key, scale, beats)


def _phrase(rng: random.Random, mode: Mode, chords: int) -> list[Chord]:
    """Functional harmony: a walk from the tonic, secondary dominants, a cadence."""
    table = _NEXT_MAJOR if mode == "major" else _NEXT_MINOR
    if rng.random() < 0.2:
        numerals = rng.choice(_SEQUENCES[mode]).split()
    else:
        numerals = ["I" if mode == "major" else "i"]
        while len(numerals) < chords:
            numerals.append(rng.choice(table[numerals[-1]]))
    numerals += rng.choice(_CADENCES[mode]).replace("sus", "V7").split()
    phrase: list[Chord] = []
    for numeral in numerals:
        chord = parse_chord(numeral)
        tonicised = chord.root != 0 and chord.intervals in (QUALITIES[""], QUALITIES["m"])
        if tonicised and rng.random() < 0.13:
            root = (chord.root + 7) % 12
            phrase.append(Chord(root, QUALITIES["7"], root))
        if rng.random() < 0.28:
            chord = Chord(chord.root, chord.intervals, chord.pitch_classes[1])
        phrase.append(chord)
    return phrase


def classical_harmony(rng: random.Random, key: Key, beats: float) -> Harmony:
    """Common-practice phrases, often with a middle part in a related key, ending at home."""
    pace = rng.choice((1.0, 2.0, 2.0, 4.0))
    home = SCALES["ionian" if key.mode == "major" else "aeolian"]
    slots = int(beats / pace) + 1
    away_from, away_to = slots, slots
    if rng.random() < 0.45:
        away_from = int(slots * rng.uniform(0.3, 0.6))
        away_to = int(slots * rng.uniform(0.6, 0.85))
    shift, away_mode = rng.choice(_RELATED[key.mode])
    chords: list[tuple[Chord, float]] = []
    while len(chords) < slots:
        away = away_from <= len(chords) < away_to
        phrase = _phrase(rng, away_mode if away else key.mode, rng.randint(2, 6))
        chords += [(chord.transposed(shift if away else 0), pace) for chord in phrase]
    if rng.random() < 0.5:
        # The excerpt is the end of the piece: it closes with a cadence and a long tonic.
        tail = [parse_chord(n) for n in ("V7", "I" if key.mode == "major" else "i")]
        if key.mode == "minor" and rng.random() < 0.15:
            tail[-1] = parse_chord("I")
        chords = [*chords[: max(1, slots - 4)], (tail[0], pace), (tail[1], 4 * pace)]
    return lay_out(chords, key, home, beats)
