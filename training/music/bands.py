"""Genre-free bands by type of harmony; any part can occur."""

from __future__ import annotations

from training.music import layers
from training.music.players import Part, Player

FAMILIES_OF: dict[str, tuple[str, ...]] = {
    "bass": ("bass",),
    "pad": ("synth pad", "strings", "choir"),
    "keys": ("piano", "electric piano", "organ", "mallets", "brass"),
    "arp": ("mallets", "synth lead", "plucked", "guitar"),
    "lead": ("synth lead", "flutes", "reeds", "strings"),
    "voice": ("choir", "reeds"),
    "strum": ("guitar", "overdriven"),
    "piano": ("piano",),
    "strings": ("strings",),
    "drone": ("synth pad", "strings", "organ"),
}


def _player(part: Part, role: str, chance: float, level: tuple[float, float]) -> Player:
    overdrive = 0.35 if role in ("bass", "strum") else 0.1
    return Player(part, role, FAMILIES_OF[role], chance, level, sampled=0.3, overdrive=overdrive)


BANDS: dict[str, tuple[Player, ...]] = {
    "loop": (
        _player(layers.bass, "bass", 0.85, (-3, 5)),
        _player(layers.pad, "pad", 0.55, (-8, 2)),
        _player(layers.stabs, "keys", 0.45, (-7, 3)),
        _player(layers.arpeggio, "arp", 0.4, (-9, 2)),
        _player(layers.melody, "lead", 0.35, (-7, 3)),
        _player(layers.melody, "voice", 0.2, (-6, 4)),
        _player(layers.riff, "keys", 0.2, (-9, 1)),
        _player(layers.stray, "keys", 0.12, (-14, -4)),
    ),
    "song": (
        _player(layers.bass, "bass", 0.75, (-4, 4)),
        _player(layers.walking_bass, "bass", 0.15, (-4, 3)),
        _player(layers.strum, "strum", 0.5, (-6, 3)),
        _player(layers.stabs, "piano", 0.35, (-7, 3)),
        _player(layers.pad, "strings", 0.4, (-9, 2)),
        _player(layers.arpeggio, "piano", 0.2, (-9, 2)),
        _player(layers.melody, "voice", 0.45, (-4, 5)),
        _player(layers.melody, "lead", 0.4, (-6, 3)),
        _player(layers.stray, "keys", 0.12, (-14, -4)),
    ),
    "pedal": (
        _player(layers.bass, "bass", 0.75, (-2, 5)),
        _player(layers.riff, "bass", 0.4, (-4, 4)),
        _player(layers.riff, "lead", 0.6, (-6, 3)),
        _player(layers.riff, "keys", 0.4, (-8, 2)),
        _player(layers.drone, "drone", 0.3, (-10, 1)),
        _player(layers.pad, "pad", 0.3, (-9, 1)),
        _player(layers.stabs, "keys", 0.3, (-7, 2)),
        _player(layers.melody, "voice", 0.25, (-6, 3)),
        _player(layers.stray, "keys", 0.12, (-14, -4)),
    ),
    "parallel": (
        _player(layers.stabs, "keys", 1.0, (-3, 4)),
        _player(layers.bass, "bass", 0.7, (-4, 4)),
        _player(layers.pad, "pad", 0.25, (-9, 0)),
        _player(layers.riff, "lead", 0.2, (-9, 0)),
        _player(layers.stray, "keys", 0.12, (-14, -4)),
    ),
    "melodic": (
        _player(layers.melody, "lead", 0.8, (-2, 4)),
        _player(layers.melody, "voice", 0.5, (-3, 4)),
        _player(layers.bass, "bass", 0.55, (-6, 2)),
        _player(layers.drone, "drone", 0.25, (-8, 1)),
        _player(layers.pad, "strings", 0.35, (-10, 0)),
        _player(layers.arpeggio, "strum", 0.3, (-8, 1)),
    ),
}
