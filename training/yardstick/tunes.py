"""Folk melodies and Bach chorales of music21's corpus, with their notated keys.

A folk tune's key is its ABC ``K:`` field, with modes reduced by their third (dorian to minor,
mixolydian to major); a chorale's key follows from its last bass note and its signature. Tunes that
contradict their label (another last note, the other third) are left out.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import music21

from keyscan.keys import Key, Mode
from training.midi import Note, Voice

SECONDS = (40.0, 90.0)
_FOLDERS = ("ryansMammoth", "oneills1850", "airdsAirs")
_CHORALE_SHARE = 0.35
_FIELD = re.compile(r"^K:\s*([A-G][#b]?)\s*([A-Za-z]*)\s*(?:%.*)?$", re.M)
_MODES: dict[str, Mode] = {
    "": "major",
    "maj": "major",
    "ion": "major",
    "mix": "major",
    "m": "minor",
    "min": "minor",
    "dor": "minor",
    "aeo": "minor",
}
_SOLOISTS = (0, 4, 6, 11, 19, 21, 22, 24, 25, 40, 40, 41, 46, 68, 71, 73, 73, 74, 79, 105)
_BACKING = (0, 4, 16, 19, 21, 24, 25, 25, 46, 48)
_ENSEMBLES = (
    (52, 52, 52, 52),
    (19, 19, 19, 19),
    (0, 0, 0, 0),
    (6, 6, 6, 6),
    (48, 48, 48, 48),
    (61, 61, 61, 61),
    (73, 68, 71, 70),
    (40, 40, 41, 42),
    (56, 60, 57, 58),
    (24, 24, 24, 24),
)
_TRIADS = {"major": (0, 4, 7), "minor": (0, 3, 7)}
_CHORDS: dict[Mode, tuple[tuple[int, Mode, float], ...]] = {  # root, triad, preference
    "major": (
        (0, "major", 0.5),
        (5, "major", 0.3),
        (7, "major", 0.4),
        (9, "minor", 0.1),
        (2, "minor", 0.1),
        (10, "major", 0.2),
    ),
    "minor": (
        (0, "minor", 0.5),
        (5, "minor", 0.3),
        (5, "major", 0.2),
        (7, "major", 0.3),
        (7, "minor", 0.2),
        (10, "major", 0.3),
        (3, "major", 0.2),
        (8, "major", 0.2),
    ),
}


@dataclass(frozen=True)
class Tune:
    """Voices in quarter notes from the start; ``windows``: the (start, length) of each chord."""

    key: Key
    voices: tuple[tuple[Note, ...], ...]
    windows: tuple[tuple[float, float], ...]

    @property
    def quarters(self) -> float:
        start, length = self.windows[-1]
        return start + length


def parse_field(abc: str) -> Key | None:
    """The key of an ABC tune's single ``K:`` field; None: other modes, bagpipes, several keys."""
    fields = _FIELD.findall(abc)
    if len(fields) != 1 or len(re.findall(r"K:", abc)) != 1:
        return None
    tonic, mode = fields[0]
    third = _MODES.get(mode.lower()[:3])
    return Key(Key.parse(tonic).tonic, third) if third else None


def split_abc(text: str) -> Iterator[str]:
    """The tunes of an ABC file."""
    for part in re.split(r"^(?=X:)", text.replace("\r\n", "\n"), flags=re.M):
        if part.startswith("X:"):
            yield part


def agrees(tune: Tune) -> bool:
    """Whether the lowest voice ends on the tonic and the tune has the label's third."""
    pitches = [note.pitch for voice in tune.voices for note in voice]
    heard = Counter((pitch - tune.key.tonic) % 12 for pitch in pitches)
    own, other = (4, 3) if tune.key.mode == "major" else (3, 4)
    return tune.voices[-1][-1].pitch % 12 == tune.key.tonic and heard[own] > 2 * heard[other]


class Corpus:
    """The source of tunes, each drawn at most once."""

    def __init__(self) -> None:
        root = Path(music21.__file__).parent / "corpus"
        paths = sorted(path for name in _FOLDERS for path in (root / name).glob("*.abc"))
        self._tunes: dict[Mode, list[str]] = {"major": [], "minor": []}
        for path in paths:
            for abc in split_abc(path.read_text(encoding="latin-1")):
                key = parse_field(abc)
                if key is not None:
                    self._tunes[key.mode].append(abc)
        self._chorales = sorted(music21.corpus.chorales.Iterator(returnType="filename"))

    def draw(self, mode: Mode, rng: random.Random) -> Tune:
        """A tune or a chorale that agrees with its label."""
        while True:
            if rng.random() < _CHORALE_SHARE:
                name = self._chorales[rng.randrange(len(self._chorales))]
                tune = read_chorale(music21.corpus.parse(name))
                if tune is not None and tune.key.mode == mode and agrees(tune):
                    self._chorales.remove(name)
                    return tune
            else:
                tunes = self._tunes[mode]
                tune = read_abc(tunes.pop(rng.randrange(len(tunes))))
                if tune is not None and agrees(tune):
                    return tune


