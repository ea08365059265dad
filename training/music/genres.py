"""The genres: their parts, instruments, levels, drums and share of minor.

The key is the one that listeners name. They call nearly all blues and metal minor (of 98 clips of
blues with keys by a musicologist 95, of 93 of metal 89), though the chords of blues are major.
"""

from __future__ import annotations

from dataclasses import dataclass

from training.music import comping, layers, tunes
from training.music.players import Player
from training.music.songs import Writing


@dataclass(frozen=True)
class Genre:
    """``weight`` among the genres; ``minor``, ``speech`` and ``drums`` are shares of excerpts."""

    weight: float
    minor: float
    tempo: tuple[float, float]
    writing: Writing
    band: tuple[Player, ...]
    grooves: tuple[str, ...]
    drums: float = 0.85
    drum_level: tuple[float, float] = (-8, 4)
    swing: tuple[float, float] = (0.0, 0.0)
    speech: float = 0.0


_GUITARS = ("guitar",)
_KEYS = ("piano", "electric piano", "organ")
_SYNTHS = ("synth pad", "strings", "organ", "synth lead")
_ELECTRIC_BASS = ("bass",)


def _voice(chance: float, level: tuple[float, float] = (-3, 5), blue: bool = False) -> Player:
    part = tunes.blue_vocal if blue else tunes.vocal
    return Player(part, "voice", ("choir", "reeds", "flutes"), chance, level, sampled=0.15)


_POP_BAND = (
    Player(layers.bass, "bass", _ELECTRIC_BASS, 0.85, (-5, 3)),
    Player(comping.piano, "piano", ("piano", "electric piano"), 0.5, (-6, 3)),
    Player(layers.strum, "strum", _GUITARS, 0.45, (-8, 2)),
    Player(layers.pad, "strings", ("strings", "synth pad", "choir", "organ"), 0.5, (-10, 0)),
    Player(layers.arpeggio, "arp", ("guitar", "piano", "mallets", "plucked"), 0.25, (-10, 0)),
    _voice(0.7),
    Player(tunes.instrument, "lead", ("flutes", "reeds", "strings", "synth lead"), 0.3, (-6, 3)),
    Player(tunes.backing, "voice", ("choir",), 0.2, (-10, -2), sampled=0.5),
)

