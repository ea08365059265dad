"""Pop songs for model selection: a form, a chord chart and a vocal line.

The module shares no code with ``training.music``: a model that overfits the training generator
performs badly on these songs. MMA plays the accompaniment.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from keyscan.keys import Key, Mode
from training.midi import Note
from training.yardstick.charts import BLUES, CHARTS, WEIGHTS, tones, transpose

SECONDS = (90.0, 150.0)
# Whole, pentatonic, and in minor with blue notes: people call minor what sings the minor third.
_SCALES: dict[Mode, dict[tuple[int, ...], int]] = {
    "major": {(0, 2, 4, 5, 7, 9, 11): 5, (0, 2, 4, 7, 9): 3},
    "minor": {(0, 2, 3, 5, 7, 8, 10): 5, (0, 3, 5, 7, 10): 3, (0, 3, 5, 6, 7, 10): 2},
}

FORMS = tuple(
    form.split()
    for form in (
        "intro verse verse chorus verse chorus end",
        "intro verse chorus chorus end",
        "verse chorus verse chorus end",
        "intro verse lift chorus verse chorus chorus end",
        "intro verse lift chorus break verse lift chorus bridge chorus end",
        "intro verse verse lift chorus verse lift chorus bridge chorus chorus end",
        "intro verse verse bridge verse bridge verse end",
        "intro chorus verse chorus bridge break chorus chorus end",
        "intro verse chorus bridge chorus end",
        "chorus verse verse chorus bridge chorus chorus end",
    )
)
_TACET = ("intro", "break")

_RHYTHMS: dict[int, tuple[tuple[int, ...], ...]] = {  # onsets of syllables, in eighths of a bar
    4: (
        (0, 2, 4, 6),
        (0, 3, 4, 6),
        (0, 2, 3, 5, 6),
        (2, 3, 4, 6, 7),
        (0, 1, 2, 4),
        (1, 2, 3, 4, 6),
        (0, 2, 4, 5, 6, 7),
        (0, 3, 6),
        (2, 4, 6),
    ),
    3: ((0, 2, 4), (0, 4), (0, 2, 3, 4), (0, 3, 4, 5), (2, 3, 4)),
}


@dataclass(frozen=True)
class Style:
    """Grooves of one MMA library file; ``beats`` per bar; ``tempo`` in beats per minute."""

    library: str
    grooves: tuple[str, ...]
    beats: int
    tempo: tuple[int, int]
    swing: bool = False


@dataclass(frozen=True)
class Bar:
    """``chords`` as played, ``shift``: semitones above the song's own key."""

    section: str
    chords: tuple[str, ...]
    shift: int


@dataclass(frozen=True)
class Song:
    """``melody`` in quarter notes from the start; ``chart`` is a source file for MMA."""

    key: Key
    tempo: int
    bars: tuple[Bar, ...]
    melody: tuple[Note, ...]
    chart: str

    @property
    def quarters(self) -> float:
        return max(note.start + note.length for note in self.melody)


def write_bars(key: Key, style: Style, tempo: int, rng: random.Random) -> tuple[Bar, ...]:
    """A form with charts, ``SECONDS`` long; one song in five ends in a higher key."""
    colours = CHARTS[key.mode]
    colour = rng.choices(list(colours), [WEIGHTS[name] for name in colours])[0]
    charts = {name: rng.choice(choices) for name, choices in colours[colour].items()}
    if style.swing and rng.random() < 0.4 and key.mode == "minor":
        charts["verse"] = BLUES
    lengths = {name: _bars_of(chart) for name, chart in charts.items()}
    doubtful = colour == "verse in the relative"  # a major key that only the choruses establish
    opening = "chorus" if doubtful else rng.choice(("verse", "chorus"))
    lengths["intro"] = lengths["break"] = lengths[opening][:4]
    forms = [form for form in FORMS if not doubtful or form.count("chorus") > 1]
    second = style.beats * 60 / tempo
    low, high = (limit / second for limit in SECONDS)
    fitting = [f for f in forms if low <= sum(len(lengths[s]) for s in f) <= high]
    closest = min(forms, key=lambda f: abs(sum(len(lengths[s]) for s in f) - (low + high) / 2))
    form = rng.choice(fitting or [closest])
    rise = rng.choice((1, 2)) if rng.random() < 0.2 and not doubtful else 0
    home = key.tonic - (0 if key.mode == "major" else 9)
    bars = []
    for place, section in enumerate(form):
        shift = rise if place >= len(form) - 2 else 0
        for chords in lengths[section]:
            played = chords if style.beats == 4 else chords[:1]
            bars.append(Bar(section, tuple(transpose(c, home + shift) for c in played), shift))
    return tuple(bars)


