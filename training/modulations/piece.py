"""One piece of music with the same players in several keys, from the generator's parts."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from keyscan.keys import Key
from training.music import comping, mix
from training.music import harmony as harmonies
from training.music.bands import BANDS, FAMILIES_OF
from training.music.drums import drum_track
from training.music.excerpt import STYLES
from training.music.figures import draw_figure
from training.music.genres import GENRES
from training.music.harmony import Harmony
from training.music.notes import Note
from training.music.players import Player
from training.music.sampled import SoundBank
from training.music.songs import song
from training.music.timbres import SAMPLE_RATE, draw_timbre, render, render_gliding

FloatArray = npt.NDArray[np.float32]
QuietKind = Literal["drums", "ambient"]

SHORTEST = 12.0  # shortest time in a key, in seconds
_FREE: dict[str, Callable[[random.Random, Key, float], Harmony]] = {
    "loop": harmonies.loop_harmony,
    "song": harmonies.song_harmony,
    "pedal": harmonies.pedal_harmony,
    "parallel": harmonies.parallel_harmony,
    "melodic": harmonies.loop_harmony,
}
_SOLO_ROLES = ("piano", "piano", "piano", "strings", "strum", "keys")
_BLOCK_BARS = 8  # bars between entrances and exits of parts
_PLAYING = 0.8  # share of the blocks
_SAME_FIGURES, _SAME_CHORDS = 0.75, 0.6  # share of the sections like the first


@dataclass(frozen=True)
class Style:
    """One of ``excerpt.STYLES``; ``tempo`` in beats per minute, ``minor``: share of that mode."""

    name: str
    tempo: tuple[float, float]
    minor: float

    @property
    def slowest_beat(self) -> float:
        return 60.0 / self.tempo[0]


@dataclass(frozen=True)
class Section:
    """A part of a piece in one key from beat ``start`` on; ``seed``: of its notes."""

    start: float
    harmony: Harmony
    seed: int

    @property
    def end(self) -> float:
        return self.start + self.harmony.beats


@dataclass(frozen=True)
class Quiet:
    """Some beats without chords or melodies: drums alone, or near silence."""

    start: float
    beats: float
    kind: QuietKind


@dataclass(frozen=True)
class Piece:
    """``beat`` in seconds; ``sections`` are contiguous, each of whole bars of four beats."""

    style: Style
    beat: float
    sections: tuple[Section, ...]
    quiet: tuple[Quiet, ...] = ()

    @property
    def bar_seconds(self) -> float:
        return 4 * self.beat

    @property
    def samples(self) -> int:
        return math.floor(self.sections[-1].end * self.beat * SAMPLE_RATE)


def draw_style(rng: random.Random) -> Style:
    name = rng.choices(list(STYLES), list(STYLES.values()))[0]
    if name in GENRES:
        return Style(name, GENRES[name].tempo, GENRES[name].minor)
    if name == "classical":
        return Style(name, (50, 130), 0.45)
    return Style(name, rng.choice(((70, 110), (110, 180))), harmonies.MINOR_SHARE)


def compose(
    rng: random.Random, style: Style, keys: Sequence[Key], lengths: Sequence[float]
) -> Piece:
    """A piece through ``keys``, in each for about ``lengths`` seconds, in whole bars, and at least
    ``SHORTEST``.
    """
    beat = 60.0 / rng.uniform(*style.tempo)
    home, figures = rng.getrandbits(32), rng.getrandbits(32)
    sections: list[Section] = []
    for key, seconds in zip(keys, lengths, strict=True):
        bars = max(math.ceil(SHORTEST / (4 * beat)), round(seconds / (4 * beat)))
        chords = home if rng.random() < _SAME_CHORDS or not sections else rng.getrandbits(32)
        seed = figures if rng.random() < _SAME_FIGURES or not sections else rng.getrandbits(32)
        harmony = _harmony(random.Random(chords), style, key, 4.0 * bars)
        sections.append(Section(sections[-1].end if sections else 0.0, harmony, seed))
    return Piece(style, beat, tuple(sections))


def _harmony(rng: random.Random, style: Style, key: Key, beats: float) -> Harmony:
    """Chords that stay in ``key``. Songs and phrases can modulate, but only in the last third of a
    song, and after the first third of a classical piece.
    """
    if style.name in GENRES:
        return _opening(song(rng, GENRES[style.name].writing, key, 2 * beats), beats)
    if style.name == "classical":
        return _opening(harmonies.classical_harmony(rng, key, 4 * beats), beats)
    return _FREE[style.name](rng, key, beats)


def _opening(harmony: Harmony, beats: float) -> Harmony:
    spans = [span for span in harmony.spans if span.start < beats]
    spans[-1] = replace(spans[-1], length=beats - spans[-1].start)
    return replace(harmony, spans=tuple(spans), beats=beats)


def record(
    rng: random.Random, noise: np.random.Generator, piece: Piece, bank: SoundBank | None
) -> FloatArray:
    """The piece as sound, mono at ``SAMPLE_RATE``, shape ``(piece.samples,)``."""
    return _Studio(rng, noise, piece, bank).record()


class _Studio:
    """Renders one piece: each part keeps its instrument and its effects throughout."""

    def __init__(
        self, rng: random.Random, noise: np.random.Generator, piece: Piece, bank: SoundBank | None
    ) -> None:
        self._rng, self._noise, self._piece, self._bank = rng, noise, piece, bank
        self._tuning = rng.gauss(0, 7) if rng.random() < 0.7 else rng.uniform(-48, 48)

    def record(self) -> FloatArray:
        rng, piece = self._rng, self._piece
        genre = GENRES.get(piece.style.name)
        plain = piece.style.name == "classical"
        mixed = self._band(self._players(), rng.uniform(*genre.swing) if genre else 0.0)
        if genre and rng.random() < genre.speech:
            speech = mix.at_level(mix.babble(rng, self._noise, piece.samples), rng.uniform(-8, 4))
            mixed = mix.at_level(mixed, 0.0) + speech * self._blocks()
        quiet = ambient = self._where(*get_args(QuietKind))
        mixed *= 1 - quiet
        if not plain and rng.random() < (genre.drums if genre else 0.72):
            groove = rng.choice(genre.grooves) if genre else None
            mixed = self._with_drums(mixed, groove, genre.drum_level if genre else (-8, 6))
            ambient = self._where("ambient")
        ambience = mix.background(rng, self._noise, piece.samples) * ambient
        mixed += ambience * np.float32(mix.rms(mixed) * 10 ** rng.uniform(-1.5, -0.5))
        return mix.master(rng, self._noise, mixed, plain)

    def _players(self) -> Sequence[Player]:
        """The players, at least one of them other than a bass, which comes first."""
        rng, name = self._rng, self._piece.style.name
        if name == "classical":
            role = rng.choice(_SOLO_ROLES)
            return [Player(draw_figure, role, FAMILIES_OF[role], 1.0, sampled=0.6)]
        band = GENRES[name].band if name in GENRES else BANDS[name]
        while True:
            chosen = [player for player in band if rng.random() < player.chance]
            chosen.sort(key=lambda player: player.role == "bass")
            if chosen and chosen[0].role != "bass":
                return chosen

    def _band(self, players: Sequence[Player], swing: float) -> FloatArray:
        rng = self._rng
        mixed = np.zeros(self._piece.samples, np.float32)
        for number, player in enumerate(players):
            layer = self._play(player, comping.swung(self._notes(player, number), swing))
            if rng.random() < player.overdrive:
                layer = mix.overdrive(rng, layer)
            if rng.random() < 0.1:
                layer = mix.tremolo(rng, layer, self._piece.beat)
            if player.role != "bass" and rng.random() < 0.2:
                layer = mix.echo(rng, layer, self._piece.beat)
            layer = mix.at_level(layer, rng.uniform(*player.level))
            mixed += layer * self._blocks() if number else layer
        return mixed

    def _notes(self, player: Player, number: int) -> list[Note]:
        """The player's part in every section; equal seeds give equal figures."""
        notes = []
        for section in self._piece.sections:
            for note in player.part(random.Random(f"{section.seed}/{number}"), section.harmony):
                length = min(note.length, section.harmony.beats - note.start)
                if length > 0:
                    notes.append(replace(note, start=section.start + note.start, length=length))
        return notes

    def _play(self, player: Player, notes: list[Note]) -> FloatArray:
        rng, piece = self._rng, self._piece
        off = rng.gauss(0, 12 if player.role == "voice" else 4) if rng.random() < 0.3 else 0.0
        cents = self._tuning + off
        if self._bank and rng.random() < player.sampled:
            instruments = self._bank.family(rng.choice(player.families))
            if instruments:
                instrument = rng.choice(instruments)
                return self._bank.play(notes, instrument, piece.beat, piece.samples, cents)
        timbre = draw_timbre(rng, player.role)
        renderer = render_gliding if timbre.glide else render
        return renderer(notes, timbre, piece.beat, piece.samples, cents)

    def _with_drums(
        self, mixed: FloatArray, groove: str | None, level: tuple[float, float]
    ) -> FloatArray:
        """One kit throughout: tuned drums stay in the first key."""
        rng, piece = self._rng, self._piece
        kits = self._bank.kits if self._bank and rng.random() < 0.6 else ()
        kit = self._bank.kit(rng.choice(kits)) if self._bank and kits else None
        tonic = piece.sections[0].harmony.key.tonic
        drums, duck = drum_track(rng, self._noise, tonic, piece.beat, piece.samples, groove, kit)
        if rng.random() < 0.25:
            depth = np.float32(rng.uniform(0.3, 1.0))
            mixed = mixed * (1 - depth + depth * duck)
        playing = np.maximum(self._blocks(), self._where("drums")) * (1 - self._where("ambient"))
        return mixed + mix.at_level(drums, rng.uniform(*level)) * playing

    def _blocks(self) -> FloatArray:
        """The gain of a part: 1 where it plays, 0 in the blocks of bars where it rests."""
        block = int(_BLOCK_BARS * self._piece.bar_seconds * SAMPLE_RATE)
        count = -(-self._piece.samples // block)
        gains = [float(self._rng.random() < _PLAYING) for _ in range(count)]
        return np.repeat(np.array(gains, np.float32), block)[: self._piece.samples]

    def _where(self, *kinds: QuietKind) -> FloatArray:
        """1 in the quiet parts of these kinds, else 0."""
        gain = np.zeros(self._piece.samples, np.float32)
        for quiet in self._piece.quiet:
            if quiet.kind in kinds:
                first, end = (
                    round(beat * self._piece.beat * SAMPLE_RATE)
                    for beat in (quiet.start, quiet.start + quiet.beats)
                )
                gain[first:end] = 1
        return gain
