"""Mix layers into a finished excerpt: effects, balance, and the artefacts of recordings."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import fft, signal

from training.music.timbres import SAMPLE_RATE

FloatArray = npt.NDArray[np.float32]


def rms(samples: FloatArray) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float32)) + 1e-12))


def at_level(samples: FloatArray, decibels: float) -> FloatArray:
    """Scale to an RMS level; silence stays silent."""
    level = rms(samples)
    if level < 1e-5:
        return samples
    return np.asarray(samples * np.float32(10 ** (decibels / 20) / level), np.float32)


def _seams(rng: random.Random, samples: int, bar: int, starts: Sequence[int]) -> Sequence[int]:
    """Where an arrangement changes: mostly where a loop or section begins, else at any bar."""
    if starts and rng.random() < 0.85:
        return starts
    return range(bar, samples, bar) or (samples // 2,)


def presence(rng: random.Random, samples: int, bar: int, starts: Sequence[int]) -> FloatArray:
    """A layer's gain over time: it can enter late, end early, drop out, or fade.

    ``starts``: the samples at which a loop or section begins.
    """
    gain = np.ones(samples, np.float32)
    seams = _seams(rng, samples, bar, starts)
    if rng.random() < 0.33:
        gain[: rng.choice(seams[: max(1, 2 * len(seams) // 3)])] = 0
    if rng.random() < 0.25:
        gain[rng.choice(seams[len(seams) // 3 :]) :] = 0
    if rng.random() < 0.18:
        end = rng.choice(seams)
        gain[max(0, end - rng.choice((bar // 4, bar // 2, bar, 2 * bar))) : end] = 0
    if rng.random() < 0.15:
        gain *= _ramp(rng, 0.05, samples)
    return gain


def _ramp(rng: random.Random, low: float, samples: int) -> FloatArray:
    """A ramp from ``low`` to 1, or back."""
    first, last = rng.choice(((low, 1.0), (1.0, low)))
    return np.linspace(first, last, samples, dtype=np.float32)


def gap(rng: random.Random, samples: int, bar: int, starts: Sequence[int]) -> FloatArray:
    """A gain curve with a silence of up to four bars; ``starts``: as in ``presence``."""
    gain = np.ones(samples, np.float32)
    end = rng.choice(_seams(rng, samples, bar, starts))
    gain[max(0, end - rng.choice((bar // 4, bar, 2 * bar, 4 * bar))) : end] = 0
    return gain


def tremolo(rng: random.Random, samples: FloatArray, seconds_per_beat: float) -> FloatArray:
    """A gate or a tremolo in time with the beat."""
    period = rng.choice((0.25, 0.5, 1.0, 1 / 3)) * seconds_per_beat * SAMPLE_RATE
    phase = (np.arange(len(samples), dtype=np.float32) / np.float32(period)) % 1
    shape = 0.5 + 0.5 * np.cos(2 * np.pi * phase) if rng.random() < 0.5 else phase < 0.6
    depth = np.float32(rng.uniform(0.4, 1.0))
    return np.asarray(samples * (1 - depth + depth * shape), np.float32)


def overdrive(rng: random.Random, samples: FloatArray) -> FloatArray:
    """Soft clipping of an amplifier, sometimes asymmetric, with intermodulation."""
    bias = np.float32(rng.choice((0.0, 0.0, 0.3)))
    driven = np.tanh(at_level(samples, rng.uniform(-6, 16)) + bias) - np.tanh(bias)
    return np.asarray(driven, np.float32)


def filter_sweep(rng: random.Random, samples: FloatArray) -> FloatArray:
    """A low-pass sweep over the excerpt: a cross-fade between two fixed filters."""
    cutoff = np.exp(rng.uniform(np.log(100), np.log(600)))
    pole = np.float32(np.exp(-2 * np.pi * cutoff / SAMPLE_RATE))
    dark = signal.lfilter([1 - pole], [1, -pole], samples).astype(np.float32)
    ramp = _ramp(rng, 0.0, len(samples))
    return np.asarray(samples * ramp + dark * (1 - ramp), np.float32)


def echo(rng: random.Random, samples: FloatArray, seconds_per_beat: float) -> FloatArray:
    """A feedback delay in time with the beat."""
    delay = int(rng.choice((0.5, 0.75, 1.0, 1 / 3)) * seconds_per_beat * SAMPLE_RATE)
    feedback = rng.uniform(0.2, 0.6)
    out = samples.copy()
    for repeat in range(1, 5):
        shift = repeat * delay
        if shift >= len(out):
            break
        out[shift:] += samples[:-shift] * np.float32(feedback**repeat)
    return out


def _equaliser(rng: random.Random, hertz: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """A smooth random curve over log frequency, sometimes with a high-pass or low-pass."""
    knots = np.linspace(np.log2(40), np.log2(2800), 7)
    spread = rng.choice((2.0, 4.0, 7.0))
    gains = [rng.gauss(0, spread) for _ in knots]
    decibels = np.interp(np.log2(np.maximum(hertz, 40)), knots, gains)
    if rng.random() < 0.3:
        corner = np.exp(rng.uniform(np.log(40), np.log(300)))
        decibels -= 12 * np.maximum(np.log2(corner / np.maximum(hertz, 1)), 0)
    if rng.random() < 0.2:
        corner = np.exp(rng.uniform(np.log(500), np.log(2000)))
        decibels -= rng.choice((6, 12)) * np.maximum(np.log2(np.maximum(hertz, 1) / corner), 0)
    return np.asarray(10 ** (np.maximum(decibels, -60) / 20))


def room_and_equaliser(
    rng: random.Random, noise: np.random.Generator, samples: FloatArray, wet: float
) -> FloatArray:
    """Reverberation (exponentially decaying noise) and the equaliser, in one pass."""
    decay = rng.uniform(0.15, 1.2) if rng.random() < 0.8 else rng.uniform(1.2, 3.0)
    tail = int(min(3.0, 3 * decay) * SAMPLE_RATE)
    size = fft.next_fast_len(len(samples) + tail, real=True)
    impulse = noise.standard_normal(tail, dtype=np.float32)
    impulse *= np.exp(np.arange(tail, dtype=np.float32) / np.float32(-decay / 3 * SAMPLE_RATE))
    impulse *= np.float32(wet) / np.sqrt(np.square(impulse).sum())
    impulse[0] += 1
    hertz = np.arange(size // 2 + 1) * (SAMPLE_RATE / size)
    spectrum = fft.rfft(samples, size) * fft.rfft(impulse, size)
    spectrum *= _equaliser(rng, hertz).astype(np.float32)
    return np.asarray(fft.irfft(spectrum, size)[: len(samples)], np.float32)


def background(rng: random.Random, noise: np.random.Generator, samples: int) -> FloatArray:
    """Hiss, rumble, crackle, crowd, or a riser; unit level."""
    kind = rng.choice(("white", "brown", "crackle", "riser", "babble", "siren"))
    white = noise.standard_normal(samples, dtype=np.float32)
    t = np.arange(samples, dtype=np.float32) / SAMPLE_RATE
    if kind == "brown":
        white = signal.lfilter([1.0], [1, -0.97], white).astype(np.float32)
    elif kind == "crackle":
        white = np.where(np.abs(white) > 3.2, white * 5, 0).astype(np.float32)
    elif kind == "riser":
        white *= (t % rng.choice((4.0, 8.0))) ** 2
    elif kind == "babble":
        white = babble(rng, noise, samples)
    elif kind == "siren":
        sweep = 300 * 2 ** (rng.uniform(0.5, 1.5) * np.sin(2 * np.pi * rng.uniform(0.05, 0.5) * t))
        white = np.sin(np.cumsum(sweep) * np.float32(2 * np.pi / SAMPLE_RATE)).astype(np.float32)
    return at_level(white, 0.0)


def babble(rng: random.Random, noise: np.random.Generator, samples: int) -> FloatArray:
    """Speech-like sound: a harmonic voice in syllables with a pitch outside any scale."""
    knots = samples // (SAMPLE_RATE // 5) + 2
    at = np.arange(samples) / (SAMPLE_RATE / 5)
    base = rng.uniform(90, 260)
    hertz = base * 2 ** np.interp(at, np.arange(knots), noise.normal(0, 0.25, knots))
    level = np.interp(at, np.arange(knots), np.maximum(noise.normal(0.3, 0.6, knots), 0))
    phase = np.cumsum(hertz) * (2 * np.pi / SAMPLE_RATE)
    voice = sum(np.sin(k * phase) / k for k in range(1, 8))
    return np.asarray(voice * level, np.float32)


def wow(rng: random.Random, samples: FloatArray) -> FloatArray:
    """The slow pitch drift of tape and vinyl: resampling with a modulated clock."""
    n = len(samples)
    t = np.arange(n)
    rate = rng.uniform(0.3, 2.0)
    depth = rng.uniform(0.0005, 0.003) * SAMPLE_RATE / (2 * np.pi * rate)
    return np.interp(t + depth * np.sin(2 * np.pi * rate * t / SAMPLE_RATE), t, samples).astype(
        np.float32
    )


def master(
    rng: random.Random, noise: np.random.Generator, samples: FloatArray, plain: bool
) -> FloatArray:
    """Apply room, equaliser, saturation and noise, and set a level as in real tracks."""
    wet = rng.uniform(0.1, 0.9) if plain else rng.choice((0.0, 0.1, 0.3, 0.7)) * rng.random()
    mixed = at_level(room_and_equaliser(rng, noise, samples, wet), 0.0)
    if not plain and rng.random() < 0.5:
        drive = rng.uniform(0.3, 3.0)
        mixed = np.tanh(mixed * np.float32(drive))
    if rng.random() < 0.1:
        mixed = wow(rng, mixed)
    mixed = at_level(mixed, 0.0)
    if rng.random() < (0.15 if plain else 0.35):
        mixed = mixed + background(rng, noise, len(mixed)) * np.float32(10 ** rng.uniform(-2, -0.4))
    hiss = np.float32(10 ** rng.uniform(-4, -2))
    mixed = mixed + noise.standard_normal(len(mixed), dtype=np.float32) * hiss
    return at_level(mixed, rng.uniform(-26, -8))
