"""A part of a band: its notes and its instruments."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from training.music.harmony import Harmony
from training.music.notes import Note

Part = Callable[[random.Random, Harmony], list[Note]]


@dataclass(frozen=True)
class Player:
    """A part of a band.

    ``role`` is the additive timbre (``timbres.draw_timbre``), ``families`` are the sampled ones
    (``sampled.FAMILIES``); ``sampled`` is the share of sampled sound, ``chance`` the share of
    excerpts with the part, ``overdrive`` that of overdriven ones. ``level`` is in dB.
    """

    part: Part
    role: str
    families: tuple[str, ...]
    chance: float
    level: tuple[float, float] = (-7, 2)
    sampled: float = 0.75
    overdrive: float = 0.0
