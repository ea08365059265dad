"""One long file in pieces, each decoded by another process, that fit together again.

Each process also decodes some seconds around its piece: the filters of a frame reach into them,
and at every cut they show whether both sides have the same sound there.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from keyscan.spectrogram.constant_q import MAX_SECONDS, FloatArray

if TYPE_CHECKING:
    from keyscan.audio.stream import AudioStream

LEAD_SECONDS = 2
"""Decoded before a piece: what resampler and filters take to forget that there was nothing."""
SEAM_SECONDS = 1
"""Decoded behind a piece, and compared."""
SHORTEST_SECONDS = 30
"""A shorter piece is not worth waking a process for."""

_TOLERANCE = 1e-4  # at 44.1 kHz a shift by one sample changes 65 Hz a hundred times as much


@dataclass(frozen=True)
class FileStamp:
    """What tells one content of a file from another, as far as its system says."""

    device: int
    inode: int
    size: int
    modified_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> FileStamp:
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


@dataclass(frozen=True)
class Cuts:
    """The seconds at which a file is cut, in rising order."""

    seconds: tuple[int, ...]
    stamp: FileStamp

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """What lies behind the first cut."""
        ends = [*self.seconds[1:], None]
        starts_and_ends = zip(self.seconds, ends, strict=True)
        return tuple(Piece(start, end, self.stamp) for start, end in starts_and_ends)


@dataclass(frozen=True)
class Piece:
    """From second ``start`` to second ``end``, None: to the end of the file."""

    start: int
    end: int | None
    stamp: FileStamp

    @property
    def cuts(self) -> tuple[int, ...]:
        """Where other pieces begin or end."""
        return (self.start,) if self.end is None else (self.start, self.end)


@dataclass(frozen=True, eq=False)
class Seam:
    """The sound from a cut on, ``(samples,)`` at the filter bank's rate."""

    second: int
    samples: FloatArray

    def fits(self, other: Seam) -> bool:
        """Whether both are the same sound; silence is none, and tells nothing."""
        mine, its = self.samples, other.samples
        if len(mine) != len(its) or not np.isfinite(mine).all():
            return False
        return bool(np.linalg.norm(mine - its) < _TOLERANCE * np.linalg.norm(mine))


class Seams:
    """Cuts the seams out of a stream of samples."""

    def __init__(self, seconds: Iterable[int], start: int, sample_rate: int) -> None:
        """The stream starts at second ``start``."""
        length = SEAM_SECONDS * sample_rate
        places = {second: (second - start) * sample_rate for second in seconds}
        self._waiting = {second: (first, first + length) for second, first in places.items()}
        self._parts: dict[int, list[FloatArray]] = {second: [] for second in places}
        self._position = 0

    @property
    def complete(self) -> bool:
        return not self._waiting

    def push(self, block: FloatArray) -> list[Seam]:
        """Take the next samples; returns the seams that they complete."""
        start, self._position = self._position, self._position + len(block)
        complete = []
        for second, (first, last) in list(self._waiting.items()):
            if start < last and self._position > first:
                self._parts[second].append(block[max(first - start, 0) : last - start])
            if self._position >= last:
                del self._waiting[second]
                complete.append(Seam(second, np.concatenate(self._parts.pop(second))))
        return complete


class Helpers(Protocol):
    """Other processes, as the one that begins a file sees them."""

    hands: int
    """As many processes are there, that one included."""

    def cut(self, cuts: Cuts) -> None:
        """Have the pieces behind the cuts decoded."""

    def seam(self, seam: Seam) -> None:
        """Tell what the sound at the first cut is, up to which it has no fault."""

    def have_done(self) -> bool:
        """Whether all pieces are there, and fit."""


class Sharing:
    """What the process that begins a file does for the others; it goes on until they have done."""

    def __init__(self, stream: AudioStream, helpers: Helpers) -> None:
        self._stream, self._helpers = stream, helpers
        cuts = cuts_for(stream.expected_duration or 0.0, helpers.hands, stream.skipping)
        self._seams = Seams(cuts[:1], 0, stream.sample_rate)
        if cuts:
            stream.ahead = False  # the other cores have work
            helpers.cut(Cuts(cuts, FileStamp.of(stream.status())))

    def ends_with(self, block: FloatArray) -> bool:
        """Take the next block of the stream; True if none is needed behind it."""
        for seam in self._seams.push(block):
            if self._stream.is_intact:
                self._helpers.seam(seam)
        return self._seams.complete and self._helpers.have_done()


def cuts_for(seconds: float, hands: int, skipping: float) -> tuple[int, ...]:
    """Where to cut a file of that length so that ``hands`` processes take as long as each other.

    ``skipping`` is what leaving a second out takes of what decoding it would: the later a piece
    begins, the shorter it is. Empty: the file is better left whole.
    """
    pieces = min(hands, int(seconds // SHORTEST_SECONDS)) if seconds <= MAX_SECONDS else 1
    ends = np.cumsum([(1 - skipping) ** index for index in range(pieces)])
    return tuple(int(end / ends[-1] * seconds) for end in ends[:-1])
