"""Parts of bands and productions: each function makes the notes of one layer from a harmony."""

from __future__ import annotations

import random

from training.music.harmony import Harmony, Span, draw_scale
from training.music.notes import Note, ladder, nearest, step_from, voicing
from training.music.theory import SCALES

_BASS_RHYTHMS: tuple[tuple[tuple[float, float], ...], ...] = (
    ((0, 4),),
    ((0, 2), (2, 2)),
    tuple((float(b), 0.9) for b in range(4)),
    tuple((b + 0.5, 0.4) for b in range(4)),
    tuple((b / 2, 0.45) for b in range(8)),
    tuple((b / 4, 0.22) for b in range(16) if b % 4),
    ((0, 1.4), (1.5, 1), (2.5, 1.4)),
    ((0, 0.7), (0.75, 0.7), (1.5, 0.5), (2, 0.7), (2.75, 0.7), (3.5, 0.5)),
    ((0, 2.9), (3, 0.9)),
    ((0, 0.4), (1.5, 0.4), (2.75, 0.8)),
)


def _random_rhythm(rng: random.Random, bars: int) -> tuple[tuple[float, float], ...]:
    """A syncopated rhythm in sixteenths that repeats every ``bars`` bars."""
    density = rng.uniform(0.15, 0.6)
    steps = [
        s for s in range(16 * bars) if s == 0 or rng.random() < density * (1.3, 0.6, 1, 0.6)[s % 4]
    ]
    ends = [*steps[1:], 16 * bars]
    tie = rng.uniform(0.4, 1.0)
    return tuple((a / 4, max(0.2, (b - a) / 4 * tie)) for a, b in zip(steps, ends, strict=True))


def _repeated(
    rhythm: tuple[tuple[float, float], ...], bars: int, beats: float
) -> list[tuple[int, float, float]]:
    """(index in the pattern, start, length) of every onset up to ``beats``."""
    onsets = []
    for turn in range(int(beats / (4 * bars)) + 1):
        for index, (start, length) in enumerate(rhythm):
            at = start + turn * 4 * bars
            if at < beats:
                onsets.append((index, at, min(length, beats - at)))
    return onsets


def _coloured(rng: random.Random, notes: list[Note]) -> list[Note]:
    """Chromatic neighbours and blue notes: shifts a few short notes by a semitone."""
    share = rng.choices((0.0, 0.04, 0.1), (0.6, 0.3, 0.1))[0]
    return [
        Note(n.start, n.length, n.pitch + rng.choice((-1, 1)), n.velocity)
        if n.length <= 0.5 and rng.random() < share
        else n
        for n in notes
    ]


def bass(rng: random.Random, harmony: Harmony) -> list[Note]:
    """Roots in a pattern, with octaves, fifths and scale steps by style."""
    bars = rng.choice((1, 1, 2))
    rhythm = rng.choice(_BASS_RHYTHMS) if rng.random() < 0.6 else _random_rhythm(rng, bars)
    if rhythm in _BASS_RHYTHMS:
        bars = 1
    spice = rng.choices((0.0, 0.12, 0.35), (0.45, 0.35, 0.2))[0]
    moves = [
        0 if rng.random() >= spice else rng.choice((12, 12, 7, 7, -5, 3, 2, -2, 10)) for _ in rhythm
    ]
    moves[0] = 0
    centre = rng.choice((33, 36, 38, 41, 45))
    notes = []
    for index, at, length in _repeated(rhythm, bars, harmony.beats):
        span = harmony.at(at)
        pitch = nearest(span.chord.bass, centre) + moves[index]
        if pitch % 12 not in span.scale:
            pitch = nearest(span.chord.bass, centre)
        notes.append(Note(at, length, pitch, rng.uniform(0.8, 1.0)))
    return notes


