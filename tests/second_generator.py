"""Music in known keys that no training has seen: a synthesiser that shares no code with training.

Songs are written down in C major and C minor as chord symbols and transposed. A voice is one of a
wavetable with a low-pass (subtractive), frequency modulation (Chowning, "The synthesis of complex
audio spectra by means of frequency modulation", 1973), a plucked string (Karplus & Strong, "Digital
synthesis of plucked-string and drum timbres", 1983), or an organ's drawbars.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from keyscan.keys import Key

RATE = 22050
Samples = NDArray[np.float64]
Voice = Callable[[float, int], Samples]

_PITCHES = {"C": 0, "Db": 1, "D": 2, "Eb": 3, "E": 4, "F": 5, "Gb": 6, "G": 7, "Ab": 8, "A": 9,
            "Bb": 10, "B": 11}  # fmt: skip
_QUALITIES = {"": (0, 4, 7), "m": (0, 3, 7), "7": (0, 4, 7, 10), "m7": (0, 3, 7, 10),
              "M7": (0, 4, 7, 11), "o": (0, 3, 6), "9": (0, 4, 7, 10, 14)}  # fmt: skip


@dataclass(frozen=True)
class Chord:
    """Pitch classes above the tonic; the first is the root."""

    tones: tuple[int, ...]

    @classmethod
    def read(cls, symbol: str) -> Chord:
        name = symbol[: 2 if symbol[1:2] == "b" else 1]
        root = _PITCHES[name]
        return cls(tuple((root + step) % 12 for step in _QUALITIES[symbol[len(name) :]]))


# Songs in C: a bar each, or half a bar where a dash joins two.
SONGS: dict[str, dict[str, tuple[str, ...]]] = {
    "pop": {
        "major": (
            "C G Am F C G F-G C",
            "C Am F G C Am F-G C",
            "C F C G C F G C",
            "C Em F G Am F G C",
        ),
    },
    "ballad": {
        "major": ("C Em F G Am F Dm-G C", "CM7 FM7 CM7 FM7 Am7 Dm7 G7 CM7"),
        "minor": ("Cm Ab Eb Bb Cm Fm G Cm", "Cm7 Fm7 Cm7 Fm7 Ab Fm7 G7 Cm7"),
    },
    "edm": {
        "minor": (
            "Cm Cm Ab Bb Cm Cm Ab Bb",
            "Cm Ab Eb Bb Cm Ab Eb Bb",
            "Cm Fm Ab Gm Cm Fm Ab Cm",
            "Cm Bb Ab Bb Cm Bb Ab Cm",
        ),
    },
    "waltz": {
        "major": ("C C G7 G7 G7 G7 C C F F C C G7 G7 C C",
                  "C Am Dm G7 C F G7 C C Am Dm G7 C F G7 C"),
        "minor": ("Cm Cm G7 G7 G7 G7 Cm Cm Fm Fm Cm Cm G7 G7 Cm Cm",
                  "Cm Fm G7 Cm Ab Fm G7 Cm Cm Fm G7 Cm Ab Fm G7 Cm"),
    },
    "chorale": {
        "major": ("C-F C-G C-F G-C Am-Dm G-C F-G7 C", "C-G Am-Em F-C F-G C-Am Dm-G C-G7 C"),
        "minor": ("Cm-Fm Cm-G Cm-Fm G-Cm Ab-Do G-Cm Fm-G7 Cm",
                  "Cm-G Cm-Fm Cm-G Ab-G Cm-Fm Do-G Cm-G7 Cm"),
    },
    "funk": {
        "major": ("C7 C7 C7 C7 F7 C7 C7 C7", "C9 C9 F7 C9 C9 C9 F7 C9"),
        "minor": ("Cm7 Cm7 Cm7 Cm7 Cm7 Fm7 Cm7 Cm7", "Cm7 F7 Cm7 F7 Cm7 F7 Cm7 Cm7"),
    },
}  # fmt: skip
DAMAGES = ("none", "detuned", "quiet", "noisy")


@dataclass(frozen=True)
class Piece:
    """A track of 14 to 20 seconds."""

    key: Key
    style: str
    damage: str
    seed: int

    @property
    def name(self) -> str:
        return f"{self.seed:02d} {self.style} {self.damage} {self.key.name('flats')}"

    @property
    def in_tune(self) -> bool:
        return self.damage != "detuned"

    def render(self) -> NDArray[np.float32]:
        """Mono samples at ``RATE``, peak 0.7 unless it is quiet."""
        rng = np.random.default_rng([20, self.seed])
        cents = float(rng.choice([-35, -25, 25, 35])) if not self.in_tune else 0.0
        songs = SONGS[self.style][self.key.mode]
        song = songs[int(rng.integers(len(songs)))]
        bars = [[Chord.read(symbol) for symbol in bar.split("-")] for bar in song.split()]
        score = _Score(self.key, cents, float(rng.uniform(0.93, 1.07)), rng)
        STYLES[self.style](score, bars)
        samples = score.mix()
        if self.damage == "noisy":
            samples = samples + rng.standard_normal(len(samples)) * samples.std() * 0.2
        peak = 0.02 if self.damage == "quiet" else 0.7
        return np.asarray(samples * (peak / np.abs(samples).max()), np.float32)


def pieces() -> Iterator[Piece]:
    """48: each of the 24 keys twice, six styles of eight pieces, every damage in every style."""
    styles = {
        "major": ("pop", "ballad", "pop", "waltz", "chorale", "funk"),
        "minor": ("edm", "ballad", "edm", "waltz", "chorale", "funk"),
    }
    for number in range(48):
        mode = "major" if number % 2 == 0 else "minor"
        turn = number // 2
        style = styles[mode][turn % 6]
        yield Piece(
            Key(5 * turn % 12, "major" if mode == "major" else "minor"),
            style,
            DAMAGES[(turn // 6 + turn) % 4],
            number,
        )


# Voices: frequency (Hz) and a number of samples -> a sound that starts and ends at nothing.


def _faded(sound: Samples, attack: float, release: float) -> Samples:
    up, down = max(2, round(attack * RATE)), max(2, round(release * RATE))
    shape = np.ones(len(sound))
    shape[:up] = np.linspace(0, 1, up)[: len(sound)]
    shape[-down:] *= np.linspace(1, 0, down)[-len(sound) :]
    return sound * shape


@cache
def _wavetable(harmonics: int, cutoff: int) -> Samples:
    """One period of a sawtooth below the Nyquist frequency, through a low-pass."""
    phase = np.arange(2048) / 2048 * 2 * np.pi
    number = np.arange(1, harmonics + 1)[:, np.newaxis]
    gains = 1 / (number * np.sqrt(1 + (number / cutoff) ** 6))
    return np.asarray((gains * np.sin(number * phase)).sum(axis=0))


def _saw(cutoff: float, attack: float, spread: float = 0.0) -> Voice:
    """Three voices ``spread`` cents apart, low-passed at ``cutoff`` Hz."""

    def voice(frequency: float, length: int) -> Samples:
        table = _wavetable(max(1, int(0.45 * RATE / frequency)), max(1, round(cutoff / frequency)))
        t = np.arange(length) / RATE
        sound = np.zeros(length)
        for cents in (-spread, 0, spread) if spread else (0,):
            position = frequency * 2 ** (cents / 1200) * t * 2048
            sound += table[position.astype(np.int64) % 2048]
        return _faded(sound, attack, 0.03)

    return voice


def _fm(ratio: float, index: float, decay: float) -> Voice:
    def voice(frequency: float, length: int) -> Samples:
        t = np.arange(length) / RATE
        fall = np.exp(-t / decay)
        modulation = index * fall * np.sin(2 * np.pi * ratio * frequency * t)
        return _faded(fall * np.sin(2 * np.pi * frequency * t + modulation), 0.004, 0.02)

    return voice


def _string(damping: float) -> Voice:
    """Noise around a loop that smooths it, then read at the exact pitch."""

    def voice(frequency: float, length: int) -> Samples:
        period = max(8, int(RATE / frequency))
        loop = np.random.default_rng(period).uniform(-1, 1, period)
        step = frequency * (period + 0.5) / RATE  # smoothing delays by half a sample
        turns = int(length * step / period) + 2
        rows = np.empty((turns, period))
        for row in rows:
            row[:] = loop
            shifted = np.concatenate([loop[-1:], loop[:-1]])
            loop = damping * 0.5 * (loop + shifted)
        read = np.arange(length) * step
        return _faded(np.interp(read, np.arange(rows.size), rows.ravel()), 0.002, 0.02)

    return voice


def _organ(drawbars: dict[float, float]) -> Voice:
    def voice(frequency: float, length: int) -> Samples:
        t = np.arange(length) / RATE
        pipes = [g * np.sin(2 * np.pi * frequency * n * t) for n, g in drawbars.items()]
        return _faded(np.sum(pipes, axis=0), 0.02, 0.06)

    return voice


def _kick() -> Samples:
    t = np.arange(round(0.22 * RATE)) / RATE
    return np.asarray(np.sin(2 * np.pi * (48 * t - 4 * np.exp(-t / 0.025))) * np.exp(-t / 0.07))


def _snare(rng: np.random.Generator) -> Samples:
    t = np.arange(round(0.16 * RATE)) / RATE
    return rng.standard_normal(len(t)) * np.exp(-t / 0.05) * 0.5


def _hat(rng: np.random.Generator) -> Samples:
    t = np.arange(round(0.05 * RATE)) / RATE
    return np.diff(rng.standard_normal(len(t) + 1)) * np.exp(-t / 0.012) * 0.4


class _Score:
    """Sounds put at beats; pitches are semitones above the tonic's C."""

    def __init__(self, key: Key, cents: float, hurry: float, rng: np.random.Generator) -> None:
        self.rng, self.minor = rng, key.mode == "minor"
        self._tonic = key.tonic if key.tonic < 7 else key.tonic - 12
        self._cents, self._hurry = cents, hurry
        self._sounds: list[tuple[float, Samples]] = []
        self._cache: dict[tuple[int, int, int], Samples] = {}
        self.beat = 0.5

    def tempo(self, bpm: float) -> None:
        self.beat = 60 / (bpm * self._hurry)

    def note(self, voice: Voice, at: float, beats: float, pitch: int, gain: float) -> None:
        """``pitch``: a MIDI note if the piece were in C; ``at`` and ``beats`` in beats."""
        length = round(beats * self.beat * RATE)
        known = (id(voice), pitch, length)
        if known not in self._cache:
            frequency = 440 * 2 ** ((pitch + self._tonic - 69 + self._cents / 100) / 12)
            self._cache[known] = voice(frequency, length)
        self._sounds.append((at, gain * self._cache[known]))

    def chord(
        self, voice: Voice, at: float, beats: float, chord: Chord, low: int, gain: float
    ) -> None:
        """Every tone once, in the octave from ``low`` up, so that common tones stay."""
        for tone in chord.tones:
            self.note(voice, at, beats, low + (tone - low) % 12, gain)

    def hit(self, sound: Samples, at: float, gain: float) -> None:
        self._sounds.append((at, gain * sound))

    def tune(
        self, voice: Voice, bars: list[list[Chord]], meter: int, low: int, gain: float
    ) -> None:
        """Chord tones on the beats, some notes of the scale off them; the last is the tonic."""
        scale = (0, 2, 3, 5, 7, 8, 10) if self.minor else (0, 2, 4, 5, 7, 9, 11)
        beat = 0
        for bar in bars[:-1]:
            for count in range(meter):
                chord = bar[count * len(bar) // meter]
                if self.rng.random() < 0.8:
                    tone = chord.tones[int(self.rng.integers(3))]
                    self.note(voice, beat, 0.9, low + (tone - low) % 12, gain)
                elif count:
                    passing = int(self.rng.choice(scale))
                    self.note(voice, beat + 0.5, 0.4, low + (passing - low) % 12, gain * 0.7)
                beat += 1
        self.note(voice, beat, meter - 0.2, low + (0 - low) % 12, gain)

    def mix(self) -> Samples:
        starts = [round(at * self.beat * RATE) for at, _ in self._sounds]
        lengths = [
            start + len(sound) for start, (_, sound) in zip(starts, self._sounds, strict=True)
        ]
        track = np.zeros(max(lengths) + RATE // 4)
        for start, (_, sound) in zip(starts, self._sounds, strict=True):
            track[start : start + len(sound)] += sound
        return track


def _in_time(bars: list[list[Chord]], meter: int) -> Iterator[tuple[float, float, Chord]]:
    """(beat, beats, chord) of every chord."""
    for number, bar in enumerate(bars):
        for part, chord in enumerate(bar):
            yield meter * (number + part / len(bar)), meter / len(bar), chord


def _pop(score: _Score, bars: list[list[Chord]]) -> None:
    score.tempo(112)
    guitar, bass, lead = _string(0.996), _saw(500, 0.01), _saw(1800, 0.02, spread=8)
    for at, beats, chord in _in_time(bars, 4):
        for step in range(int(beats * 2)):
            if step % 4 != 1:
                score.chord(guitar, at + step / 2, 0.9, chord, 52, 0.25)
        for step in range(int(beats)):
            fifth = chord.tones[0] + (7 if step % 4 == 3 else 0)
            score.note(bass, at + step, 0.85, 36 + fifth % 12, 0.35)
    score.tune(lead, bars, 4, 67, 0.12)
    for beat in range(4 * len(bars)):
        score.hit(_kick() if beat % 2 == 0 else _snare(score.rng), beat, 0.5)
        score.hit(_hat(score.rng), beat + 0.5, 0.3)


def _ballad(score: _Score, bars: list[list[Chord]]) -> None:
    score.tempo(108)
    piano, lead = _fm(1.0, 1.2, 0.9), _fm(2.0, 0.8, 1.5)
    for at, beats, chord in _in_time(bars, 4):
        score.note(piano, at, beats, 36 + chord.tones[0], 0.4)
        order = (0, 2, 1, 2)
        for step in range(int(beats * 2)):
            tone = chord.tones[order[step % 4]]
            score.note(piano, at + step / 2, 1.4, 55 + (tone - 55) % 12, 0.25)
        score.chord(piano, at, beats, chord, 60, 0.12)
    score.tune(lead, bars, 4, 69, 0.2)


def _edm(score: _Score, bars: list[list[Chord]]) -> None:
    score.tempo(126)
    pad, bass, pluck = _saw(1200, 0.05, spread=12), _saw(350, 0.005), _saw(2500, 0.003)
    for at, beats, chord in _in_time(bars, 4):
        for beat in range(int(beats)):
            score.hit(_kick(), at + beat, 0.9)
            score.hit(_hat(score.rng), at + beat + 0.5, 0.4)
            score.note(bass, at + beat + 0.5, 0.45, 36 + chord.tones[0], 0.5)
            score.chord(pad, at + beat + 0.25, 0.7, chord, 55, 0.07)
        for step in range(int(beats * 4)):
            tone = chord.tones[step * 3 % len(chord.tones)]
            score.note(pluck, at + step / 4, 0.2, 72 + (tone - 72) % 12, 0.08)


def _waltz(score: _Score, bars: list[list[Chord]]) -> None:
    score.tempo(172)
    reed, bass, lead = _organ({1: 1, 2: 0.4, 3: 0.3}), _string(0.998), _string(0.997)
    for at, _, chord in _in_time(bars, 3):
        root = chord.tones[0] if at % 6 < 3 else chord.tones[2]
        score.note(bass, at, 0.9, 40 + (root - 40) % 12, 0.6)
        for beat in (1, 2):
            score.chord(reed, at + beat, 0.5, chord, 55, 0.1)
    score.tune(lead, bars, 3, 67, 0.5)


def _chorale(score: _Score, bars: list[list[Chord]]) -> None:
    score.tempo(110)
    organ = _organ({0.5: 0.4, 1: 1, 2: 0.6, 3: 0.25, 4: 0.3})
    for at, beats, chord in _in_time(bars, 4):
        score.note(organ, at, beats * 0.97, 43 + (chord.tones[0] - 43) % 12, 0.3)
        score.chord(organ, at, beats * 0.97, chord, 57, 0.2)
        score.note(organ, at, beats * 0.97, 69 + (chord.tones[0] - 69) % 12, 0.12)


def _funk(score: _Score, bars: list[list[Chord]]) -> None:
    """A riff of a few notes over the tonic, chords off the beat."""
    score.tempo(104)
    bass, keys = _string(0.997), _fm(1.0, 2.5, 0.35)
    third = 3 if score.minor else 4
    riff = ((0, 0), (0.75, 0), (1.5, 10), (2, 12), (2.75, third), (3.5, 7))
    for number, bar in enumerate(bars):
        for at, step in riff:
            score.note(bass, 4 * number + at, 0.5, 36 + step, 0.7)
        for beat in (0.5, 1.5, 2.25, 3.25):
            score.chord(keys, 4 * number + beat, 0.4, bar[0], 58, 0.2)
        for beat in range(4):
            drum = _kick() if beat % 2 == 0 else _snare(score.rng)
            score.hit(drum, 4 * number + beat, 0.5)
            score.hit(_hat(score.rng), 4 * number + beat + 0.5, 0.3)


STYLES: dict[str, Callable[[_Score, list[list[Chord]]], None]] = {
    "pop": _pop,
    "ballad": _ballad,
    "edm": _edm,
    "waltz": _waltz,
    "chorale": _chorale,
    "funk": _funk,
}