def _bars_of(chart: str) -> list[tuple[str, ...]]:
    bars = [tuple(bar.split(",")) for bar in chart.split()]
    return bars * 2 if len(bars) == 4 and not chart.endswith(("C C", "Am Am")) else bars


def write_melody(
    key: Key, bars: tuple[Bar, ...], style: Style, rng: random.Random
) -> tuple[Note, ...]:
    """A vocal line: four-bar phrases, chord tones on the strong beats, the last note the tonic.

    A repeated section has the same melody: its name seeds its phrases.
    """
    seed, centre = rng.random(), rng.randint(62, 71)
    scales = _SCALES[key.mode]
    scale = rng.choices(list(scales), list(scales.values()))[0]
    freedom = rng.uniform(0.1, 0.4)
    notes: list[Note] = []
    number = 0
    for place, bar in enumerate(bars):
        number = 0 if not place or bars[place - 1].section != bar.section else number + 1
        if bar.section in _TACET:
            continue
        phrase, inside = divmod(number, 4)
        letter = "ABAC"[phrase % 4]
        local = random.Random(f"{seed}/{bar.section}/{letter}/{inside % 2 if inside < 3 else 3}")
        last = inside == 3
        rhythm = (0,) if last else local.choice(_RHYTHMS[style.beats])
        tonic = (key.tonic + bar.shift) % 12
        register = centre + (3 if bar.section == "chorus" else 0) + bar.shift
        for index, eighth in enumerate(rhythm):
            until = rhythm[index + 1] if index + 1 < len(rhythm) else 2 * style.beats - last
            half = len(bar.chords) * eighth // (2 * style.beats)
            strong = last or (eighth % 4 == 0 and local.random() > freedom)
            steps = tuple((tonic + step) % 12 for step in scale)
            allowed = _allowed(bar.chords[half], steps, strong)
            before = notes[-1].pitch if notes else register
            pitch = _next_pitch(before, register, allowed, local)
            start = place * style.beats + eighth / 2
            if style.swing and eighth % 2:
                start += 1 / 6
            end = place * style.beats + until / 2
            notes.append(Note(start, (end - start) * 0.95, pitch, local.randint(80, 112)))
    final = (len(bars) - 1) * style.beats
    sung = [note for note in notes if note.start < final]
    tonic = (key.tonic + bars[-1].shift) % 12
    home = _nearest(sung[-1].pitch, (tonic,))
    return (*sung, Note(final, style.beats * 0.95, home, 100))


def _allowed(chord: str, scale: tuple[int, ...], strong: bool) -> tuple[int, ...]:
    """The chord's tones; on weak beats also the scale tones that do not clash with the chord."""
    harmony = tones(chord)
    if strong:
        return harmony
    foreign = [tone for tone in harmony if tone not in scale]
    kept = [s for s in scale if all((s - tone) % 12 not in (1, 11) for tone in foreign)]
    return tuple(sorted({*kept, *harmony}))


def _next_pitch(before: int, register: int, allowed: tuple[int, ...], rng: random.Random) -> int:
    """Mostly a step or a repeated note, sometimes a leap, with a pull back to the register."""
    pull = (register - before) / 4
    wish = before + rng.gauss(pull, 2.4)
    return _nearest(round(wish), allowed)


def _nearest(pitch: int, classes: tuple[int, ...]) -> int:
    return min(range(pitch - 11, pitch + 12), key=lambda p: (p % 12 not in classes, abs(p - pitch)))


def write_chart(bars: tuple[Bar, ...], style: Style, tempo: int, rng: random.Random) -> str:
    """The song as MMA source: a groove for verses, one for choruses, chords by beat."""
    loud, soft = rng.choice(style.grooves), rng.choice(style.grooves)
    lines = [f"RndSeed {rng.randrange(10**6)}", f"Tempo {tempo}"]
    groove = None
    for number, bar in enumerate(bars, 1):
        wanted = loud if bar.section in ("chorus", "bridge", "end") else soft
        if wanted != groove:
            lines.append(f"Groove {style.library}:{wanted}")
            groove = wanted
        lines.append(f"{number} " + " / ".join(bar.chords))
    return "\n".join(lines) + "\n"


def write_song(key: Key, style: Style, rng: random.Random) -> Song:
    """A song in ``key``; the same ``rng`` state gives the same song."""
    tempo = rng.randint(*style.tempo)
    bars = write_bars(key, style, tempo, rng)
    melody = write_melody(key, bars, style, rng)
    return Song(key, tempo, bars, melody, write_chart(bars, style, tempo, rng))