def walking_bass(rng: random.Random, harmony: Harmony) -> list[Note]:
    """Quarter notes: the root on the change, then chord and scale tones towards the next root."""
    notes = []
    pitch = nearest(harmony.spans[0].chord.bass, 40)
    for beat in range(int(harmony.beats)):
        span = harmony.at(beat)
        if beat - span.start < 1:
            pitch = nearest(span.chord.bass, (pitch + 40) / 2)
        else:
            pool = span.chord.pitch_classes if rng.random() < 0.5 else span.scale
            pitch = step_from(ladder(pool, 31, 52), pitch, rng.choice((-1, 1, 1, 2, -2)))
        notes.append(Note(beat, 0.95, pitch, rng.uniform(0.75, 1.0)))
    return notes


def drone(rng: random.Random, harmony: Harmony) -> list[Note]:
    """The tonic held throughout in a low register, sometimes with its fifth."""
    low = nearest(harmony.key.tonic, rng.choice((31, 43, 55)))
    pitches = [low] if rng.random() < 0.7 else [low, low + 7]
    period = rng.choice((4.0, 8.0, 16.0, harmony.beats))
    turns = int(harmony.beats / period + 0.999)
    return [Note(t * period, period, p, 0.9) for t in range(turns) for p in pitches]


def pad(rng: random.Random, harmony: Harmony) -> list[Note]:
    """Held chords in close voice leading."""
    centre = rng.uniform(52, 70)
    doubled = rng.random() < 0.3
    notes = []
    for span in harmony.spans:
        pitches = voicing(span.chord.pitch_classes, centre, None)
        if doubled:
            pitches.append(pitches[0] + 12)
        notes += [Note(span.start, span.length, p, rng.uniform(0.7, 1.0)) for p in pitches]
    return notes


def _stab_pitches(span: Span, centre: float, parallel: bool) -> list[int]:
    if parallel:
        root = nearest(span.chord.root, centre)
        return [root + interval for interval in span.chord.intervals]
    return voicing(span.chord.pitch_classes, centre, None)


def stabs(rng: random.Random, harmony: Harmony) -> list[Note]:
    """Short chords in a rhythm: house stabs, off-beat organs, strummed guitars."""
    bars = rng.choice((1, 2))
    rhythm = _random_rhythm(rng, bars)
    if rng.random() < 0.35:
        bars, rhythm = 1, tuple((b + 0.5, 0.4) for b in range(4))
    centre = rng.uniform(50, 72)
    parallel = rng.random() < 0.35
    short = rng.uniform(0.15, 1.0)
    notes = []
    for _, at, length in _repeated(rhythm, bars, harmony.beats):
        velocity = rng.uniform(0.6, 1.0)
        pitches = _stab_pitches(harmony.at(at), centre, parallel)
        notes += [Note(at, length * short, pitch, velocity) for pitch in pitches]
    return notes


def arpeggio(rng: random.Random, harmony: Harmony) -> list[Note]:
    """Broken chords in steady eighths, sixteenths or triplets."""
    step = rng.choice((0.25, 0.25, 0.5, 0.5, 1 / 3))
    low = rng.randint(46, 66)
    width = rng.choice((12, 12, 19, 24))
    shape = rng.choice(("up", "down", "wave", "random"))
    gate = rng.uniform(0.5, 1.3)
    order = [rng.randrange(64) for _ in range(16)]
    notes = []
    for index in range(int(harmony.beats / step)):
        at = index * step
        span = harmony.at(at)
        rungs = ladder(span.chord.pitch_classes, low, low + width)
        size = len(rungs)
        at_rung = {
            "up": index % size,
            "down": size - 1 - index % size,
            "wave": min(index % (2 * size), 2 * size - 1 - index % (2 * size)),
            "random": order[index % 16] % size,
        }[shape]
        notes.append(Note(at, step * gate, rungs[at_rung], rng.uniform(0.7, 1.0)))
    return notes


def melodic_scale(rng: random.Random, harmony: Harmony) -> tuple[int, ...]:
    """Sometimes one scale of the mode for a melody, independent of the chords; else empty."""
    if rng.random() < 0.7:
        return ()
    scale = SCALES[draw_scale(rng, harmony.key.mode)]
    return tuple((tone + harmony.key.tonic) % 12 for tone in scale)


