"""Make one excerpt of synthetic music and its key from a seed."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from keyscan.keys import Key
from training.music import comping, mix
from training.music import harmony as harmonies
from training.music.bands import BANDS
from training.music.drums import drum_track
from training.music.figures import draw_figure
from training.music.genres import GENRES
from training.music.harmony import Harmony
from training.music.notes import Note
from training.music.players import Player
from training.music.sampled import SoundBank
from training.music.songs import song
from training.music.timbres import SAMPLE_RATE, draw_timbre, render, render_gliding

FloatArray = npt.NDArray[np.float32]

SECONDS = 20.0
FREE_STYLES = {
    "loop": 0.30,
    "song": 0.16,
    "pedal": 0.14,
    "parallel": 0.05,
    "melodic": 0.10,
    "classical": 0.25,
}
GENRE_SHARE = 0.55
LOOP_SHARE = 0.1
"""Of excerpts that repeat a few bars of one to three players, as in sample packs."""
_LOOPED = ("dance", "dance", "hip hop", "funk", "disco", "soul", *BANDS)
STYLES = {name: weight * (1 - GENRE_SHARE) for name, weight in FREE_STYLES.items()} | {
    name: genre.weight * GENRE_SHARE / sum(g.weight for g in GENRES.values())
    for name, genre in GENRES.items()
}

_MAKERS: dict[str, Callable[[random.Random, Key, float], Harmony]] = {
    "loop": harmonies.loop_harmony,
    "song": harmonies.song_harmony,
    "pedal": harmonies.pedal_harmony,
    "parallel": harmonies.parallel_harmony,
    "melodic": harmonies.loop_harmony,
}
# Soloists by the role of the additive timbre: share, sampled families.
_SOLOISTS: dict[str, tuple[float, tuple[str, ...]]] = {
    "piano": (0.5, ("piano",)),
    "strings": (0.22, ("strings", "reeds", "flutes", "brass")),
    "strum": (0.1, ("guitar", "plucked")),
    "pad": (0.08, ("strings", "choir")),
    "keys": (0.1, ("organ", "piano", "accordion", "mallets")),
}


@dataclass(frozen=True, eq=False)
class Excerpt:
    """``samples``: mono at ``timbres.SAMPLE_RATE``, shape ``(n,)``; ``key``: the true key."""

    samples: FloatArray
    key: Key
    style: str


@dataclass(frozen=True)
class Scene:
    """What all parts of an excerpt share; ``beat`` in seconds, ``tuning`` in cents."""

    rng: random.Random
    noise: np.random.Generator
    harmony: Harmony
    beat: float
    samples: int
    tuning: float
    bank: SoundBank | None

    @property
    def bar(self) -> int:
        return int(4 * self.beat * SAMPLE_RATE)

    @property
    def starts(self) -> tuple[int, ...]:
        """The samples at which a loop or section begins."""
        return tuple(int(start * self.beat * SAMPLE_RATE) for start in self.harmony.starts)

    def play(
        self, notes: Sequence[Note], role: str, families: Sequence[str], sampled: float
    ) -> FloatArray:
        """Render the notes on a random instrument, sampled or additive."""
        rng = self.rng
        cents = self.tuning + (rng.gauss(0, 12 if role == "voice" else 4) if self._off() else 0.0)
        if self.bank and rng.random() < sampled:
            instruments = self.bank.family(rng.choice(families))
            if instruments:
                instrument = rng.choice(instruments)
                return self.bank.play(notes, instrument, self.beat, self.samples, cents)
        timbre = draw_timbre(rng, role)
        renderer = render_gliding if timbre.glide else render
        return renderer(list(notes), timbre, self.beat, self.samples, cents)

    def _off(self) -> bool:
        return self.rng.random() < 0.3


def make_excerpt(
    seed: int, index: int, seconds: float = SECONDS, bank: SoundBank | None = None
) -> Excerpt:
    """Excerpt ``index`` of the series ``seed``; the same arguments give the same samples.

    Without a ``bank`` of sampled instruments all timbres are additive.
    """
    rng = random.Random(f"{seed}/{index}")
    noise = np.random.default_rng([seed, index])
    looped = rng.random() < LOOP_SHARE
    style = rng.choice(_LOOPED) if looped else rng.choices(list(STYLES), list(STYLES.values()))[0]
    tuning = rng.gauss(0, 7) if rng.random() < 0.7 else rng.uniform(-48, 48)
    beat = 60.0 / draw_tempo(rng, style)
    length = seconds
    if looped:
        length = min(seconds, rng.choice((1, 2, 2, 4, 4, 8)) * 4 * beat)
    harmony = _harmony(rng, style, length / beat)
    scene = Scene(rng, noise, harmony, beat, int(length * SAMPLE_RATE), tuning, bank)
    if looped:
        mixed = np.resize(_loop(scene, style), int(seconds * SAMPLE_RATE))  # repeats it
    elif style == "classical":
        mixed = _solo(scene)
    elif style in GENRES:
        mixed = _genre(scene, style)
    else:
        mixed = _band(scene, BANDS[style], 0.0)
        if rng.random() < 0.72:
            mixed = _with_drums(scene, mixed, None, (-8, 6))
    plain = style == "classical"
    return Excerpt(mix.master(rng, noise, mixed, plain=plain), harmony.key, style)


def draw_tempo(rng: random.Random, style: str) -> float:
    """Beats per minute."""
    if style in GENRES:
        return rng.uniform(*GENRES[style].tempo)
    if style == "classical":
        return rng.uniform(50, 130)
    return rng.choice((rng.uniform(70, 110), rng.uniform(110, 180)))


def _harmony(rng: random.Random, style: str, beats: float) -> Harmony:
    if style in GENRES:
        genre = GENRES[style]
        return song(rng, genre.writing, harmonies.draw_key(rng, genre.minor), beats)
    if style == "classical":
        return harmonies.classical_harmony(rng, harmonies.draw_key(rng, 0.45), beats)
    return _MAKERS[style](rng, harmonies.draw_key(rng, harmonies.MINOR_SHARE), beats)


def make_part(seed: int, index: int, bank: SoundBank, seconds: float = SECONDS) -> Excerpt:
    """One player of a band alone, such as a bass, a pad, an arpeggio or a voice.

    Part ``index`` of the series ``seed``; the same arguments give the same samples.
    """
    rng = random.Random(f"part/{seed}/{index}")
    noise = np.random.default_rng([seed, index])
    style = rng.choice(list(BANDS))
    key = harmonies.draw_key(rng, harmonies.MINOR_SHARE)
    beat = 60.0 / rng.uniform(70, 180)
    harmony = _MAKERS[style](rng, key, seconds / beat)
    tuning = rng.gauss(0, 7) if rng.random() < 0.7 else rng.uniform(-48, 48)
    scene = Scene(rng, noise, harmony, beat, int(seconds * SAMPLE_RATE), tuning, bank)
    samples = _band(scene, [rng.choice(BANDS[style])], 0.0)
    if rng.random() < 0.5:
        samples = mix.master(rng, noise, samples, plain=rng.random() < 0.5)
    return Excerpt(samples, key, style)


def _loop(scene: Scene, style: str) -> FloatArray:
    """A few bars of one to three players, as in sample packs."""
    rng = scene.rng
    band = GENRES[style].band if style in GENRES else BANDS[style]
    mixed = _band(scene, [rng.choice(band) for _ in range(rng.choice((1, 1, 2, 3)))], 0.0)
    if rng.random() < 0.4:
        mixed = _with_drums(scene, mixed, None, (-8, 6))
    return mixed


def _solo(scene: Scene) -> FloatArray:
    """A keyboard, a string instrument or a small ensemble, without drums."""
    rng = scene.rng
    role = rng.choices(list(_SOLOISTS), [share for share, _ in _SOLOISTS.values()])[0]
    notes = draw_figure(rng, scene.harmony)
    mixed = scene.play(notes, role, _SOLOISTS[role][1], 0.6)
    if rng.random() < 0.15:
        second = scene.play(notes, "strings", _SOLOISTS["strings"][1], 0.6)
        mixed = mix.at_level(mixed, 0) + mix.at_level(second, rng.uniform(-12, 0))
    return mixed


def _genre(scene: Scene, style: str) -> FloatArray:
    genre, rng = GENRES[style], scene.rng
    mixed = _band(scene, genre.band, rng.uniform(*genre.swing))
    if rng.random() < genre.speech:
        speech = mix.at_level(mix.babble(rng, scene.noise, scene.samples), rng.uniform(-8, 4))
        mixed = mix.at_level(mixed, 0.0) + speech * mix.presence(
            rng, scene.samples, scene.bar, scene.starts
        )
    if rng.random() < genre.drums:
        mixed = _with_drums(scene, mixed, rng.choice(genre.grooves), genre.drum_level)
    return mixed


def play_part(scene: Scene, player: Player, swing: float) -> FloatArray:
    """A player's part with its effects, at its level."""
    rng = scene.rng
    notes = player.part(rng, scene.harmony)
    if swing:
        notes = comping.swung(notes, swing)
    layer = scene.play(notes, player.role, player.families, player.sampled)
    if rng.random() < player.overdrive:
        layer = mix.overdrive(rng, layer)
    if rng.random() < 0.12:
        layer = mix.filter_sweep(rng, layer)
    if rng.random() < 0.1:
        layer = mix.tremolo(rng, layer, scene.beat)
    if player.role != "bass" and rng.random() < 0.2:
        layer = mix.echo(rng, layer, scene.beat)
    return mix.at_level(layer, rng.uniform(*player.level))


