"""What the front end hands to the model; light, so that the server can read it off a pipe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from keyscan.errors import AnalysisWarning
from keyscan.spectrogram.constant_q import FloatArray

FRAMES_PER_SECOND = 5
MAX_SECONDS = 24 * 3600.0
"""The longest track that is analysed."""
SILENCE = 1e-4
"""No bin of a silent frame is above this; a sine of full scale has 3 to 4.3."""

CqtEngine = Literal["matrix", "librosa"]
CQT_ENGINES: tuple[CqtEngine, ...] = ("matrix", "librosa")


@dataclass(frozen=True, eq=False)
class Features:
    """The spectrogram ``log1p(|C|)`` of a file, shape ``(105, frames)``, five frames a second.

    ``duration`` is in seconds of decoded sound, ``seconds`` the time spent by stage.
    """

    spectrogram: FloatArray
    duration: float
    warnings: tuple[AnalysisWarning, ...]
    seconds: dict[str, float]
