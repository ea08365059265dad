"""A spectrogram that comes in parts becomes one array, of which there is never a second copy."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

import numpy as np

from keyscan.spectrogram.constant_q import FRAMES_PER_SECOND, MAX_SECONDS, Features, FloatArray
from keyscan.spectrogram.pieces import Cuts, Seam

_MOST_FRAMES = int(MAX_SECONDS * FRAMES_PER_SECOND * 1.1)


class Assembly:
    """Room for the longest track; the system gives memory only to what is written to.

    The frames lie one after another, as they come: the system gives memory in large pages.
    """

    def __init__(self) -> None:
        self._frames = 0
        self._room: FloatArray | None = None

    def add(self, part: FloatArray) -> None:
        """Append ``(bins, frames)``.

        Raises:
            ValueError: it has another shape than what came before, or there is no room for it.
        """
        self._write(part, self._frames)
        self._frames += part.shape[1]

    def put(self, part: FloatArray, at: int) -> None:
        """Write ``(bins, frames)`` from frame ``at`` on; what was appended stays.

        Raises:
            ValueError: as ``add``.
        """
        known = min(max(self._frames - at, 0), part.shape[1])
        self._write(part[:, known:], at + known)

    def finish(self, last: FloatArray, frames: int | None = None) -> FloatArray:
        """All that was appended, with the ``last`` part, ``(bins, frames)``; itself if it is alone.

        ``frames``: how many there are, those included that were put behind it.

        Raises:
            ValueError: as ``add``.
        """
        if self._room is None:
            return last
        self.add(last)
        return self._room[: self._frames if frames is None else frames].T

    def _write(self, part: FloatArray, at: int) -> None:
        if self._room is None:
            self._room = np.empty((_MOST_FRAMES, len(part)), np.float32)
        self._room[at : at + part.shape[1]] = part.T


class Gathering(Protocol):
    """What a worker tells of a file before its last word."""

    def add(self, part: FloatArray) -> None:
        """Take the next frames, ``(105, frames)``."""

    def cut(self, cuts: Cuts) -> None:
        """Take where the file could be cut."""

    def seam(self, seam: Seam) -> None:
        """Take what the sound at a cut is."""

    def finish(self, rest: Features) -> Features:
        """The features of the file; ``rest`` has the frames that were not yet there."""


class OwnFile:
    """The ``Gathering`` of a worker that has a file for itself."""

    def __init__(self) -> None:
        self._spectrogram = Assembly()

    def add(self, part: FloatArray) -> None:
        self._spectrogram.add(part)

    def cut(self, cuts: Cuts) -> None:
        """Nobody else is there."""

    def seam(self, seam: Seam) -> None:
        """Nothing is to be joined."""

    def finish(self, rest: Features) -> Features:
        return replace(rest, spectrogram=self._spectrogram.finish(rest.spectrogram))
