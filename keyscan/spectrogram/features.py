"""A file becomes a spectrogram: what a worker process does, without torch and without librosa."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from keyscan.audio.source import SourceFile
from keyscan.audio.stream import AudioStream
from keyscan.errors import Cancelled, Silent, TooLong, TooShort
from keyscan.runtime import Stages
from keyscan.spectrogram.constant_q import (
    MAX_SECONDS,
    SILENCE,
    ConstantQ,
    CqtEngine,
    Features,
    load_filter_bank,
)

if TYPE_CHECKING:
    from keyscan.spectrogram.reference import LibrosaConstantQ

__all__ = ["MIN_SECONDS", "Features", "extract_features", "warm_up"]

MIN_SECONDS = 1.5
"""The shortest track that is analysed."""

_CODEC_ROUNDING = 0.1  # seconds that a codec's frames may cost the shortest track


def extract_features(
    file: str | os.PathLike[str] | SourceFile,
    engine: CqtEngine = "matrix",
    should_stop: Callable[[], bool] = lambda: False,
) -> Features:
    """Decode a file and transform it, block by block.

    Args:
        file: a path, or an opened file at its start, which is closed.
        engine: ``"librosa"`` is the reference; it holds the whole track in memory.
        should_stop: called after every block.

    Returns:
        The spectrogram, ``(105, frames)``, with the seconds spent in ``"decode"``,
        ``"resample"``, ``"cqt"`` and ``"postprocess"``.

    Raises:
        AnalysisError: the file cannot be analysed; the class says why.
        Cancelled: ``should_stop()`` was true.
    """
    stages = Stages()
    transform = _transform(engine)
    with AudioStream(file, transform.sample_rate, stages) as stream:
        for block in stream:
            if should_stop():
                raise Cancelled
            if stream.duration > MAX_SECONDS:
                raise TooLong(f"there are more than {MAX_SECONDS / 3600:g} hours of sound")
            with stages.measure("cqt"):
                transform.push(block)
    if stream.duration < MIN_SECONDS - _CODEC_ROUNDING:
        raise TooShort(
            f"{stream.duration:.1f} seconds of sound are too little to tell a key from: "
            f"at least {MIN_SECONDS:g} are needed"
        )
    with stages.measure("cqt"):
        spectrogram = transform.finish()
    with stages.measure("postprocess"):
        if float(spectrogram.max(initial=0)) < SILENCE:
            reasons = [warning.message for warning in stream.warnings]
            raise Silent("; ".join(["the mix of all channels is silent", *reasons]))
    return Features(spectrogram, stream.duration, stream.warnings, stages.seconds)


def warm_up(engine: CqtEngine = "matrix") -> None:
    """Make the first calls, which are slow, before the first file."""
    transform = _transform(engine)
    transform.push(np.zeros(4 * transform.sample_rate, np.float32))
    transform.finish()


def _transform(engine: CqtEngine) -> ConstantQ | LibrosaConstantQ:
    """What ``push`` and ``finish`` turn blocks into a spectrogram with."""
    if engine == "matrix":
        return ConstantQ(load_filter_bank())
    from keyscan.spectrogram.reference import LibrosaConstantQ  # takes seconds to import

    return LibrosaConstantQ()
