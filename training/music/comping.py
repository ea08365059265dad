"""Accompaniment patterns of the genres: basses, guitars, keyboards, horns."""

from __future__ import annotations

import random
from collections.abc import Sequence

from training.music.harmony import Harmony, Span
from training.music.notes import Note, ladder, nearest, voicing


def _grid(harmony: Harmony, step: float, offset: float = 0.0) -> list[float]:
    return [offset + k * step for k in range(int((harmony.beats - offset) / step))]


def _chord(span: Span, centre: float, most: int = 4) -> list[int]:
    return voicing(span.chord.pitch_classes[:most], centre, None)


def _low(pitch_class: int, lowest: int) -> int:
    """The lowest pitch of that class from ``lowest`` up."""
    return lowest + (pitch_class - lowest) % 12


def riffing(rng: random.Random, harmony: Harmony) -> list[Note]:
    """Rock and metal: a muted pedal on the low root with power chords on the accents."""
    lowest = rng.choice((33, 36, 38, 40, 40))
    step = rng.choice((0.25, 0.5, 0.5))
    pedal = rng.random() < 0.4
    accents = [rng.random() < 0.35 for _ in range(16)]
    accents[0] = True
    rests = [rng.random() < 0.15 for _ in range(16)]
    tonic = _low(harmony.key.tonic, lowest)
    notes = []
    for index, at in enumerate(_grid(harmony, step)):
        span = harmony.at(at)
        root = _low(span.chord.root, lowest)
        if accents[index % 16]:
            notes += [Note(at, step * 1.6, p, 1.0) for p in (root, root + 7, root + 12)]
        elif not rests[index % 16]:
            notes.append(Note(at, step * 0.6, tonic if pedal else root, 0.7))
    return notes


def gallop_tune(rng: random.Random, harmony: Harmony) -> list[Note]:
    """A single-line riff in the low register, the same over every chord of one root."""
    lowest = rng.choice((33, 36, 38, 40, 45))
    tonic = _low(harmony.key.tonic, lowest)
    pool = ladder(harmony.scale, tonic, tonic + 12)
    if rng.random() < 0.3:
        pool.append(tonic + 6)
    figure = [tonic if rng.random() < 0.5 else rng.choice(pool) for _ in range(rng.choice((8, 16)))]
    figure[0] = tonic
    step = rng.choice((0.25, 0.5, 0.5))
    follows = rng.random() < 0.4
    notes = []
    for index, at in enumerate(_grid(harmony, step)):
        shift = (harmony.at(at).chord.root - harmony.key.tonic) % 12 if follows else 0
        pitch = figure[index % len(figure)] + shift
        notes.append(Note(at, step * 0.95, pitch - 12 * (shift > 7), rng.uniform(0.7, 1.0)))
    return notes


