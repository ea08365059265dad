"""A file becomes a spectrogram: what a worker process does, without torch and without librosa."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from keyscan.audio.samples import AnySamples, SampleStream
from keyscan.audio.source import SourceFile
from keyscan.audio.stream import AudioStream
from keyscan.errors import (
    AnalysisWarning,
    Cancelled,
    DecodeFailed,
    NoAudio,
    Silent,
    TooLong,
    TooShort,
)
from keyscan.runtime import Stages
from keyscan.spectrogram.constant_q import (
    MAX_SECONDS,
    SILENCE,
    ConstantQ,
    CqtEngine,
    Features,
    FloatArray,
    load_filter_bank,
)

if TYPE_CHECKING:
    from keyscan.spectrogram.reference import LibrosaConstantQ

__all__ = ["MIN_SECONDS", "Features", "extract_features", "features_of_samples", "warm_up"]

MIN_SECONDS = 1.5
"""The shortest track that is analysed."""

_MIN_SECONDS_OF_A_PART = 3.0  # where the file breaks off: it is no loop

_PHASE = AnalysisWarning(
    "phase", "the channels cancel each other in mono: one of them may be inverted"
)
_FRAMES_AT_ONCE = 1 << 12  # a day of music should not be held twice
_NO_MUSIC = (NoAudio, DecodeFailed, TooShort, Silent)  # there may be some in another stream
_CODEC_ROUNDING = 0.1  # seconds that a codec's frames may cost the shortest track


def extract_features(
    file: str | os.PathLike[str] | SourceFile,
    engine: CqtEngine = "matrix",
    should_stop: Callable[[], bool] = lambda: False,
    opened: Callable[[float], None] = lambda seconds: None,
    *,
    stream: int | None = None,
    mean_only: bool = False,
) -> Features:
    """Decode a file and transform it, block by block.

    The spectrogram is that of the mean of the channels. Where they cancel each other, it is the
    power sum of their magnitudes, and the file is decoded once more for each further channel. Of
    several audio streams, another is tried where the first choice has no sound or next to none.

    Args:
        file: a path, or an opened file at its start, which is closed.
        engine: ``"librosa"`` is the reference; it holds the whole track in memory.
        should_stop: called after every block.
        opened: called once the file is open, with the seconds of sound that it probably holds.
        stream: the number of the only audio stream to take, counted from 0; None: any.
        mean_only: take the mean of channels that cancel, too.

    Returns:
        The spectrogram, ``(105, frames)``, with the seconds spent in ``"decode"``,
        ``"resample"``, ``"cqt"`` and ``"postprocess"``.

    Raises:
        AnalysisError: the file cannot be analysed; the class says why.
        Cancelled: ``should_stop()`` was true.
    """
    stages = Stages()
    rate = _transform(engine).sample_rate
    with AudioStream(file, rate, stages, stream=stream) as audio:
        opened(_credible(audio.expected_seconds))
        try:
            return _features(audio, engine, stages, should_stop, mean_only)
        except _NO_MUSIC as error:
            failure = error
    path = file.path if isinstance(file, SourceFile) else file
    for other in audio.other_streams:
        with contextlib.suppress(*_NO_MUSIC):
            return extract_features(path, engine, should_stop, stream=other, mean_only=mean_only)
    raise failure


def features_of_samples(
    samples: AnySamples, sample_rate: int, *, mean_only: bool = False
) -> Features:
    """Transform samples in memory: the features of a WAV file with the same samples.

    Args:
        samples: (n,) or (n, channels), as ``SampleStream`` takes them.
        sample_rate: in Hz.
        mean_only: as in ``extract_features``.

    Raises:
        AnalysisError: the samples cannot be analysed; the class says why.
    """
    stages = Stages()
    audio = SampleStream(samples, sample_rate, _transform("matrix").sample_rate, stages)
    return _features(audio, "matrix", stages, lambda: False, mean_only)


def _features(
    audio: AudioStream | SampleStream,
    engine: CqtEngine,
    stages: Stages,
    should_stop: Callable[[], bool],
    mean_only: bool,
) -> Features:
    """The features of what ``audio`` gives."""
    spectrogram = _spectrogram(audio, engine, stages, should_stop)
    duration, warnings = audio.duration, audio.warnings
    if audio.mix.cancels:
        warnings = (*warnings, _PHASE)
        for row in range(1, 1 if mean_only else audio.mix.channels):
            audio.rewind(row)
            part = _spectrogram(audio, engine, stages, should_stop)
            with stages.measure("postprocess"):
                _add_powers(spectrogram, part)
    with stages.measure("postprocess"):
        if float(spectrogram.max(initial=0)) < SILENCE:
            raise Silent(_with_damage("the mix of all channels is silent", warnings), warnings)
    return Features(spectrogram, duration, warnings, stages.seconds, stream=audio.stream)


def _spectrogram(
    stream: AudioStream | SampleStream,
    engine: CqtEngine,
    stages: Stages,
    should_stop: Callable[[], bool],
) -> FloatArray:
    """``log1p(|C|)`` of a stream at its start."""
    transform = _transform(engine)
    for block in stream:
        if should_stop():
            raise Cancelled
        if stream.duration > MAX_SECONDS:
            raise TooLong(f"there are more than {MAX_SECONDS / 3600:g} hours of sound")
        with stages.measure("cqt"):
            transform.push(block)
    breaks_off = any(warning.code == "truncated" for warning in stream.warnings)
    least = _MIN_SECONDS_OF_A_PART if breaks_off else MIN_SECONDS
    if stream.duration < least - _CODEC_ROUNDING:
        reason = (
            f"{stream.duration:.1f} seconds of sound are too little to tell a key from: "
            f"at least {least:g} are needed"
        )
        raise TooShort(_with_damage(reason, stream.warnings), stream.warnings)
    with stages.measure("cqt"):
        return transform.finish()


def _add_powers(spectrogram: FloatArray, part: FloatArray) -> None:
    """``log1p`` magnitudes of two mixes become, in the first, those of their power sum."""
    for first in range(0, spectrogram.shape[1], _FRAMES_AT_ONCE):
        here = spectrogram[:, first : first + _FRAMES_AT_ONCE]
        there = part[:, first : first + _FRAMES_AT_ONCE]
        shared = here[:, : there.shape[1]]
        shared[:] = np.log1p(np.hypot(np.expm1(shared), np.expm1(there)))


def _with_damage(reason: str, warnings: tuple[AnalysisWarning, ...]) -> str:
    """Damage may be why there is too little sound."""
    return "; ".join([reason, *(warning.message for warning in warnings)])


def _credible(seconds: float) -> float:
    """A file that claims more than is analysed gets no time for its claim."""
    return seconds if seconds <= MAX_SECONDS else 0.0


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