def _band(scene: Scene, band: Sequence[Player], swing: float) -> FloatArray:
    """Random parts, each with its own entrance, effects and level."""
    rng = scene.rng
    chosen = [player for player in band if rng.random() < player.chance] or [band[0]]
    mixed = np.zeros(scene.samples, np.float32)
    for number, player in enumerate(chosen):
        layer = play_part(scene, player, swing)
        if number:
            layer = layer * mix.presence(rng, scene.samples, scene.bar, scene.starts)
        mixed += layer
    if rng.random() < 0.1:
        # A break: all parts except the drums stop for a while.
        mixed *= mix.gap(rng, scene.samples, scene.bar, scene.starts)
    if rng.random() < 0.05:
        # An introduction: drums alone, or near silence.
        mixed[: int(scene.samples * rng.uniform(0.2, 0.6))] = 0
    return mixed


def _with_drums(
    scene: Scene, mixed: FloatArray, groove: str | None, level: tuple[float, float]
) -> FloatArray:
    rng = scene.rng
    kits = scene.bank.kits if scene.bank and rng.random() < 0.6 else ()
    kit = scene.bank.kit(rng.choice(kits)) if scene.bank and kits else None
    harmony = scene.harmony
    drums, duck = drum_track(
        rng, scene.noise, harmony.key.tonic, scene.beat, scene.samples, groove, kit, harmony.starts
    )
    if rng.random() < 0.25:
        depth = np.float32(rng.uniform(0.3, 1.0))
        mixed = mixed * (1 - depth + depth * duck)
    return mixed + mix.at_level(drums, rng.uniform(*level)) * mix.presence(
        rng, scene.samples, scene.bar, scene.starts
    )
