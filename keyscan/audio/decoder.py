"""What a decoder is, and what it reports of damage."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from keyscan.audio.mixdown import Mono

StreamNumbers = int | tuple[int, ...]
"""The number of an audio stream, counted from 0 among those of its file; several were added."""


class Refused(Exception):
    """A decoder cannot open these bytes at all; another may."""


@dataclass(frozen=True)
class Block:
    """Consecutive mono samples (frames,) float32 at ``sample_rate`` Hz."""

    samples: Mono
    sample_rate: int


@dataclass
class Damage:
    """Found while decoding.

    Attributes:
        bad_packets: parts that were skipped.
        breaks_off: the last part is truncated.
        gave_up: the decoder could not go on behind a damaged part.
    """

    bad_packets: int = 0
    breaks_off: bool = False
    gave_up: bool = False


class Decoder(Protocol):
    """An opened file; iterating decodes it once.

    Attributes:
        name: of the library, ``"soundfile"`` or ``"pyav"``.
        format: container and codec, in the library's words.
        damage: complete once the iteration has ended.
        announced_seconds: length of the sound by an index or the file's end; None if neither
            tells it. Sound that is missing from a complete file was lost to damage.
        stream: which of several audio streams is decoded, or which are added; None: the only one.
        other_streams: numbers of those to try, in order, if that one holds no music.
        expected_seconds: length of the sound by any header, or an estimate; 0 if there is none.
        full_scale: of the blocks; not 1 where floats were written on a scale of integers.
    """

    name: str
    format: str
    damage: Damage
    announced_seconds: float | None
    expected_seconds: float
    full_scale: float

    @property
    def stream(self) -> StreamNumbers | None: ...

    @property
    def other_streams(self) -> tuple[int, ...]: ...

    def __iter__(self) -> Iterator[Block]: ...

    def part(self, start: float, end: float) -> Iterator[Block]:
        """The blocks from ``start`` to before ``end``, in seconds of the decoded sound.

        What lies between two parts is not decoded. There are fewer samples where the part is not
        reached, is damaged, or the sound ends within it.
        """

    def close(self) -> None: ...
