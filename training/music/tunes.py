"""Melodies of singers and soloists: motifs, phrases, ornaments, returns to the tonic."""

from __future__ import annotations

import random

from keyscan.keys import Key, Mode
from training.music.harmony import Harmony, Span
from training.music.notes import Note, ladder, nearest, step_from
from training.music.theory import Intervals

_BLUES: dict[Mode, Intervals] = {"minor": (0, 3, 5, 6, 7, 10), "major": (0, 3, 4, 5, 7, 9, 10)}
_PENTATONIC: dict[Mode, Intervals] = {"minor": (0, 3, 5, 7, 10), "major": (0, 2, 4, 7, 9)}


def _motif(rng: random.Random, beats: int, density: float) -> list[tuple[float, float]]:
    """(onset, length) pairs of a phrase: syllables in eighths, a longer last one, a rest."""
    onsets = [
        k / 2 for k in range(2 * beats - 2) if rng.random() < density * (1.2 if k % 2 == 0 else 0.8)
    ]
    onsets = onsets or [0.0]
    ends = [*onsets[1:], min(float(beats) - 0.5, onsets[-1] + rng.choice((1.0, 2.0)))]
    return [(a, max(0.25, min(b - a, 2.0))) for a, b in zip(onsets, ends, strict=True)]


def _pool(harmony: Harmony, kind: str) -> tuple[int, ...]:
    """The pitch classes of a melody; empty: those of the current chord."""
    scales: dict[str, dict[Mode, Intervals]] = {"blues": _BLUES, "pentatonic": _PENTATONIC}
    if kind not in scales:
        return ()
    mode: Mode = harmony.key.mode
    return tuple((tone + harmony.key.tonic) % 12 for tone in scales[kind][mode])


def _by_ear(tones: Intervals, span: Span, key: Key) -> Intervals:
    """A chord's tones in a melody: over the tonic chord the third is the one of the key's mode.

    Blues and rock in minor sing the minor third over major chords and over bare fifths.
    """
    if span.chord.root != key.tonic:
        return tones
    third = 3 if key.mode == "minor" else 4
    return (*(t for t in tones if (t - key.tonic) % 12 not in (3, 4)), (key.tonic + third) % 12)


def _sing(rng: random.Random, harmony: Harmony, kind: str, centre: int) -> list[Note]:
    beats = rng.choice((4, 8, 8, 16))
    density = rng.uniform(0.3, 0.8)
    motifs = [_motif(rng, beats, density) for _ in range(2)]
    contours = [[rng.choice((-2, -1, -1, 0, 1, 1, 2, -3, 3, 0)) for _ in m] for m in motifs]
    form = rng.choice(((0, 0, 1, 0), (0, 1, 0, 1), (0, 0, 0, 1), (0, 1)))
    pool = _pool(harmony, kind)
    tonic = harmony.key.tonic
    third = (tonic + (4 if harmony.key.mode == "major" else 3)) % 12
    pitch = nearest(rng.choice((tonic, third, (tonic + 7) % 12)), centre)
    notes: list[Note] = []
    for number in range(int(harmony.beats / beats) + 1):
        which = form[number % len(form)]
        closing = number % len(form) == len(form) - 1
        for index, (onset, length) in enumerate(motifs[which]):
            at = number * beats + onset
            if at >= harmony.beats:
                return notes
            span = harmony.at(at)
            strong = at % 2 == 0 or length >= 1
            tones: Intervals = ()
            if strong and rng.random() < 0.75:
                tones = _by_ear(span.chord.pitch_classes, span, harmony.key)
            rungs = ladder(tones or pool or span.scale, centre - 10, centre + 12)
            pitch = step_from(rungs, pitch, contours[which][index])
            if abs(pitch - centre) > 8:
                pitch = step_from(rungs, centre, rng.choice((-1, 0, 1)))
            if index == len(motifs[which]) - 1 and closing and rng.random() < 0.6:
                rest = rng.choices((tonic, third, (tonic + 7) % 12), (6, 2, 1))[0]
                if rest in span.chord.pitch_classes:
                    pitch = nearest(rest, pitch)
            notes.append(Note(at, length, pitch, rng.uniform(0.7, 1.0)))
    return notes


def vocal(rng: random.Random, harmony: Harmony) -> list[Note]:
    """A sung line in the key's own scale or its pentatonic."""
    kind = rng.choice(("scale", "scale", "pentatonic"))
    return _sing(rng, harmony, kind, rng.randint(55, 72))


def blue_vocal(rng: random.Random, harmony: Harmony) -> list[Note]:
    """A sung or blown line with blue thirds, fifths and sevenths."""
    return _sing(rng, harmony, rng.choice(("blues", "blues", "pentatonic")), rng.randint(53, 72))


def instrument(rng: random.Random, harmony: Harmony) -> list[Note]:
    """The same, higher: flutes, fiddles, synthesisers."""
    return _sing(rng, harmony, rng.choice(("scale", "pentatonic")), rng.randint(64, 84))


def solo(rng: random.Random, harmony: Harmony) -> list[Note]:
    """Eighths and triplets of chord tones, scale runs and chromatic approaches, with rests."""
    step = rng.choice((0.5, 0.5, 0.25, 1 / 3))
    centre = rng.randint(60, 76)
    blues = rng.random() < 0.4
    pool = _pool(harmony, "blues") if blues else ()
    chromatic = rng.choice((0.0, 0.08, 0.15))
    pitch, direction, resting = centre, 1, 0.0
    notes = []
    for index in range(int(harmony.beats / step)):
        at = index * step
        if at < resting:
            continue
        if rng.random() < 0.06:
            resting = at + rng.choice((1.0, 2.0, 4.0))
        span = harmony.at(at)
        strong = at % 1 < 0.01
        tones = pool or span.scale
        if strong and rng.random() < 0.7:
            tones = _by_ear(span.chord.pitch_classes, span, harmony.key)
        if rng.random() < 0.15 or abs(pitch - centre) > 11:
            direction = 1 if pitch < centre else -1
        pitch = step_from(ladder(tones, centre - 15, centre + 15), pitch, direction)
        sounding = pitch
        if not strong and rng.random() < chromatic:
            sounding += rng.choice((-1, 1))
        notes.append(Note(at, step, sounding, rng.uniform(0.6, 1.0)))
    return notes


def backing(rng: random.Random, harmony: Harmony) -> list[Note]:
    """Backing vocals in thirds and sixths: long chord tones in two or three voices."""
    centre = rng.randint(60, 70)
    notes = []
    for span in harmony.spans:
        tones = [nearest(tone, centre) for tone in span.chord.pitch_classes[:3]]
        kept = sorted(tones)[: rng.choice((2, 3))]
        notes += [Note(span.start, span.length * 0.95, pitch, 0.8) for pitch in kept]
    return notes
