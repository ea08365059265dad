"""The key over time: windows of a track, each with its probabilities, joined into segments."""

from __future__ import annotations

from dataclasses import dataclass

from keyscan.keys import Key


@dataclass(frozen=True)
class Segment:
    """A part of a track in one key; ``start`` and ``end`` are in seconds.

    ``confidence``: the probability, 0 to 1, that the part is in that key.
    """

    start: float
    end: float
    key: Key
    confidence: float


@dataclass(frozen=True)
class Timeline:
    """``segments`` follow one another without a gap; neighbours are in different keys.

    ``intro`` and ``outro`` are the first and the last half minute of the music, or all of it where
    there is no more: what another track is mixed into.
    """

    segments: tuple[Segment, ...]
    intro: Segment
    outro: Segment