GENRES: dict[str, Genre] = {
    "pop": Genre(
        2.2, 0.4, (72, 135), Writing("pop", (0.5, 0.2, 0.08, 0.22), secondary=0.05, stepping=0.18),
        _POP_BAND, ("rock", "sixteen", "four", "half", "eight"),
    ),
    "ballad": Genre(
        1.0, 0.28, (55, 85), Writing("pop", (0.45, 0.25, 0.1, 0.2), (2.0, 4.0, 4.0), 0.08, 0.25),
        (
            Player(comping.piano, "piano", ("piano", "electric piano"), 0.75, (-3, 4)),
            Player(layers.arpeggio, "strum", ("guitar", "plucked"), 0.3, (-6, 2)),
            *_POP_BAND[3:4], *_POP_BAND[5:], *_POP_BAND[:1],
        ),
        ("half", "rock", "sixteen"), drums=0.5, drum_level=(-12, 0),
    ),
    "rock": Genre(
        1.5, 0.42, (85, 165), Writing("rock", (0.85, 0.05, 0.0, 0.1)),
        (
            Player(layers.bass, "bass", _ELECTRIC_BASS, 0.9, (-5, 3), overdrive=0.3),
            Player(layers.strum, "strum", ("overdriven", "guitar"), 0.8, (-4, 4), overdrive=0.6),
            Player(comping.riffing, "strum", ("overdriven", "guitar"), 0.35,
                   (-5, 3), overdrive=0.7),
            _voice(0.7), _voice(0.15, blue=True),
            Player(tunes.solo, "lead", ("overdriven",), 0.2, (-6, 3), overdrive=0.7),
            Player(layers.pad, "strings", ("organ",), 0.2, (-10, 0)),
        ),
        ("rock", "eight", "half", "shuffle"), drums=0.95,
    ),
    "metal": Genre(
        1.1, 0.9, (90, 200), Writing("metal", (1.0, 0.0, 0.0, 0.0), (2.0, 4.0, 8.0, 1.0)),
        (
            Player(comping.riffing, "strum", ("overdriven",), 0.8, (-2, 4), overdrive=1.0),
            Player(comping.gallop_tune, "strum", ("overdriven",), 0.45, (-4, 3), overdrive=1.0),
            Player(layers.bass, "bass", _ELECTRIC_BASS, 0.8, (-5, 2), overdrive=0.5),
            _voice(0.4, (-6, 2)),
            Player(tunes.solo, "lead", ("overdriven",), 0.25, (-6, 3), overdrive=0.9),
            Player(layers.pad, "strings", ("strings", "choir"), 0.15, (-10, 0)),
        ),
        ("rock", "blast", "half", "double kick"), drums=0.95, drum_level=(-5, 5), speech=0.1,
    ),
    "blues": Genre(
        1.8, 0.86, (60, 140), Writing("blues", (1.0, 0.0, 0.0, 0.0), (4.0,), 0.0, 0.0, 0.0),
        (
            Player(comping.boogie_bass, "bass", ("bass", "upright bass"), 0.5, (-5, 3)),
            Player(layers.walking_bass, "bass", ("upright bass", "bass"), 0.35, (-5, 3)),
            Player(comping.boogie, "strum", ("guitar", "overdriven"), 0.5, (-5, 3), overdrive=0.3),
            Player(comping.off_beats, "keys", ("guitar", "piano", "organ"), 0.35, (-8, 1)),
            Player(comping.piano, "piano", ("piano",), 0.25, (-6, 2)),
            _voice(0.65, blue=True),
            Player(tunes.solo, "lead", ("guitar", "overdriven", "reeds"), 0.4, (-4, 4),
                   overdrive=0.4),
            Player(layers.pad, "strings", ("organ",), 0.2, (-12, -2)),
            Player(layers.riff, "strum", ("guitar", "overdriven"), 0.35, (-5, 2), overdrive=0.4),
        ),
        ("shuffle", "rock", "swing"), drums=0.75, swing=(0.6, 1.0),
    ),
    "country": Genre(
        1.0, 0.08, (80, 170), Writing("country", (0.8, 0.1, 0.0, 0.1), (2.0, 4.0, 4.0), 0.06),
        (
            Player(comping.root_and_fifth, "bass", ("bass", "upright bass"), 0.85, (-4, 3)),
            Player(comping.off_beats, "strum", ("guitar", "plucked", "piano"), 0.5, (-7, 2)),
            Player(layers.strum, "strum", ("guitar",), 0.6, (-6, 3)),
            _voice(0.75),
            Player(tunes.instrument, "lead", ("strings", "ethnic", "guitar"), 0.45, (-6, 3)),
            Player(tunes.solo, "lead", ("guitar", "ethnic"), 0.2, (-6, 2)),
            Player(tunes.backing, "voice", ("choir",), 0.2, (-10, -2), sampled=0.4),
        ),
        ("train", "rock", "shuffle", "half"), drums=0.75, drum_level=(-12, 1), swing=(0.0, 0.6),
    ),
    "jazz": Genre(
        1.1, 0.5, (70, 220), Writing("jazz", (0.1, 0.6, 0.3, 0.0), (2.0, 4.0, 4.0), 0.1, 0.0, 0.0),
        (
            Player(layers.walking_bass, "bass", ("upright bass",), 0.85, (-5, 3)),
            Player(comping.rootless, "piano", ("piano", "electric piano", "guitar"), 0.75, (-6, 2)),
            Player(tunes.solo, "lead", ("reeds", "brass", "mallets", "guitar"), 0.6, (-3, 4)),
            Player(tunes.vocal, "voice", ("reeds", "brass", "choir"), 0.45, (-3, 4), sampled=0.6),
            Player(comping.horns, "keys", ("brass", "reeds"), 0.25, (-8, 1)),
            Player(layers.pad, "strings", ("strings",), 0.1, (-12, -3)),
        ),
        ("swing", "brushes"), drums=0.8, drum_level=(-14, -1), swing=(0.5, 1.0),
    ),
    "bossa": Genre(
        0.4, 0.4, (60, 95), Writing("bossa", (0.1, 0.6, 0.3, 0.0), (4.0, 4.0, 8.0), 0.03),
        (
            Player(comping.root_and_fifth, "bass", ("upright bass", "bass"), 0.9, (-5, 3)),
            Player(layers.stabs, "strum", ("guitar", "piano"), 0.8, (-5, 2)),
            _voice(0.5),
            Player(tunes.solo, "lead", ("flutes", "reeds", "piano"), 0.4, (-5, 3)),
            Player(layers.pad, "strings", ("strings",), 0.25, (-12, -2)),
        ),
        ("bossa",), drums=0.7, drum_level=(-14, -2),
    ),
    "funk": Genre(
        0.8, 0.66, (88, 122), Writing("funk", (0.3, 0.4, 0.3, 0.0), (4.0, 4.0, 8.0)),
        (
            Player(comping.funk_bass, "bass", _ELECTRIC_BASS, 0.9, (-3, 4)),
            Player(comping.sixteenths, "strum", ("guitar", "piano"), 0.75, (-7, 2)),
            Player(comping.horns, "keys", ("brass", "reeds"), 0.45, (-6, 2)),
            Player(layers.pad, "strings", ("organ", "strings"), 0.25, (-12, -1)),
            _voice(0.4, blue=True), _voice(0.2),
            Player(tunes.solo, "lead", ("reeds", "synth lead", "brass"), 0.2, (-6, 3)),
        ),
        ("funk", "sixteen", "break"), drums=0.95,
    ),
    "soul": Genre(
        0.9, 0.5, (62, 118), Writing("soul", (0.25, 0.4, 0.25, 0.1), (2.0, 4.0, 4.0), 0.06),
        (
            Player(layers.bass, "bass", _ELECTRIC_BASS, 0.85, (-4, 4)),
            Player(comping.rootless, "keys", ("electric piano", "organ", "piano"), 0.6, (-6, 2)),
            Player(comping.piano, "piano", ("electric piano", "piano"), 0.3, (-6, 2)),
            Player(comping.sixteenths, "strum", ("guitar",), 0.25, (-9, 0)),
            Player(layers.pad, "strings", ("strings", "synth pad", "choir"), 0.35, (-10, 0)),
            _voice(0.55), _voice(0.25, blue=True),
            Player(tunes.backing, "voice", ("choir",), 0.25, (-9, -1), sampled=0.4),
            Player(comping.horns, "keys", ("brass",), 0.25, (-8, 1)),
        ),
        ("sixteen", "rock", "half", "funk"), drums=0.85, swing=(0.0, 0.5),
    ),
    "disco": Genre(
        0.9, 0.56, (105, 132), Writing("disco", (0.4, 0.35, 0.15, 0.1), (2.0, 4.0, 4.0, 8.0)),
        (
            Player(comping.octaves, "bass", _ELECTRIC_BASS, 0.7, (-3, 4)),
            Player(comping.funk_bass, "bass", _ELECTRIC_BASS, 0.25, (-4, 3)),
            Player(comping.sixteenths, "strum", ("guitar", "piano"), 0.55, (-8, 1)),
            Player(layers.stabs, "piano", ("piano", "electric piano"), 0.35, (-7, 1)),
            Player(layers.pad, "strings", ("strings",), 0.55, (-9, 1)),
            Player(tunes.instrument, "strings", ("strings",), 0.3, (-7, 2)),
            _voice(0.6), Player(comping.horns, "keys", ("brass",), 0.35, (-8, 1)),
        ),
        ("four", "disco"), drums=0.97, drum_level=(-5, 4),
    ),
    "reggae": Genre(
        0.9, 0.52, (65, 100), Writing("reggae", (0.85, 0.1, 0.0, 0.05), (2.0, 4.0, 4.0, 8.0)),
        (
            Player(comping.roots_bass, "bass", _ELECTRIC_BASS, 0.95, (-1, 6)),
            Player(comping.off_beats, "strum", ("guitar", "piano", "organ"), 0.9, (-7, 1)),
            Player(layers.stabs, "keys", ("organ",), 0.3, (-10, -1)),
            _voice(0.7), Player(comping.horns, "keys", ("brass",), 0.3, (-8, 1)),
            Player(tunes.instrument, "lead", ("reeds", "brass", "accordion"), 0.2, (-7, 2)),
        ),
        ("one drop", "half", "steppers"), drums=0.95, swing=(0.0, 0.7), speech=0.06,
    ),
    "latin": Genre(
        0.4, 0.55, (80, 130), Writing("latin", (0.7, 0.25, 0.0, 0.05), (2.0, 4.0, 4.0)),
        (
            Player(layers.bass, "bass", ("bass", "upright bass"), 0.85, (-5, 3)),
            Player(layers.arpeggio, "piano", ("piano", "guitar", "mallets"), 0.6, (-6, 2)),
            Player(comping.off_beats, "strum", ("guitar", "accordion"), 0.4, (-8, 1)),
            Player(comping.horns, "keys", ("brass",), 0.5, (-5, 3)),
            _voice(0.6), Player(tunes.instrument, "lead", ("brass", "accordion"), 0.3, (-6, 2)),
        ),
        ("dembow", "bossa", "four", "click"), drums=0.9,
    ),
    "hip hop": Genre(
        1.2, 0.75, (68, 105), Writing("hip hop", (0.5, 0.25, 0.15, 0.1), (2.0, 4.0, 8.0), 0.0),
        (
            Player(comping.sub, "bass", _ELECTRIC_BASS, 0.65, (0, 7), sampled=0.25),
            Player(layers.bass, "bass", _ELECTRIC_BASS, 0.3, (-3, 4), sampled=0.5),
            Player(layers.arpeggio, "keys", ("mallets", "piano", "plucked", "guitar"), 0.4,
                   (-8, 2)),
            Player(layers.riff, "lead", ("strings", "flutes", "synth lead"), 0.4, (-8, 2)),
            Player(layers.pad, "pad", ("strings", "synth pad", "choir"), 0.35, (-10, 0)),
            Player(layers.stabs, "keys", ("electric piano", "piano", "guitar"), 0.4, (-8, 1)),
            _voice(0.3), Player(comping.horns, "keys", ("brass", "strings"), 0.2, (-8, 1)),
        ),
        ("boom bap", "trap", "half", "break"), drums=0.95, drum_level=(-4, 6), swing=(0.0, 0.6),
        speech=0.6,
    ),
    "dance": Genre(
        2.2, 0.66, (118, 178), Writing("dance", (0.5, 0.2, 0.15, 0.15), (2.0, 4.0, 4.0, 8.0, 16.0)),
        (
            Player(layers.bass, "bass", _ELECTRIC_BASS, 0.7, (-2, 5), sampled=0.15),
            Player(comping.octaves, "bass", _ELECTRIC_BASS, 0.2, (-3, 4), sampled=0.15),
            Player(comping.sub, "bass", _ELECTRIC_BASS, 0.15, (-1, 6), sampled=0.1),
            Player(layers.pad, "pad", _SYNTHS, 0.45, (-9, 2), sampled=0.3),
            Player(layers.stabs, "keys", _KEYS, 0.45, (-8, 2), sampled=0.3),
            Player(layers.arpeggio, "arp", ("synth lead", "mallets"), 0.35, (-9, 2), sampled=0.2),
            Player(layers.riff, "lead", ("synth lead",), 0.3, (-8, 2), sampled=0.2),
            Player(tunes.instrument, "lead", ("synth lead", "strings"), 0.3, (-7, 3), sampled=0.25),
            _voice(0.35),
        ),
        ("four", "four", "disco", "break", "two step", "half"), drums=0.93, drum_level=(-4, 7),
        speech=0.05,
    ),
    "folk": Genre(
        0.7, 0.35, (75, 150), Writing("folk", (0.85, 0.05, 0.0, 0.1), (2.0, 4.0, 4.0)),
        (
            Player(layers.strum, "strum", ("guitar", "plucked"), 0.6, (-5, 3)),
            Player(layers.arpeggio, "strum", ("guitar", "plucked", "accordion"), 0.5, (-6, 2)),
            _voice(0.6),
            Player(tunes.instrument, "lead", ("flutes", "strings", "ethnic", "accordion"), 0.6,
                   (-4, 4)),
            Player(layers.drone, "drone", ("ethnic", "strings", "accordion"), 0.15, (-12, -2)),
            Player(layers.bass, "bass", ("upright bass", "bass"), 0.35, (-6, 1)),
        ),
        ("train", "rock", "click"), drums=0.3, drum_level=(-14, -2),
    ),
}  # fmt: skip
