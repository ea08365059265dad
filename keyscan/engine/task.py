"""A file to analyse, and what became of it."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from keyscan.analysis import Analysis
from keyscan.errors import AnalysisError
from keyscan.options import Effort


@dataclass(eq=False, kw_only=True)
class Task:
    """A file to analyse, until ``cancelled`` is set.

    ``timeline`` and ``spectrogram`` say whether the ``Analysis`` needs them, ``stream`` which audio
    stream it is of; None: any. ``effort``: whether parts of a track will do where they are certain;
    a timeline or a spectrogram is always that of the whole.
    """

    path: str
    timeline: bool = False
    spectrogram: bool = False
    stream: int | None = None
    effort: Effort = "full"
    cancelled: threading.Event = field(default_factory=threading.Event)

    @property
    def in_parts(self) -> bool:
        """Whether parts of the track will do."""
        return self.effort == "adaptive" and not (self.timeline or self.spectrogram)


@dataclass(frozen=True)
class Outcome:
    """What became of a task; ``seconds`` by stage; a worker took it at ``since`` (perf_counter)."""

    result: Analysis | AnalysisError
    seconds: Mapping[str, float]
    since: float
