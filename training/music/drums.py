"""Percussion: one-shots drawn at random and placed on a groove. Pitched enough to mislead."""

from __future__ import annotations

import random

import numpy as np
import numpy.typing as npt

from training.music.timbres import SAMPLE_RATE

FloatArray = npt.NDArray[np.float32]

# Steps of a bar in sixteenths, by instrument.
_GROOVES: tuple[dict[str, tuple[int, ...]], ...] = (
    {"kick": (0, 4, 8, 12), "clap": (4, 12), "hat": (2, 6, 10, 14)},
    {"kick": (0, 4, 8, 12), "hat": tuple(range(0, 16, 2)), "tom": (7, 15)},
    {"kick": (0, 10), "snare": (4, 12), "hat": tuple(range(16))},
    {"kick": (0, 8), "snare": (4, 12), "hat": tuple(range(0, 16, 2))},
    {"kick": (0, 7, 10), "snare": (4, 12), "hat": (0, 2, 4, 6, 8, 10, 12, 14)},
    {"kick": (0, 6, 10), "snare": (4, 12, 15), "hat": tuple(range(0, 16, 2)), "click": (3, 11)},
    {"kick": (0,), "snare": (8,), "hat": tuple(range(0, 16, 2))},
    {"kick": (0, 3, 8, 11), "click": (2, 5, 8, 12), "tom": (6, 14)},
    {"tom": (0, 3, 6, 8, 11, 14), "hat": tuple(range(0, 16, 4))},
)


def _sweep(start: float, end: float, fall: float, decay: float) -> FloatArray:
    """A sine falling from ``start`` to ``end`` Hz in ``fall`` seconds, dying in ``decay``."""
    t = np.arange(int(min(1.5, 5 * decay) * SAMPLE_RATE), dtype=np.float32) / SAMPLE_RATE
    hertz = end + (start - end) * np.exp(-t / np.float32(fall))
    phase = np.cumsum(hertz) * np.float32(2 * np.pi / SAMPLE_RATE)
    return np.asarray(np.sin(phase) * np.exp(-t / np.float32(decay)), np.float32)


def _burst(noise: np.random.Generator, decay: float, brightness: float) -> FloatArray:
    """Noise dying in ``decay`` seconds; ``brightness`` 0-1 takes the low end away."""
    n = int(min(0.6, 5 * decay) * SAMPLE_RATE)
    burst = noise.standard_normal(n, dtype=np.float32)
    burst[1:] -= np.float32(brightness) * burst[:-1]
    fade = np.exp(np.arange(n, dtype=np.float32) / np.float32(-decay * SAMPLE_RATE))
    return np.asarray(burst * fade * np.float32(0.4), np.float32)


def _one_shots(rng: random.Random, noise: np.random.Generator, tonic: int) -> dict[str, FloatArray]:
    def tuned(low: float) -> float:
        """A third of the pitched drums are tuned to the key, as producers do."""
        if rng.random() < 0.33:
            hertz = 440.0 * 2 ** ((tonic - 69) / 12)
            while hertz < low:
                hertz *= 2
            return hertz
        return low * 2 ** rng.random()

    body = _sweep(tuned(170) * 1.3, tuned(150), 0.02, rng.uniform(0.03, 0.15))
    rattle = _burst(noise, rng.uniform(0.04, 0.2), rng.uniform(0.3, 0.95))
    snare = np.zeros(max(len(body), len(rattle)), np.float32)
    snare[: len(body)] += body * np.float32(rng.uniform(0.1, 1.0))
    snare[: len(rattle)] += rattle
    click_hz = tuned(500)
    return {
        "kick": _sweep(
            rng.uniform(120, 320), tuned(38), rng.uniform(0.01, 0.05), rng.uniform(0.06, 0.4)
        ),
        "snare": snare,
        "clap": _burst(noise, rng.uniform(0.05, 0.15), 0.8) * np.float32(1.5),
        "hat": _burst(noise, rng.uniform(0.01, 0.08), 0.95) * np.float32(0.5),
        "tom": _sweep(tuned(90) * 1.3, tuned(80), 0.05, rng.uniform(0.08, 0.3)),
        "click": _sweep(click_hz * 1.05, click_hz, 0.01, rng.uniform(0.01, 0.06)),
    }


def drum_track(
    rng: random.Random,
    noise: np.random.Generator,
    tonic: int,
    seconds_per_beat: float,
    samples: int,
) -> tuple[FloatArray, FloatArray]:
    """(the drums, the kick's gain curve for side-chain pumping), each of shape ``(samples,)``."""
    out = np.zeros(samples, np.float32)
    duck = np.ones(samples, np.float32)
    shots = _one_shots(rng, noise, tonic)
    groove = rng.choice(_GROOVES)
    levels = {name: rng.uniform(0.4, 1.0) for name in shots} | {"kick": rng.uniform(0.6, 1.3)}
    step = seconds_per_beat / 4 * SAMPLE_RATE
    swing = rng.uniform(0, 0.33) if rng.random() < 0.25 else 0.0
    dip_length = int(rng.uniform(0.5, 1.0) * 4 * step)
    dip = np.linspace(0, 1, dip_length, dtype=np.float32) ** 0.7
    steps = int(samples / step)
    for index in range(steps):
        fill = index % 64 >= 60 and rng.random() < 0.3
        for name, places in groove.items():
            if index % 16 not in places and not (fill and name in ("snare", "tom")):
                continue
            if rng.random() < 0.03:
                continue
            start = int((index + (swing if index % 2 else 0)) * step)
            shot = shots[name][: max(0, samples - start)]
            out[start : start + len(shot)] += shot * np.float32(levels[name] * rng.uniform(0.8, 1))
            if name == "kick":
                stop = min(samples, start + dip_length)
                duck[start:stop] = np.minimum(duck[start:stop], dip[: stop - start])
    return out, duck
