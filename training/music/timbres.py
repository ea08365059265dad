"""Additive instruments: render notes with wavetables, decaying partials and envelopes.

All sound is band-limited to the front end's range, at ``SAMPLE_RATE``.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from training.music.notes import Note

FloatArray = npt.NDArray[np.float32]

SAMPLE_RATE = 5600
_TABLE = 1024
_TOP_HZ = 2650.0
_SPECTRA = (
    "saw", "square", "triangle", "sine", "organ", "formant", "fm", "strings", "reed", "random",
)  # fmt: skip
_VOWELS = ((700, 1150), (400, 2000), (300, 870), (300, 2300), (500, 1000), (640, 1190))


@dataclass(frozen=True)
class Timbre:
    """The sound of one instrument; drawn by ``draw_timbre``.

    ``cutoff`` in Hz, ``slope`` in dB per octave above it; ``tracking`` 0-1 moves the cutoff with
    the pitch. ``decay`` in seconds (0: sustained) applies to the fundamental; higher partials decay
    faster by ``damping``. ``voices`` are detunings in cents. ``stretch``: string inharmonicity.
    """

    spectrum: str
    seed: int
    cutoff: float
    slope: float
    tracking: float
    attack: float
    release: float
    decay: float
    damping: float
    voices: tuple[float, ...]
    vibrato_cents: float
    vibrato_hz: float
    stretch: float
    fundamental: float
    glide: float


def _envelope(rng: random.Random, role: str) -> tuple[float, float, float]:
    """(attack, release, decay) in seconds for a role."""
    if role in ("pad", "drone"):
        return rng.uniform(0.01, 0.6), rng.uniform(0.05, 0.8), 0.0
    struck = rng.random() < (0.75 if role in ("keys", "arp", "strum") else 0.4)
    decay = rng.choice((0.12, 0.25, 0.5, 1.0, 2.0)) * rng.uniform(0.7, 1.4) if struck else 0.0
    return rng.uniform(0.002, 0.03), rng.uniform(0.01, 0.25), decay


def draw_timbre(rng: random.Random, role: str) -> Timbre:
    """``role``: bass, pad, drone, keys, arp, lead, voice, strum, piano or strings (plain ones)."""
    attack, release, decay = _envelope(rng, role)
    spectrum = rng.choice(_SPECTRA)
    stretch, vibrato = 0.0, 0.0
    voices: tuple[float, ...] = (0.0,)
    damping = rng.uniform(0.0, 0.8)
    cutoff = float(np.exp(rng.uniform(np.log(250), np.log(5000))))
    fundamental = 1.0 if rng.random() < 0.8 else rng.uniform(0.05, 0.6)
    if role == "piano":
        spectrum, decay = "piano", rng.uniform(0.5, 2.5)
        stretch = rng.uniform(0.0, 6e-4)
        attack, release = 0.003, rng.uniform(0.05, 0.5)
        cutoff, damping, fundamental = rng.uniform(500, 3000), rng.uniform(0.2, 0.9), 1.0
    elif role == "strings":
        spectrum = rng.choice(("strings", "saw", "organ", "reed"))
        attack, release, decay = rng.uniform(0.02, 0.15), rng.uniform(0.05, 0.3), 0.0
        vibrato = rng.uniform(0, 25)
    elif role == "strum":
        spectrum, stretch, decay = "saw", rng.uniform(0, 2e-4), rng.uniform(0.4, 2.0)
    elif role == "voice":
        spectrum, vibrato, decay = "formant", rng.uniform(10, 60), 0.0
        attack = rng.uniform(0.02, 0.1)
    elif role == "bass":
        cutoff = float(np.exp(rng.uniform(np.log(90), np.log(1500))))
        spectrum = rng.choice(("saw", "square", "sine", "triangle", "fm", "random"))
    if role in ("pad", "lead", "arp", "keys") and rng.random() < 0.4:
        width = rng.uniform(3, 22)
        voices = (-width, width) if rng.random() < 0.5 else (-width, 0.3 * width, width)
    if role == "lead" and rng.random() < 0.4:
        vibrato = rng.uniform(5, 40)
    if decay and spectrum in ("saw", "random") and rng.random() < 0.3:
        stretch = rng.uniform(0, 8e-4)
    gliding = role in ("voice", "lead", "bass") and rng.random() < (
        0.6 if role == "voice" else 0.15
    )
    return Timbre(
        spectrum=spectrum,
        seed=rng.randrange(1 << 30),
        cutoff=cutoff,
        slope=rng.choice((3.0, 6.0, 12.0, 24.0)),
        tracking=rng.choice((0.0, 0.5, 1.0)),
        attack=attack,
        release=release,
        decay=decay,
        damping=damping,
        voices=voices,
        vibrato_cents=vibrato,
        vibrato_hz=rng.uniform(3.5, 7.0),
        stretch=stretch,
        fundamental=fundamental,
        glide=rng.uniform(0.03, 0.12) if gliding else 0.0,
    )


def partial_amplitudes(timbre: Timbre, frequency: float) -> npt.NDArray[np.float64]:
    """Amplitudes of the partials 1, 2, ... below the band limit, for a note at ``frequency`` Hz."""
    count = max(1, min(40, int(_TOP_HZ / frequency)))
    n = np.arange(1, count + 1)
    draw = np.random.default_rng(timbre.seed)
    shapes: dict[str, Callable[[], npt.NDArray[Any]]] = {
        "saw": lambda: 1 / n,
        "square": lambda: (n % 2) / n,
        "triangle": lambda: (n % 2) / n**2.0,
        "sine": lambda: np.where(n == 1, 1.0, 0.02 / n),
        "organ": lambda: np.where(np.isin(n, (1, 2, 3, 4, 6, 8)), draw.random(40)[:count], 0.0),
        "formant": lambda: 1 / n,
        "fm": lambda: (
            np.exp(-(((n - 1) / draw.uniform(0.5, 5)) ** 2)) * (0.4 + draw.random(40)[:count])
        ),
        "strings": lambda: (0.3 + draw.random(40)[:count]) / n,
        "reed": lambda: np.where(n % 2 == 1, 1.0, draw.uniform(0.05, 0.5)) / n**0.7,
        "random": lambda: draw.random(40)[:count] ** 2 / n**0.5,
        "piano": lambda: (0.5 + draw.random(40)[:count]) / n,
    }
    amplitudes = np.asarray(shapes[timbre.spectrum](), dtype=np.float64)
    hertz = n * frequency
    if timbre.spectrum == "formant":
        shape = np.full(count, 0.05)
        for centre in _VOWELS[timbre.seed % len(_VOWELS)]:
            shape += np.exp(-(((hertz - centre) / 180.0) ** 2))
        amplitudes *= shape
    cutoff = timbre.cutoff * (frequency / 200.0) ** timbre.tracking
    above = np.maximum(np.log2(hertz / cutoff), 0)
    amplitudes = amplitudes * 10 ** (-timbre.slope * above / 20)
    amplitudes[0] *= timbre.fundamental
    return np.asarray(amplitudes / (np.sqrt((amplitudes**2).sum()) + 1e-9))


def _phases(timbre: Timbre, frequency: float, samples: int, cents: float) -> FloatArray:
    """Cycles since the start of a note, with vibrato."""
    t = np.arange(samples, dtype=np.float32) / SAMPLE_RATE
    hertz = frequency * 2 ** (cents / 1200)
    phase = t * np.float32(hertz)
    if timbre.vibrato_cents:
        depth = hertz * (2 ** (timbre.vibrato_cents / 1200) - 1) / (2 * np.pi * timbre.vibrato_hz)
        phase += np.float32(depth) * np.sin(np.float32(2 * np.pi * timbre.vibrato_hz) * t)
    return np.asarray(phase, np.float32)


def raw_tone(timbre: Timbre, frequency: float, samples: int) -> FloatArray:
    """A note without attack and release, shape ``(samples,)``, with a peak power of about 1."""
    amplitudes = partial_amplitudes(timbre, frequency)
    t = np.arange(samples, dtype=np.float32) / SAMPLE_RATE
    if timbre.stretch:
        n = np.arange(1, len(amplitudes) + 1)
        hertz = n * frequency * np.sqrt(1 + timbre.stretch * n**2)
        kept = np.flatnonzero((amplitudes > 0.01) & (hertz < _TOP_HZ))[:10]
        rates = (1 + timbre.damping * (n - 1)) / max(timbre.decay, 0.05)
        angles = (2 * np.pi * hertz[kept, None]).astype(np.float32) * t
        fades = np.exp(-rates[kept, None].astype(np.float32) * t)
        weights = amplitudes[kept].astype(np.float32)
        return np.asarray(weights @ (np.sin(angles) * fades), dtype=np.float32)
    groups: tuple[tuple[int, int], ...] = ((0, len(amplitudes)),)
    if timbre.decay and timbre.damping > 0.1:
        groups = tuple((a, b) for a, b in ((0, 2), (2, 5), (5, 40)) if a < len(amplitudes))
    tone = np.zeros(samples, np.float32)
    steps = []
    for cents in timbre.voices:
        cycles = _phases(timbre, frequency, samples, cents)
        steps.append((cycles * _TABLE).astype(np.int64) & (_TABLE - 1))
    for low, high in groups:
        spectrum = np.zeros(_TABLE // 2 + 1, np.complex128)
        part = amplitudes[low:high]
        turns = np.exp(2j * np.pi * np.random.default_rng(timbre.seed + 1).random(40)[: len(part)])
        spectrum[low + 1 : low + 1 + len(part)] = part * turns * _TABLE / 2
        wave = np.fft.irfft(spectrum).astype(np.float32)
        layer = sum((wave[step] for step in steps[1:]), wave[steps[0]])
        if timbre.decay:
            rate = (1 + timbre.damping * low) / timbre.decay
            layer = layer * np.exp(np.float32(-rate) * t)
        tone += layer
    return tone


def render(
    notes: Sequence[Note], timbre: Timbre, seconds_per_beat: float, samples: int, cents: float
) -> FloatArray:
    """Render the notes, shape ``(samples,)``; each pitch is computed once, then cut and shaped."""
    out = np.zeros(samples, np.float32)
    tail = int(timbre.release * SAMPLE_RATE)
    longest: dict[int, float] = {}
    for note in notes:
        longest[note.pitch] = max(longest.get(note.pitch, 0.0), note.length)
    tones: dict[int, FloatArray] = {}
    attack = np.linspace(0, 1, max(2, int(timbre.attack * SAMPLE_RATE)), dtype=np.float32)
    release = np.linspace(1, 0, max(2, tail), dtype=np.float32)
    for note in notes:
        start = int(note.start * seconds_per_beat * SAMPLE_RATE)
        if start >= samples:
            continue
        tone = tones.get(note.pitch)
        if tone is None:
            length = int(longest[note.pitch] * seconds_per_beat * SAMPLE_RATE) + tail + 2
            frequency = 440.0 * 2 ** ((note.pitch - 69 + cents / 100) / 12)
            tone = raw_tone(timbre, frequency, min(length, samples))
            tones[note.pitch] = tone
        held = int(note.length * seconds_per_beat * SAMPLE_RATE) + tail
        piece = tone[: min(held, len(tone), samples - start)] * np.float32(note.velocity)
        rise = min(len(attack), len(piece))
        piece[:rise] *= attack[:rise]
        fall = min(len(release), len(piece))
        if held <= samples - start:
            piece[-fall:] *= release[-fall:]
        out[start : start + len(piece)] += piece
    return out


def render_gliding(
    notes: Sequence[Note], timbre: Timbre, seconds_per_beat: float, samples: int, cents: float
) -> FloatArray:
    """Render one voice with glides between notes (singers, acid basses), shape ``(samples,)``."""
    pitch = np.zeros(samples, np.float32)
    level = np.zeros(samples, np.float32)
    ordered = sorted(notes, key=lambda note: note.start)
    if not ordered:
        return level
    pitch[:] = ordered[0].pitch
    for note in ordered:
        start = int(note.start * seconds_per_beat * SAMPLE_RATE)
        stop = min(samples, start + int(note.length * seconds_per_beat * SAMPLE_RATE))
        pitch[start:] = note.pitch
        level[start:stop] = note.velocity
    width = max(2, int(timbre.glide * SAMPLE_RATE))
    pitch = _smooth(pitch, width)
    level = _smooth(level, max(2, int(0.03 * SAMPLE_RATE)))
    t = np.arange(samples, dtype=np.float32) / SAMPLE_RATE
    wobble = np.sin(np.float32(2 * np.pi * timbre.vibrato_hz) * t) * np.float32(
        timbre.vibrato_cents / 100
    )
    hertz = 440.0 * np.exp2((pitch + wobble - 69 + cents / 100) / 12)
    middle = 440.0 * 2 ** ((float(np.median(pitch)) - 69) / 12)
    amplitudes = partial_amplitudes(timbre, max(middle, float(hertz.max()) * 0.8))
    spectrum = np.zeros(_TABLE // 2 + 1, np.complex128)
    spectrum[1 : 1 + len(amplitudes)] = -0.5j * amplitudes * _TABLE
    wave = np.fft.irfft(spectrum).astype(np.float32)
    cycles = np.cumsum(hertz / SAMPLE_RATE, dtype=np.float64)
    return np.asarray(wave[(cycles * _TABLE).astype(np.int64) & (_TABLE - 1)] * level, np.float32)


def _smooth(signal: FloatArray, width: int) -> FloatArray:
    """A moving average over the last ``width`` samples."""
    padded = np.concatenate([np.full(width, signal[0], np.float32), signal])
    sums = np.cumsum(padded, dtype=np.float64)
    return ((sums[width:] - sums[:-width]) / width).astype(np.float32)
