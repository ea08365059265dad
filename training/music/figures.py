"""Common-practice keyboard and string figures over functional harmony."""

from __future__ import annotations

import random
from collections.abc import Callable

from training.music.harmony import Harmony, Span
from training.music.notes import Note, ladder, nearest, step_from, voicing


def _onsets(span: Span, step: float) -> list[float]:
    return [span.start + k * step for k in range(max(1, round(span.length / step)))]


def chorale(rng: random.Random, harmony: Harmony) -> list[Note]:
    """Four-part block chords with occasional passing notes."""
    soprano = rng.randint(65, 76)
    notes = []
    for span in harmony.spans:
        pitches = [nearest(span.chord.bass, 45), *voicing(span.chord.pitch_classes, 60, rng)]
        soprano = min(ladder(span.chord.pitch_classes, 60, 82), key=lambda p: abs(p - soprano))
        pitches.append(soprano)
        for pitch in pitches:
            if span.length >= 1 and rng.random() < 0.15:
                passing = step_from(ladder(span.scale, 36, 86), pitch, rng.choice((-1, 1)))
                half = span.length / 2
                notes += [
                    Note(span.start, half, pitch, 0.9),
                    Note(span.start + half, half, passing, 0.8),
                ]
            else:
                notes.append(Note(span.start, span.length, pitch, rng.uniform(0.7, 1.0)))
    return notes


def prelude(rng: random.Random, harmony: Harmony) -> list[Note]:
    """One broken-chord figure through all chords over a held bass."""
    step = rng.choice((0.25, 0.25, 0.5, 1 / 3))
    shape = rng.choice(
        ((0, 1, 2, 3, 4, 2, 3, 4), (0, 2, 1, 2), (0, 1, 2, 3, 2, 1), (4, 3, 2, 1, 0, 1))
    )
    low = rng.randint(46, 58)
    held = rng.random() < 0.5
    notes = []
    for span in harmony.spans:
        rungs = ladder(span.chord.pitch_classes, low, low + 26)
        notes.append(Note(span.start, span.length, nearest(span.chord.bass, low - 8), 0.9))
        for index, at in enumerate(_onsets(span, step)):
            length = span.start + span.length - at if held else step
            rung = rungs[min(shape[index % len(shape)], len(rungs) - 1)]
            notes.append(Note(at, length, rung, rng.uniform(0.6, 0.9)))
    return notes


def alberti(rng: random.Random, harmony: Harmony) -> list[Note]:
    """Alberti bass (low, high, middle, high) under a tune of chord tones, turns and scale runs."""
    step = rng.choice((0.25, 0.5))
    notes = []
    for span in harmony.spans:
        chord = voicing(span.chord.pitch_classes, 54, None)
        order = (0, len(chord) - 1, len(chord) // 2, len(chord) - 1)
        for index, at in enumerate(_onsets(span, step)):
            notes.append(Note(at, step * 1.1, chord[order[index % 4]], rng.uniform(0.5, 0.8)))
    return notes + line(rng, harmony, 67, 84)


def line(rng: random.Random, harmony: Harmony, low: int = 0, high: int = 0) -> list[Note]:
    """A single voice of runs, broken chords and held tones that implies the harmony (cello)."""
    if not high:
        low = rng.choice((36, 43, 48, 55))
        high = low + 26
    pitch = nearest(harmony.key.tonic, (low + high) / 2)
    base = rng.choice((0.25, 0.25, 0.5, 0.5, 1.0))
    notes = []
    direction = 1
    for span in harmony.spans:
        run = rng.choice(("scale", "broken", "mixed", "held"))
        step = span.length if run == "held" and rng.random() < 0.6 else base
        for index, at in enumerate(_onsets(span, step)):
            strong = index == 0
            if strong or run == "broken" or (run == "mixed" and rng.random() < 0.5):
                pool = ladder(span.chord.pitch_classes, low, high)
            else:
                pool = ladder(span.scale, low, high)
            if rng.random() < 0.2 or not low + 3 < pitch < high - 3:
                direction = 1 if pitch < (low + high) / 2 else -1
            if strong and rng.random() < 0.35:
                pitch = nearest(span.chord.bass, (low + pitch) / 2)
            else:
                pitch = step_from(pool, pitch, direction)
            notes.append(Note(at, step, pitch, rng.uniform(0.6, 1.0)))
    return notes


def two_voices(rng: random.Random, harmony: Harmony) -> list[Note]:
    """An invention: a fast voice and a slower one that swap roles."""
    notes = []
    swap = rng.choice((4.0, 8.0, 16.0))
    above, below = line(rng, harmony, 60, 81), line(rng, harmony, 38, 60)
    busy_first = rng.random() < 0.5
    for voice, busy in ((above, busy_first), (below, not busy_first)):
        for note in voice:
            is_busy = busy ^ (int(note.start / swap) % 2 == 1)
            if is_busy or note.start % 1 == 0:
                length = note.length if is_busy else max(1.0, note.length)
                notes.append(Note(note.start, length, note.pitch, note.velocity))
    return notes


def canon(rng: random.Random, harmony: Harmony) -> list[Note]:
    """A subject on the tonic, answered a fifth higher or an octave away, over slow harmony."""
    beats = rng.choice((4.0, 6.0, 8.0))
    pool = ladder(harmony.scale, 40, 90)
    tonic = nearest(harmony.key.tonic, 60)
    subject: list[tuple[float, float, int]] = []
    at, rung = 0.0, 0
    while at < beats:
        length = rng.choice((0.5, 0.5, 1.0, 1.0, 1.5, 0.25))
        subject.append((at, length, rung))
        rung += rng.choice((-2, -1, -1, 1, 1, 2, 4, -3)) if abs(rung) < 6 else -rung
        at += length
    notes = []
    for entry, start in enumerate(
        (0.0, *(k * beats for k in range(1, int(harmony.beats / beats) + 1)))
    ):
        base = tonic + rng.choice((0, 7, -12, 12, -5) if entry else (0,))
        for offset, length, rung in subject:
            if start + offset < harmony.beats:
                pitch = step_from(pool, base, rung)
                notes.append(Note(start + offset, length, pitch, 0.9))
        if entry and rng.random() < 0.8:
            for span in harmony.spans:
                if start <= span.start < start + beats:
                    held = voicing(span.chord.pitch_classes, 52, None)[:2]
                    notes += [Note(span.start, span.length, pitch, 0.6) for pitch in held]
    return notes


FIGURES: tuple[tuple[Callable[[random.Random, Harmony], list[Note]], float], ...] = (
    (chorale, 0.2),
    (prelude, 0.24),
    (alberti, 0.14),
    (line, 0.16),
    (two_voices, 0.18),
    (canon, 0.08),
)


def draw_figure(rng: random.Random, harmony: Harmony) -> list[Note]:
    """One figure; in a third of the excerpts a second one replaces it partway through."""
    functions, weights = zip(*FIGURES, strict=True)
    first, second = rng.choices(functions, weights, k=2)
    notes: list[Note] = first(rng, harmony)
    if rng.random() < 0.35:
        turn = harmony.beats * rng.uniform(0.3, 0.7)
        notes = [n for n in notes if n.start < turn]
        notes += [n for n in second(rng, harmony) if n.start >= turn]
    return notes
