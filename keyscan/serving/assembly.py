"""A spectrogram that comes in parts becomes one array, of which there is never a second copy."""

from __future__ import annotations

import numpy as np

from keyscan.analysis.cqt import FloatArray
from keyscan.analysis.spectrogram import FRAMES_PER_SECOND, MAX_SECONDS

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
        if self._room is None:
            self._room = np.empty((_MOST_FRAMES, len(part)), np.float32)
        end = self._frames + part.shape[1]
        self._room[self._frames : end] = part.T
        self._frames = end

    def finish(self, last: FloatArray) -> FloatArray:
        """All parts with the ``last`` one, ``(bins, frames)``; ``last`` itself if it is alone.

        Raises:
            ValueError: as ``add``.
        """
        if self._room is None:
            return last
        self.add(last)
        return self._room[: self._frames].T
