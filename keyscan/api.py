"""Analysis in the caller's own process: a path in, everything that is known of the track out."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from keyscan.errors import AudioWarning
from keyscan.model.checkpoint import KeyModel, load_model
from keyscan.model.estimate import KeyEstimate, estimate_key
from keyscan.spectrogram.features import extract_features


@dataclass(frozen=True, kw_only=True)
class Analysis(KeyEstimate):
    """What is known of a track; the fields of ``KeyEstimate``, and these.

    ``path`` is as it was given, ``duration`` in seconds of sound analysed, and ``warnings`` say
    what is wrong with a file that could be analysed nevertheless.
    """

    path: str
    duration: float
    warnings: tuple[AudioWarning, ...]

    @property
    def camelot(self) -> str:
        """``"8A"`` for A minor."""
        return self.key.camelot

    @property
    def open_key(self) -> str:
        """``"1m"`` for A minor."""
        return self.key.open_key

    @property
    def name(self) -> str:
        """``"A minor"``; black keys as ``"F# minor/Gb minor"``."""
        return self.key.name()


def analyze(
    path: str | os.PathLike[str],
    *,
    timeline: bool = False,
    model_path: str | os.PathLike[str] | None = None,
) -> Analysis:
    """Analyse one audio file; the first call loads the model.

    The decoders run in this process, without the server's limits of time and memory: a file that
    crashes one of them ends the process. Threads may share a model.

    Args:
        path: of an audio or video file, in any format that the server knows.
        timeline: whether ``timeline``, the key over time, is wanted; otherwise it is None.
        model_path: another checkpoint than the packaged one.

    Raises:
        AnalysisError: the file cannot be analysed; ``code`` and the message say why.
        ModelError: the checkpoint cannot be used.
    """
    model = _model(None if model_path is None else Path(model_path))
    features = extract_features(path)
    estimate = estimate_key(
        model, features.spectrogram, timeline_until=features.duration if timeline else None
    )
    return Analysis(
        **vars(estimate),
        path=os.fspath(path),
        duration=features.duration,
        warnings=features.warnings,
    )


@cache
def _model(path: Path | None) -> KeyModel:
    return load_model(path)
