"""Percussion: random one-shots on a groove; many are pitched, as distractors."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt

from training.music.timbres import SAMPLE_RATE

FloatArray = npt.NDArray[np.float32]

# Steps of a bar in sixteenths, by instrument.
GROOVES: dict[str, dict[str, tuple[int, ...]]] = {
    "four": {"kick": (0, 4, 8, 12), "clap": (4, 12), "hat": (2, 6, 10, 14)},
    "disco": {"kick": (0, 4, 8, 12), "snare": (4, 12), "hat": (0, 2, 3, 4, 6, 7, 8, 10, 11, 14)},
    "toms": {"kick": (0, 4, 8, 12), "hat": tuple(range(0, 16, 2)), "tom": (7, 15)},
    "sixteen": {"kick": (0, 10), "snare": (4, 12), "hat": tuple(range(16))},
    "rock": {"kick": (0, 8), "snare": (4, 12), "hat": tuple(range(0, 16, 2))},
    "eight": {"kick": (0, 2, 8, 10), "snare": (4, 12), "hat": tuple(range(0, 16, 2))},
    "break": {"kick": (0, 7, 10), "snare": (4, 12), "hat": (0, 2, 4, 6, 8, 10, 12, 14)},
    "two step": {
        "kick": (0, 6, 10),
        "snare": (4, 12, 15),
        "hat": tuple(range(0, 16, 2)),
        "click": (3, 11),
    },
    "half": {"kick": (0,), "snare": (8,), "hat": tuple(range(0, 16, 2))},
    "click": {"kick": (0, 3, 8, 11), "click": (2, 5, 8, 12), "tom": (6, 14)},
    "tribal": {"tom": (0, 3, 6, 8, 11, 14), "hat": tuple(range(0, 16, 4))},
    "shuffle": {"kick": (0, 8), "snare": (4, 12), "hat": (0, 3, 4, 7, 8, 11, 12, 15)},
    "swing": {"hat": (0, 4, 7, 8, 12, 15), "click": (4, 12), "kick": (0,)},
    "brushes": {"hat": (0, 4, 7, 8, 12, 15), "clap": (2, 6, 10, 14)},
    "train": {"kick": (0, 8), "snare": tuple(range(16)), "hat": (4, 12)},
    "bossa": {"kick": (0, 6, 8, 14), "click": (0, 3, 6, 10, 13), "hat": tuple(range(0, 16, 2))},
    "funk": {"kick": (0, 2, 7, 10), "snare": (4, 9, 12, 15), "hat": tuple(range(16))},
    "one drop": {"kick": (8,), "click": (8,), "hat": (2, 6, 10, 14)},
    "steppers": {"kick": (0, 4, 8, 12), "click": (8,), "hat": (2, 6, 10, 14)},
    "dembow": {"kick": (0, 4, 8, 12), "snare": (3, 6, 11, 14), "hat": tuple(range(0, 16, 2))},
    "boom bap": {"kick": (0, 5, 10), "snare": (4, 12), "hat": tuple(range(0, 16, 2))},
    "trap": {"kick": (0, 7, 14), "clap": (8,), "hat": (*range(0, 16, 2), 11, 13)},
    "blast": {"kick": tuple(range(0, 16, 2)), "snare": tuple(range(1, 16, 2)), "hat": (0, 8)},
    "double kick": {"kick": tuple(range(16)), "snare": (4, 12), "hat": (0, 4, 8, 12)},
}
_KIT_NOTES = {
    "kick": (35, 36),
    "snare": (38, 40),
    "clap": (39,),
    "hat": (42, 44, 46, 51, 59),
    "tom": (41, 43, 45, 47, 48, 50, 60, 61, 63, 64),
    "click": (37, 54, 56, 62, 69, 75, 76),
}


def _sweep(start: float, end: float, fall: float, decay: float) -> FloatArray:
    """A sine falling from ``start`` to ``end`` Hz in ``fall`` seconds; ``decay`` in seconds."""
    t = np.arange(int(min(1.5, 5 * decay) * SAMPLE_RATE), dtype=np.float32) / SAMPLE_RATE
    hertz = end + (start - end) * np.exp(-t / np.float32(fall))
    phase = np.cumsum(hertz) * np.float32(2 * np.pi / SAMPLE_RATE)
    return np.asarray(np.sin(phase) * np.exp(-t / np.float32(decay)), np.float32)


def _burst(noise: np.random.Generator, decay: float, brightness: float) -> FloatArray:
    """Noise that decays in ``decay`` seconds; ``brightness`` 0-1 removes low frequencies."""
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


def _sampled_shots(rng: random.Random, kit: Mapping[int, FloatArray]) -> dict[str, FloatArray]:
    """One recorded shot per instrument, as loud as the synthesised ones."""
    shots = {}
    for name, notes in _KIT_NOTES.items():
        recorded = [kit[note] for note in notes if note in kit and len(kit[note])]
        if recorded:
            shot = rng.choice(recorded)
            shots[name] = shot / np.float32(np.abs(shot).max() + 1e-6)
    return shots


def drum_track(
    rng: random.Random,
    noise: np.random.Generator,
    tonic: int,
    seconds_per_beat: float,
    samples: int,
    groove: str | None = None,
    kit: Mapping[int, FloatArray] | None = None,
    starts: Iterable[float] = (),
) -> tuple[FloatArray, FloatArray]:
    """(the drums, the kick's gain curve for side-chain pumping), each of shape ``(samples,)``.

    ``groove`` None: a random one of ``GROOVES``; ``kit``: sampled one-shots by General MIDI note;
    ``starts``: the beats at which a loop or section begins, which fills lead to.
    """
    out = np.zeros(samples, np.float32)
    duck = np.ones(samples, np.float32)
    shots = _one_shots(rng, noise, tonic)
    if kit:
        shots |= _sampled_shots(rng, kit)
    pattern = GROOVES[groove or rng.choice(list(GROOVES))]
    levels = {name: rng.uniform(0.4, 1.0) for name in shots} | {"kick": rng.uniform(0.6, 1.3)}
    step = seconds_per_beat / 4 * SAMPLE_RATE
    swing = rng.uniform(0, 0.33) if rng.random() < 0.25 else 0.0
    dip_length = int(rng.uniform(0.5, 1.0) * 4 * step)
    dip = np.linspace(0, 1, dip_length, dtype=np.float32) ** 0.7
    steps = int(samples / step)
    seams = {round(4 * start) for start in starts} or set(range(64, steps, 64))
    filled = {seam - k for seam in seams for k in range(1, rng.choice((3, 5, 9)))}
    stopped = {seam - k for seam in seams for k in range(1, rng.choice((5, 9, 17)))}
    fills, stops, crashes = rng.random() < 0.6, rng.random() < 0.15, rng.random() < 0.5
    for index in range(steps):
        if stops and index in stopped:
            continue
        if crashes and index in seams:
            start = int(index * step)
            crash = _burst(noise, 0.12, 0.5)[: max(0, samples - start)]
            out[start : start + len(crash)] += crash * np.float32(1.5)
        fill = fills and index in filled and rng.random() < 0.6
        for name, places in pattern.items():
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
