"""What the two decoders have in common: what they yield, and what they say of a file's damage."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from keyscan.audio.mixdown import Mono


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
    """An opened file; iterating decodes it once, from its start or a later second to its end.

    ``announced_seconds`` is how much sound a complete file holds by what stands at its end, or in
    an index: what lacks although the file is complete was lost to damage. None if nothing says.
    ``expected_seconds`` is a guess at that: it may be far off. ``skipping`` is the time that
    ``start_at`` takes of what decoding up to there would.
    """

    name: str
    format: str
    damage: Damage
    announced_seconds: float | None
    expected_seconds: float | None
    skipping: float

    def start_at(self, second: int, should_stop: Callable[[], bool]) -> int:
        """Leave out what lies before ``second``; returns how many samples that is.

        Raises:
            Refused: where in the sound something lies cannot be told, it ends earlier, or
                ``should_stop()`` was true, which is asked where this can take long.
        """

    def __iter__(self) -> Iterator[Block]: ...

    def close(self) -> None: ...


def without_first(blocks: Iterable[Block], count: int) -> Iterator[Block]:
    """The blocks less their first ``count`` samples."""
    for block in blocks:
        if count < len(block.samples):
            yield Block(block.samples[count:], block.sample_rate) if count else block
        count = max(count - len(block.samples), 0)


def joined(blocks: Iterable[Block], size: int) -> Iterator[Block]:
    """Fewer blocks, of ``size`` samples or more where they can be, each of one sample rate."""
    parts: list[Mono] = []
    rate = length = 0
    for block in blocks:
        if parts and (block.sample_rate != rate or length >= size):
            yield Block(np.concatenate(parts), rate)
            parts, length = [], 0
        parts.append(block.samples)
        rate, length = block.sample_rate, length + len(block.samples)
    if parts:
        yield Block(np.concatenate(parts), rate)
