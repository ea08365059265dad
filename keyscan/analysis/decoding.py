"""What the two decoders have in common: what they yield, and what they say of a file's damage."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from keyscan.analysis.mixdown import Mono


class Refused(Exception):
    """A decoder cannot open these bytes at all; the other may."""


@dataclass(frozen=True)
class Block:
    """Consecutive mono samples (frames,) float32 at ``sample_rate`` Hz."""

    samples: Mono
    sample_rate: int


@dataclass
class Damage:
    """Found while decoding.

    ``bad_packets`` counts the parts that had to be skipped; ``breaks_off``: the last part is cut;
    ``gave_up``: the decoder could not go on behind a damaged part.
    """

    bad_packets: int = 0
    breaks_off: bool = False
    gave_up: bool = False


class Decoder(Protocol):
    """An opened file; iterating decodes it once, from its start to its end.

    ``announced_seconds`` is how much sound a complete file holds by what stands at its end, or in
    an index: what lacks although the file is complete was lost to damage. None if nothing says.
    """

    name: str
    format: str
    damage: Damage
    announced_seconds: float | None

    def __iter__(self) -> Iterator[Block]: ...

    def close(self) -> None: ...
