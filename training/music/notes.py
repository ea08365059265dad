"""Notes, and the pitches of chords and scales near a register."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Note:
    """``start`` and ``length`` in beats, ``pitch`` as a MIDI number, ``velocity`` 0-1."""

    start: float
    length: float
    pitch: int
    velocity: float


def nearest(pitch_class: int, centre: float) -> int:
    """The pitch of that class closest to ``centre``."""
    return pitch_class + 12 * round((centre - pitch_class) / 12)


def ladder(pitch_classes: Sequence[int], low: int, high: int) -> list[int]:
    """Every pitch of these classes from ``low`` to ``high``, rising."""
    wanted = set(pitch_classes)
    return [pitch for pitch in range(low, high + 1) if pitch % 12 in wanted]


def voicing(pitch_classes: Sequence[int], centre: float, rng: random.Random | None) -> list[int]:
    """A close voicing around ``centre``; ``rng`` shifts the register by a few semitones."""
    centre += rng.uniform(-3, 3) if rng else 0.0
    return sorted({nearest(pitch_class, centre) for pitch_class in pitch_classes})


def step_from(pitches: Sequence[int], start: int, steps: int) -> int:
    """The pitch ``steps`` scale steps up or down from the one nearest to ``start``."""
    at = min(range(len(pitches)), key=lambda i: abs(pitches[i] - start))
    return pitches[max(0, min(len(pitches) - 1, at + steps))]