def stray(rng: random.Random, harmony: Harmony) -> list[Note]:
    """Tuned percussion or an effect that repeats one to three random pitches outside any key."""
    rhythm = _random_rhythm(rng, 2)
    pitches = [rng.randint(45, 84) for _ in range(rng.randint(1, 3))]
    return [
        Note(at, min(length, 0.5), pitches[index % len(pitches)], rng.uniform(0.6, 1.0))
        for index, at, length in _repeated(rhythm, 2, harmony.beats)
    ]


def melody(rng: random.Random, harmony: Harmony) -> list[Note]:
    """Phrases with a repeated rhythm that move along the scale and end on a stable tone."""
    bars = rng.choice((1, 2, 2, 4))
    rhythm = _random_rhythm(rng, bars)
    centre = rng.randint(57, 78)
    home = melodic_scale(rng, harmony)
    walk = [rng.choice((-2, -1, -1, 0, 1, 1, 2, 3, -3)) for _ in rhythm]
    rest = nearest(
        rng.choices((harmony.key.tonic, (harmony.key.tonic + 7) % 12), (4, 1))[0], centre
    )
    ends_home = rng.random() < 0.7
    pitch = rest
    notes = []
    for index, at, length in _repeated(rhythm, bars, harmony.beats):
        span = harmony.at(at)
        on_chord = at % 1 == 0 and rng.random() < 0.6
        pool = span.chord.pitch_classes if on_chord else home or span.scale
        pitch = step_from(ladder(pool, centre - 12, centre + 12), pitch, walk[index])
        last = index == len(rhythm) - 1
        stable = rest % 12 in span.scale
        if last and ends_home and stable:
            pitch = rest
        if rng.random() < 0.93:
            notes.append(Note(at, length, pitch, rng.uniform(0.6, 1.0)))
    return _coloured(rng, notes)


def riff(rng: random.Random, harmony: Harmony) -> list[Note]:
    """A short scale figure around the tonic that repeats independently of the chords."""
    bars = rng.choice((1, 1, 2))
    rhythm = _random_rhythm(rng, bars)
    centre = rng.choice((40, 52, 60, 64, 72))
    tonic = nearest(harmony.key.tonic, centre)
    scale = list(harmony.scale)
    if len(scale) == 7 and rng.random() < 0.5:
        scale = rng.sample(scale, 4)
    pool = ladder([*scale, harmony.key.tonic], tonic - 8, tonic + 12)
    weights = [4.0 if p % 12 == harmony.key.tonic else 1.0 for p in pool]
    figure = [tonic, *rng.choices(pool, weights, k=len(rhythm) - 1)]
    if rng.random() < 0.4:
        figure[-1] = rng.choice(pool)
    return [
        Note(at, length, figure[index], rng.uniform(0.7, 1.0))
        for index, at, length in _repeated(rhythm, bars, harmony.beats)
    ]


def strum(rng: random.Random, harmony: Harmony) -> list[Note]:
    """Guitar chords over six strings, or power chords, in eighths with accents."""
    power = rng.random() < 0.4
    step = rng.choice((0.5, 0.5, 1.0, 2.0))
    low = rng.randint(38, 46)
    accents = [rng.uniform(0.3, 1.0) if rng.random() < 0.8 else 0.0 for _ in range(8)]
    notes = []
    for index in range(int(harmony.beats / step)):
        velocity = accents[index % 8]
        if not velocity:
            continue
        chord = harmony.at(index * step).chord
        root = low + (chord.root - low) % 12
        if power:
            pitches = [root, root + 7, root + 12]
        else:
            pitches = [root, *ladder(chord.pitch_classes, root + 5, root + 24)[:5]]
        notes += [Note(index * step, step, p, velocity) for p in pitches]
    return notes