def read_abc(abc: str) -> Tune | None:
    """A tune with expanded repeats; None: no key, or incomplete notation."""
    key = parse_field(abc)
    if key is None:
        return None
    try:
        score = music21.converter.parse(abc, format="abc")
        if not isinstance(score, music21.stream.Score):
            return None
        part = score.parts[0].expandRepeats()
    except (music21.exceptions21.Music21Exception, AttributeError, IndexError, ValueError):
        return None
    return _tune(key, [part])


def read_chorale(score: music21.stream.Score) -> Tune | None:
    """Four parts; None: another number, or an end on neither tonic of the signature."""
    signatures = {s.sharps for s in score.recurse().getElementsByClass("KeySignature")}
    if len(score.parts) != 4 or len(signatures) != 1:
        return None
    major = signatures.pop() * 7 % 12
    last = list(score.parts[3].flatten().notes)[-1].pitches[0].midi % 12
    keys = {major: Key(major, "major"), (major + 9) % 12: Key((major + 9) % 12, "minor")}
    return _tune(keys[last], list(score.parts)) if last in keys else None


def _tune(key: Key, parts: list[music21.stream.Part]) -> Tune | None:
    voices = tuple(_notes(part) for part in parts)
    windows = []
    for measure in parts[0].getElementsByClass("Measure"):
        start, length = float(measure.offset), float(measure.duration.quarterLength)
        halves = 2 if length >= 4 else 1
        windows += [(start + i * length / halves, length / halves) for i in range(halves)]
    windows = [window for window in windows if window[1] > 0]
    if not windows or not all(voices) or windows[-1][0] + windows[-1][1] < 24:
        return None
    return Tune(key, voices, tuple(windows))


def _notes(part: music21.stream.Part) -> tuple[Note, ...]:
    return tuple(
        Note(float(e.offset), 0.95 * float(e.quarterLength), max(p.midi for p in e.pitches))
        for e in part.flatten().notes
        if e.quarterLength > 0
    )


def harmonise(tune: Tune) -> tuple[tuple[int, Mode], ...]:
    """A (root, triad) for each window: the best match to the melody; the tonic at the end."""
    used = {(note.pitch - tune.key.tonic) % 12 for voice in tune.voices for note in voice}
    choices = [
        choice
        for choice in _CHORDS[tune.key.mode]
        if (choice[0] + _TRIADS[choice[1]][1]) % 12 in used
    ]
    chords: list[tuple[int, Mode]] = []
    for start, length in tune.windows:
        weights: Counter[int] = Counter()
        for note in tune.voices[0]:
            overlap = min(note.start + note.length, start + length) - max(note.start, start)
            if overlap > 0:
                weights[(note.pitch - tune.key.tonic) % 12] += overlap / length  # type: ignore[assignment]
        best = max(
            choices, key=lambda c: c[2] + sum(weights[(c[0] + t) % 12] for t in _TRIADS[c[1]])
        )
        chords.append(((tune.key.tonic + best[0]) % 12, best[1]))
    chords[-1] = (tune.key.tonic, tune.key.mode)
    return tuple(chords)


def _backing(tune: Tune, program: int) -> tuple[Voice, Voice]:
    """A bass note at the start of each window, the chord at its middle."""
    bass, chords = [], []
    for (start, length), (root, triad) in zip(tune.windows, harmonise(tune), strict=True):
        half = length / 2
        bass.append(Note(start, half, 36 + (root - 4) % 12 + 4, 85))
        tones = [(root + tone) % 12 for tone in _TRIADS[triad]]
        chords += [Note(start + half, half, 52 + (tone - 4) % 12, 62) for tone in tones]
    return Voice(tuple(bass), 32 if program in (24, 25) else program), Voice(tuple(chords), program)


def arrange(corpus: Corpus, key: Key, rng: random.Random) -> tuple[list[Voice], float]:
    """A random tune transposed to ``key``, its instruments, and a tempo in quarters per minute."""
    tune = corpus.draw(key.mode, rng)
    if len(tune.voices) == 1:
        tempo = rng.uniform(90, 180)
        voices = [Voice(tune.voices[0], rng.choice(_SOLOISTS))]
        if rng.random() < 0.6:
            voices += _backing(tune, rng.choice(_BACKING))
    else:
        tempo = rng.uniform(60, 96)
        programs = rng.choice(_ENSEMBLES)
        voices = [Voice(v, p) for v, p in zip(tune.voices, programs, strict=True)]
    shift = (key.tonic - tune.key.tonic + 5) % 12 - 5
    low, high = (limit * tempo / 60 for limit in SECONDS)
    times = max(1, -int(-low // tune.quarters))
    return [Voice(_played(v, shift, times, tune.quarters, high), v.program) for v in voices], tempo


def _played(
    voice: Voice, shift: int, times: int, quarters: float, longest: float
) -> tuple[Note, ...]:
    return tuple(
        Note(note.start + turn * quarters, note.length, note.pitch + shift, note.velocity)
        for turn in range(times)
        for note in voice.notes
        if note.start + turn * quarters < longest
    )
