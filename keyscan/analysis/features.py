"""A file becomes a spectrogram: what a worker process does, without torch and without librosa."""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np

from keyscan.analysis.audio import AudioStream
from keyscan.analysis.cqt import ConstantQ, FloatArray, load_filter_bank
from keyscan.analysis.errors import Silent, TooLong, TooShort
from keyscan.analysis.source import SourceFile
from keyscan.analysis.spectrogram import (
    FRAMES_PER_SECOND,
    MAX_SECONDS,
    SILENCE,
    CqtEngine,
    Features,
)
from keyscan.analysis.stages import Stages

MIN_SECONDS = 3.0
PART_FRAMES = 3600 * FRAMES_PER_SECOND
_CODEC_ROUNDING = 0.1  # a codec's frames may cost a 3-second track this much of its length


class Stopped(Exception):
    """Nobody wants the features any more."""


def extract_features(
    file: str | os.PathLike[str] | SourceFile,
    engine: CqtEngine = "matrix",
    should_stop: Callable[[], bool] = lambda: False,
    hand_over: Callable[[FloatArray], None] | None = None,
    *,
    ahead: bool = False,
) -> Features:
    """Decode a file and transform it, in blocks; ``should_stop`` is asked between them.

    ``file`` is a path, or what was opened there, see ``AudioStream``.
    ``ahead``: see ``AudioStream``.
    ``hand_over`` is called with every hour of the spectrogram, ``(105, frames)``, as soon as it is
    there, and ``Features`` then have what comes behind it; None: they have all.

    Raises:
        AnalysisError: the file cannot be analysed; the class says why.
        Stopped: ``should_stop()`` was true.
    """
    stages = Stages()
    transform = _ENGINES[engine]()
    loudest = 0.0
    with AudioStream(file, transform.sample_rate, stages, ahead=ahead) as stream:
        for block in stream:
            if should_stop():
                raise Stopped
            if stream.duration > MAX_SECONDS:
                raise TooLong(f"there are more than {MAX_SECONDS / 3600:g} hours of sound")
            with stages.measure("cqt"):
                transform.push(block)
            if (
                hand_over is not None
                and isinstance(transform, ConstantQ)
                and transform.frames_complete >= PART_FRAMES
            ):
                with stages.measure("cqt"):
                    part = transform.take()
                loudest = max(loudest, float(part.max()))
                hand_over(part)
        duration, warnings = stream.duration, tuple(stream.warnings)
    if duration < MIN_SECONDS - _CODEC_ROUNDING:
        raise TooShort(
            f"{duration:.1f} seconds of sound are too little to tell a key from: "
            f"at least {MIN_SECONDS:g} are needed"
        )
    with stages.measure("cqt"):
        spectrogram = transform.finish()
    with stages.measure("postprocess"):
        if max(loudest, float(spectrogram.max(initial=0))) < SILENCE:
            reasons = [warning.message for warning in warnings]
            raise Silent("; ".join(["the mix of all channels is silent", *reasons]))
    return Features(spectrogram, duration, warnings, stages.seconds)


def warm_up(engine: CqtEngine = "matrix") -> None:
    """Pay for every first call before the first file does."""
    transform = _ENGINES[engine]()
    transform.push(np.zeros(4 * transform.sample_rate, np.float32))
    transform.finish()


class _MatrixEngine(ConstantQ):
    def __init__(self) -> None:
        bank = load_filter_bank()
        super().__init__(bank)
        self.sample_rate = bank.sample_rate


class _LibrosaEngine:
    """The reference: ``librosa.cqt`` of the whole track at 44.1 kHz, as the KeyNet family does."""

    sample_rate = 44100

    def __init__(self) -> None:
        self._blocks: list[FloatArray] = []

    def push(self, samples: FloatArray) -> None:
        self._blocks.append(samples)

    def finish(self) -> FloatArray:
        from keyscan.analysis.reference import librosa_constant_q

        return librosa_constant_q(np.concatenate(self._blocks))


_ENGINES: dict[CqtEngine, type[_MatrixEngine] | type[_LibrosaEngine]] = {
    "matrix": _MatrixEngine,
    "librosa": _LibrosaEngine,
}
