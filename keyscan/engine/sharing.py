"""One long file for several workers: who decodes what, and whether it fits together."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from keyscan.engine.assembly import Assembly, Gathering
from keyscan.spectrogram.constant_q import FRAMES_PER_SECOND, Features, FloatArray
from keyscan.spectrogram.pieces import Cuts, Piece, Seam


@dataclass(frozen=True)
class Helper:
    """Somebody who decodes a piece: ``stop`` has it end soon, ``join`` waits until it has ended."""

    stop: Callable[[], None]
    join: Callable[[], object]


Lend = Callable[[Piece, Gathering, Callable[[], None]], Helper | None]
"""Has a piece decoded, what it gets told to the second, and the third called if that fails.

None: there is nobody for it.
"""


class SharedFile:
    """The ``Gathering`` of a file for several workers; thread-safe.

    The first worker decodes the whole file, unless the others have all that lies behind the first
    cut sooner: without a fault, and with the same sound on both sides of every cut. Whatever
    happens to a helper costs time, and nothing else.
    """

    def __init__(self, lend: Lend, relieve: Callable[[], None]) -> None:
        """``relieve`` tells the first worker that there is no need to go on."""
        self._lend, self._relieve = lend, relieve
        self._lock = threading.Lock()
        self._spectrogram = Assembly()
        self._missing: set[Piece] = set()
        self._seams: dict[int, Seam] = {}  # one side of a cut
        self._unjoined: set[int] = set()  # cuts whose sides were not compared
        self._end: tuple[int, float] | None = None  # frames and seconds, by the last piece
        self._over = False  # nothing of a helper is taken any more
        self._helpers: list[Helper] = []

    def add(self, part: FloatArray) -> None:
        """Take the next frames of the first worker."""
        with self._lock:
            self._spectrogram.add(part)

    def cut(self, cuts: Cuts) -> None:
        """Hand out the pieces; nobody else has to do with the file before."""
        self._missing, self._unjoined = set(cuts.pieces), set(cuts.seconds)
        for piece in cuts.pieces:
            helper = self._lend(piece, _PieceOf(self, piece), self.give_up)
            if helper is not None:
                self._helpers.append(helper)
            if helper is None or self._over:  # one before may have failed meanwhile
                self.give_up()
                return

    def seam(self, seam: Seam) -> None:
        """Hold one side of a cut against the other."""
        with self._lock:
            other = self._seams.setdefault(seam.second, seam)
            if other is seam or self._over:
                return
            if seam.fits(other):
                self._unjoined.discard(seam.second)
                self._relieve_if_complete()
                return
        self.give_up()

    def finish(self, rest: Features) -> Features:
        """The features of the file; ``rest`` is the first worker's last word."""
        self.give_up()
        if self._missing or self._unjoined or self._end is None:
            return replace(rest, spectrogram=self._spectrogram.finish(rest.spectrogram))
        frames, seconds = self._end
        spectrogram = self._spectrogram.finish(rest.spectrogram, frames)
        return replace(rest, spectrogram=spectrogram, duration=seconds)

    def give_up(self) -> None:
        """Take nothing of the helpers any more, and let them go."""
        with self._lock:
            self._over = True
        for helper in list(self._helpers):
            helper.stop()

    def close(self) -> None:
        """Give up, and return when no helper has to do with the file any more."""
        self.give_up()
        for helper in self._helpers:
            helper.join()

    def put(self, part: FloatArray, at: int) -> None:
        """Take frames of a piece."""
        with self._lock:
            if not self._over:
                self._spectrogram.put(part, at)

    def complete(self, piece: Piece, end: int, duration: float) -> None:
        """A piece is there up to frame ``end``."""
        with self._lock:
            lacks_frames = piece.end is not None and end != piece.end * FRAMES_PER_SECOND
            if self._over or lacks_frames:
                return
            if piece.end is None:
                self._end = end, duration
            self._missing.discard(piece)
            self._relieve_if_complete()

    def _relieve_if_complete(self) -> None:
        if not self._missing and not self._unjoined:
            self._relieve()


class _PieceOf:
    def __init__(self, shared: SharedFile, piece: Piece) -> None:
        self._shared, self._piece = shared, piece
        self._at = piece.start * FRAMES_PER_SECOND

    def add(self, part: FloatArray) -> None:
        self._shared.put(part, self._at)
        self._at += part.shape[1]

    def cut(self, cuts: Cuts) -> None:
        """A piece is not cut."""

    def seam(self, seam: Seam) -> None:
        self._shared.seam(seam)

    def finish(self, rest: Features) -> Features:
        self.add(rest.spectrogram)
        self._shared.complete(self._piece, self._at, rest.duration)
        return rest