def boogie(rng: random.Random, harmony: Harmony) -> list[Note]:
    """Blues and rock and roll: root and fifth, root and sixth, over every chord."""
    lowest = rng.choice((36, 40, 45))
    flat = rng.random() < 0.4
    pattern = (7, 9, 7, 9) if not flat else (7, 9, 10, 9)
    notes = []
    for index, at in enumerate(_grid(harmony, 0.5)):
        root = _low(harmony.at(at).chord.root, lowest)
        upper = root + pattern[index // 2 % 4]
        velocity = 0.9 if index % 2 == 0 else 0.65
        notes += [Note(at, 0.45, root, velocity), Note(at, 0.45, upper, velocity)]
    return notes


def boogie_bass(rng: random.Random, harmony: Harmony) -> list[Note]:
    """Up and down the chord in quarters or eighths: root, third, fifth, sixth, seventh."""
    step = rng.choice((1.0, 1.0, 0.5))
    blue = harmony.key.mode == "minor" and rng.random() < 0.5
    notes = []
    for index, at in enumerate(_grid(harmony, step)):
        span = harmony.at(at)
        third = span.chord.intervals[1] if len(span.chord.intervals) > 2 and not blue else 4 - blue
        walk = (0, third, 7, 9, 10, 9, 7, third)
        notes.append(Note(at, step * 0.9, _low(span.chord.root, 31) + walk[index % 8], 0.9))
    return notes


def root_and_fifth(rng: random.Random, harmony: Harmony) -> list[Note]:
    """Country and polka bass: the root, then the fifth below, on one and three."""
    step = rng.choice((1.0, 2.0, 2.0))
    walks = rng.random() < 0.4
    notes = []
    for index, at in enumerate(_grid(harmony, step)):
        span = harmony.at(at)
        root = nearest(span.chord.bass, 38)
        pitch = root if index % 2 == 0 else nearest((span.chord.root + 7) % 12, root - 4)
        leaves = span.start + span.length - at <= step
        if walks and leaves and step == 1.0:
            pitch = nearest(harmony.at(at + step).chord.bass, 38) - rng.choice((2, 1))
        notes.append(Note(at, step * 0.7, pitch, 0.9))
    return notes


def off_beats(rng: random.Random, harmony: Harmony) -> list[Note]:
    """Short chords between the beats: the reggae skank, the country chick, the ska upstroke."""
    step, offset = rng.choice(((1.0, 0.5), (2.0, 1.0), (2.0, 1.0)))
    centre = rng.uniform(55, 70)
    length = rng.uniform(0.12, 0.4)
    double = rng.random() < 0.2
    notes = []
    for at in _grid(harmony, step, offset):
        pitches = _chord(harmony.at(at), centre)
        notes += [Note(at, length, p, rng.uniform(0.7, 1.0)) for p in pitches]
        if double:
            notes += [Note(at + 0.25, length, p, 0.6) for p in pitches]
    return notes


def roots_bass(rng: random.Random, harmony: Harmony) -> list[Note]:
    """A reggae or dub line: a syncopated figure of chord tones, often with a rest on beat one."""
    places = [0.0] if rng.random() < 0.6 else []
    places += sorted(rng.sample([0.5, 1.0, 1.5, 1.75, 2.0, 2.5, 3.0, 3.5, 3.75], rng.randint(2, 5)))
    degrees = [rng.choice((0, 0, 1, 2, 2, 3)) for _ in places]
    low = rng.choice((29, 31, 33))
    notes = []
    for bar in range(int(harmony.beats / 4) + 1):
        for place, degree in zip(places, degrees, strict=True):
            at = 4.0 * bar + place
            if at < harmony.beats:
                span = harmony.at(at)
                tones = ladder(span.chord.pitch_classes[:3], _low(span.chord.root, low), 60)
                notes.append(Note(at, rng.choice((0.4, 0.7)), tones[degree % len(tones)], 0.95))
    return notes


def octaves(rng: random.Random, harmony: Harmony) -> list[Note]:
    """Disco and house bass: the root and its octave in eighths."""
    low = rng.choice((28, 31, 33, 36))
    fills = rng.random() < 0.4
    notes = []
    for index, at in enumerate(_grid(harmony, 0.5)):
        span = harmony.at(at)
        pitch = _low(span.chord.bass, low) + 12 * (index % 2)
        if fills and index % 8 == 6:
            pitch = nearest((span.chord.root + 7) % 12, pitch)
        notes.append(Note(at, rng.uniform(0.3, 0.48), pitch, 0.9))
    return notes


def sixteenths(rng: random.Random, harmony: Harmony) -> list[Note]:
    """Funk guitar and clavinet: short chords on a syncopated grid of sixteenths."""
    centre = rng.uniform(57, 72)
    pattern = [rng.random() < (0.5, 0.35, 0.4, 0.45)[s % 4] for s in range(rng.choice((16, 32)))]
    top = rng.choice((2, 3, 4))
    notes = []
    for index, at in enumerate(_grid(harmony, 0.25)):
        if pattern[index % len(pattern)]:
            pitches = voicing(harmony.at(at).chord.pitch_classes[-top:], centre, None)
            notes += [Note(at, 0.2, p, rng.uniform(0.5, 1.0)) for p in pitches]
    return notes


def funk_bass(rng: random.Random, harmony: Harmony) -> list[Note]:
    """Root on beat one, then ghosted octaves, sevenths and fourths in sixteenths."""
    size = rng.choice((16, 32))
    figure = [
        rng.choice((0, 0, 12, 10, 7, 5, 3, -2)) if rng.random() < 0.4 else None for _ in range(size)
    ]
    figure[0] = 0
    notes = []
    for index, at in enumerate(_grid(harmony, 0.25)):
        move = figure[index % size]
        span = harmony.at(at)
        root = _low(span.chord.root, 29)
        if move is not None:
            pitch = root + move if (root + move) % 12 in span.scale else root
            notes.append(Note(at, rng.choice((0.2, 0.4)), pitch, rng.uniform(0.7, 1.0)))
    return notes


def piano(rng: random.Random, harmony: Harmony) -> list[Note]:
    """Pop and ballad piano: the left hand's octaves, the right hand's chords or broken chords."""
    centre = rng.uniform(58, 68)
    broken = rng.random() < 0.5
    step = rng.choice((0.5, 0.5, 1.0)) if broken else rng.choice((0.5, 1.0, 1.0, 2.0))
    notes = []
    for span in harmony.spans:
        bass = nearest(span.chord.bass, 40)
        left = [bass, bass + 12] if rng.random() < 0.6 else [bass, bass + 7, bass + 12]
        notes += [Note(span.start, span.length, p, 0.8) for p in left]
    for index, at in enumerate(_grid(harmony, step)):
        pitches = _chord(harmony.at(at), centre, 5)
        if broken:
            order = (0, len(pitches) - 1, len(pitches) // 2, len(pitches) - 1)
            pitches = [pitches[order[index % 4]]]
        notes += [Note(at, step * 1.1, p, rng.uniform(0.55, 0.95)) for p in pitches]
    return notes


def horns(rng: random.Random, harmony: Harmony) -> list[Note]:
    """Sparse hits and swells of three or four voices in close position."""
    centre = rng.uniform(58, 70)
    places = sorted(rng.sample([k / 2 for k in range(16)], rng.randint(1, 5)))
    lengths = [rng.choice((0.25, 0.25, 0.5, 1.5)) for _ in places]
    notes = []
    for turn in range(int(harmony.beats / 8) + 1):
        for place, length in zip(places, lengths, strict=True):
            at = 8.0 * turn + place
            if at < harmony.beats:
                pitches = _chord(harmony.at(at), centre)
                notes += [Note(at, length, p, rng.uniform(0.7, 1.0)) for p in pitches]
    return notes


def rootless(rng: random.Random, harmony: Harmony) -> list[Note]:
    """Jazz comping: thirds, sevenths and ninths without the root, on anticipated beats."""
    centre = rng.uniform(55, 64)
    notes = []
    for span in harmony.spans:
        tones = span.chord.pitch_classes[1:] or span.chord.pitch_classes
        colour = (span.chord.root + 2) % 12
        if colour in span.scale and rng.random() < 0.5:
            tones = (*tones, colour)
        at = span.start
        while at < span.start + span.length:
            length = rng.choice((0.5, 1.0, 1.5, 2.0))
            if rng.random() < 0.8:
                pitches = voicing(tones, centre, rng)
                notes += [Note(at, length * 0.8, p, rng.uniform(0.5, 0.9)) for p in pitches]
            at += rng.choice((1.0, 1.5, 2.0))
    return notes


def sub(rng: random.Random, harmony: Harmony) -> list[Note]:
    """Hip hop and dubstep: a long low root, sometimes with its octave or a slide from below."""
    low = rng.choice((26, 28, 31))
    notes = []
    for span in harmony.spans:
        root = _low(span.chord.root, low)
        at = span.start
        while at < span.start + span.length:
            length = rng.choice((0.75, 1.5, 2.0, 3.0))
            pitch = root + rng.choices((0, 12, 7, -2), (14, 2, 1, 1))[0]
            if pitch % 12 not in span.scale:
                pitch = root
            notes.append(Note(at, length * 0.9, pitch, 1.0))
            at += length
    return notes


def swung(notes: Sequence[Note], amount: float) -> list[Note]:
    """Off-beat eighths played late: ``amount`` 0 is straight, 1 is triplets."""
    late = amount / 6
    return [
        Note(note.start + late, note.length, note.pitch, note.velocity)
        if abs(note.start % 1 - 0.5) < 0.01
        else note
        for note in notes
    ]
