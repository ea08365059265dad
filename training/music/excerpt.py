"""One excerpt of synthetic music: a seed becomes samples and their key."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from keyscan.keys import Key
from training.music import harmony as harmonies
from training.music import layers, mix
from training.music.drums import drum_track
from training.music.figures import draw_figure
from training.music.harmony import Harmony
from training.music.notes import Note
from training.music.timbres import SAMPLE_RATE, Timbre, draw_timbre, render, render_gliding

FloatArray = npt.NDArray[np.float32]
Part = Callable[[random.Random, Harmony], list[Note]]

SECONDS = 20.0
STYLES = {
    "loop": 0.30,
    "song": 0.16,
    "pedal": 0.14,
    "parallel": 0.05,
    "melodic": 0.10,
    "classical": 0.25,
}

# Layer, the timbre it is played with, its chance to be there, its level in dB: by style.
_BANDS: dict[str, tuple[tuple[Part, str, float, tuple[float, float]], ...]] = {
    "loop": (
        (layers.bass, "bass", 0.85, (-3, 5)),
        (layers.pad, "pad", 0.55, (-8, 2)),
        (layers.stabs, "keys", 0.45, (-7, 3)),
        (layers.arpeggio, "arp", 0.4, (-9, 2)),
        (layers.melody, "lead", 0.35, (-7, 3)),
        (layers.melody, "voice", 0.2, (-6, 4)),
        (layers.riff, "keys", 0.2, (-9, 1)),
        (layers.stray, "keys", 0.12, (-14, -4)),
    ),
    "song": (
        (layers.bass, "bass", 0.75, (-4, 4)),
        (layers.walking_bass, "bass", 0.15, (-4, 3)),
        (layers.strum, "strum", 0.5, (-6, 3)),
        (layers.stabs, "piano", 0.35, (-7, 3)),
        (layers.pad, "strings", 0.4, (-9, 2)),
        (layers.arpeggio, "piano", 0.2, (-9, 2)),
        (layers.melody, "voice", 0.45, (-4, 5)),
        (layers.melody, "lead", 0.4, (-6, 3)),
        (layers.stray, "keys", 0.12, (-14, -4)),
    ),
    "pedal": (
        (layers.bass, "bass", 0.75, (-2, 5)),
        (layers.riff, "bass", 0.4, (-4, 4)),
        (layers.riff, "lead", 0.6, (-6, 3)),
        (layers.riff, "keys", 0.4, (-8, 2)),
        (layers.drone, "drone", 0.3, (-10, 1)),
        (layers.pad, "pad", 0.3, (-9, 1)),
        (layers.stabs, "keys", 0.3, (-7, 2)),
        (layers.melody, "voice", 0.25, (-6, 3)),
        (layers.stray, "keys", 0.12, (-14, -4)),
    ),
    "parallel": (
        (layers.stabs, "keys", 1.0, (-3, 4)),
        (layers.bass, "bass", 0.7, (-4, 4)),
        (layers.pad, "pad", 0.25, (-9, 0)),
        (layers.riff, "lead", 0.2, (-9, 0)),
        (layers.stray, "keys", 0.12, (-14, -4)),
    ),
    "melodic": (
        (layers.melody, "lead", 0.8, (-2, 4)),
        (layers.melody, "voice", 0.5, (-3, 4)),
        (layers.bass, "bass", 0.55, (-6, 2)),
        (layers.drone, "drone", 0.25, (-8, 1)),
        (layers.pad, "strings", 0.35, (-10, 0)),
        (layers.arpeggio, "strum", 0.3, (-8, 1)),
    ),
}
_MAKERS: dict[str, Callable[[random.Random, Key, float], Harmony]] = {
    "loop": harmonies.loop_harmony,
    "song": harmonies.song_harmony,
    "pedal": harmonies.pedal_harmony,
    "parallel": harmonies.parallel_harmony,
    "melodic": harmonies.loop_harmony,
    "classical": harmonies.classical_harmony,
}


@dataclass(frozen=True, eq=False)
class Excerpt:
    """``samples``: mono at ``timbres.SAMPLE_RATE``, shape ``(n,)``; the key that is the truth."""

    samples: FloatArray
    key: Key
    style: str


def make_excerpt(seed: int, index: int, seconds: float = SECONDS) -> Excerpt:
    """Excerpt ``index`` of the endless series ``seed``; the same two numbers, the same samples."""
    rng = random.Random(f"{seed}/{index}")
    noise = np.random.default_rng([seed, index])
    style = rng.choices(list(STYLES), list(STYLES.values()))[0]
    key = harmonies.draw_key(rng)
    classical = style == "classical"
    tempo = (
        rng.uniform(50, 130)
        if classical
        else rng.choice((rng.uniform(70, 110), rng.uniform(110, 180)))
    )
    beat = 60.0 / tempo
    harmony = _MAKERS[style](rng, key, seconds / beat)
    samples = int(seconds * SAMPLE_RATE)
    tuning = rng.gauss(0, 6) if rng.random() < 0.8 else rng.uniform(-42, 42)
    if classical:
        mixed = _solo(rng, harmony, beat, samples, tuning)
    else:
        mixed = _band(rng, noise, style, harmony, beat, samples, tuning)
    return Excerpt(mix.master(rng, noise, mixed, plain=classical), key, style)


def _play(notes: list[Note], timbre: Timbre, beat: float, samples: int, cents: float) -> FloatArray:
    renderer = render_gliding if timbre.glide else render
    return renderer(notes, timbre, beat, samples, cents)


def _solo(
    rng: random.Random, harmony: Harmony, beat: float, samples: int, tuning: float
) -> FloatArray:
    """A keyboard, a string instrument or a small ensemble, without drums."""
    role = rng.choices(("piano", "strings", "strum", "pad", "keys"), (0.5, 0.22, 0.1, 0.08, 0.1))[0]
    notes = draw_figure(rng, harmony)
    mixed = _play(notes, draw_timbre(rng, role), beat, samples, tuning)
    if rng.random() < 0.15:
        second = _play(notes, draw_timbre(rng, "strings"), beat, samples, tuning)
        mixed = mix.at_level(mixed, 0) + mix.at_level(second, rng.uniform(-12, 0))
    return mixed


def _band(
    rng: random.Random,
    noise: np.random.Generator,
    style: str,
    harmony: Harmony,
    beat: float,
    samples: int,
    tuning: float,
) -> FloatArray:
    """Layers drawn at random, each with its own entrance, effects and level, and drums."""
    bar = int(4 * beat * SAMPLE_RATE)
    band = _BANDS[style]
    chosen = [member for member in band if rng.random() < member[2]] or [band[0]]
    mixed = np.zeros(samples, np.float32)
    for number, (part, role, _, (low, high)) in enumerate(chosen):
        timbre = draw_timbre(rng, role)
        cents = tuning + (rng.gauss(0, 4) if rng.random() < 0.3 else 0.0)
        layer = _play(part(rng, harmony), timbre, beat, samples, cents)
        if rng.random() < (0.35 if role in ("strum", "bass") else 0.1):
            layer = mix.overdrive(rng, layer)
        if rng.random() < 0.12:
            layer = mix.filter_sweep(rng, layer)
        if rng.random() < 0.1:
            layer = mix.tremolo(rng, layer, beat)
        if role != "bass" and rng.random() < 0.2:
            layer = mix.echo(rng, layer, beat)
        layer = mix.at_level(layer, rng.uniform(low, high))
        if number:
            layer = layer * mix.presence(rng, samples, bar)
        mixed += layer
    if rng.random() < 0.1:
        # A break: everything but the drums stops for a while.
        mixed *= mix.gap(rng, samples, bar)
    if rng.random() < 0.72:
        drums, duck = drum_track(rng, noise, harmony.key.tonic, beat, samples)
        if rng.random() < 0.3:
            depth = np.float32(rng.uniform(0.3, 1.0))
            mixed *= 1 - depth + depth * duck
        mixed += mix.at_level(drums, rng.uniform(-8, 6)) * mix.presence(rng, samples, bar)
    return mixed
