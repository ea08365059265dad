"""Analysis in the caller's own process: path, file object or samples in, an ``Analysis`` out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import overload

import numpy as np

from keyscan.analysis import Analysis
from keyscan.audio.excerpts import NotInParts
from keyscan.audio.file_objects import BinaryFile, copied
from keyscan.audio.samples import AnySamples
from keyscan.blas_threads import one_blas_thread
from keyscan.errors import AnalysisError, InvalidInput
from keyscan.model.own_thread import ModelThread, model_thread
from keyscan.options import Effort, check_effort
from keyscan.spectrogram.excerpts import extract_in_parts
from keyscan.spectrogram.features import Features, extract_features, features_of_samples

StrPath = str | os.PathLike[str]


@overload
def analyze(
    path: StrPath | BinaryFile,
    *,
    timeline: bool = False,
    spectrogram: bool = False,
    stream: int | None = None,
    effort: Effort = "full",
    model_path: StrPath | None = None,
) -> Analysis: ...
@overload
def analyze(
    path: AnySamples,
    *,
    sample_rate: int,
    timeline: bool = False,
    spectrogram: bool = False,
    model_path: StrPath | None = None,
) -> Analysis: ...
def analyze(
    path: StrPath | BinaryFile | AnySamples,
    *,
    sample_rate: int | None = None,
    timeline: bool = False,
    spectrogram: bool = False,
    stream: int | None = None,
    effort: Effort = "full",
    model_path: StrPath | None = None,
) -> Analysis:
    """Analyse one audio file, or samples; the first call loads the model.

    The decoders run in this process, without the server's limits of time and memory: a file that
    crashes one of them ends the process. Threads may share a model. A call keeps one core busy:
    while there is one, BLAS has a single thread in the whole process.

    Args:
        path: of an audio or video file, in any format that the server knows; or a file object in
            binary mode, which is read from its position to its end, and then put back to that
            position if it is seekable; or samples, a numpy array (n,) or (n, channels) of floats
            with a full scale of 1, or of int16, int32 or uint8 as in a WAV file.
        sample_rate: of samples, in Hz; files state their own.
        timeline: whether ``timeline``, the key over time, is wanted; otherwise it is None.
        spectrogram: whether ``spectrogram`` is wanted; otherwise it is None.
        stream: the number of the audio stream to analyse, counted from 0 among those of the file;
            None: the default one, or the next that is not silent, or the sum of stems.
        effort: ``"adaptive"``: parts of a file at a path will do as long as they leave no doubt of
            its key; ``"full"``: the whole is analysed, as always for ``timeline``, ``spectrogram``,
            file objects and samples.
        model_path: another checkpoint than the packaged one.

    Raises:
        AnalysisError: there is no key; ``code`` and the message say why.
        InvalidInput: an ``AnalysisError`` and a ``ValueError``: an argument cannot be used.
        ModelError: the checkpoint cannot be used.
    """
    _check(path, sample_rate, stream)
    check_effort(effort)
    name = os.fspath(path) if isinstance(path, str | os.PathLike) else ""
    try:
        model = model_thread(None if model_path is None else Path(model_path))
        with one_blas_thread():
            if effort == "adaptive" and name and not (timeline or spectrogram):
                return _adaptive(name, stream, model)
            features = _features(path, sample_rate, stream, model)
            return model.estimate(features, name, timeline=timeline, keep_spectrogram=spectrogram)
    except AnalysisError as error:
        error.path = name
        raise


def _adaptive(path: str, stream: int | None, model: ModelThread) -> Analysis:
    try:
        features = extract_in_parts(path, stream=stream)
        heard = model.hear_stretches(features, path)
        if heard.is_certain():
            return heard.together
        features = extract_in_parts(path, stream=stream, stretches=features)
    except NotInParts:
        features = extract_features(path, stream=stream, mean_only=model.mean_only)
    return model.estimate(features, path, timeline=False, keep_spectrogram=False)


def _check(path: object, sample_rate: int | None, stream: int | None) -> None:
    """Refuse what is neither a path nor a file object nor samples, and arguments of another."""
    if isinstance(path, np.ndarray):
        if sample_rate is None:
            raise InvalidInput("samples need a sample_rate: the number of them a second, in Hz")
        if stream is not None:
            raise InvalidInput("samples have no streams: stream is for files")
        return
    if isinstance(path, os.PathLike):
        path = os.fspath(path)  # may be bytes
    if not (isinstance(path, str) or hasattr(path, "read")):
        raise InvalidInput(_wanted(path))
    if sample_rate is not None:
        raise InvalidInput("a file states its sample rate: sample_rate is for samples")


def _wanted(found: object) -> str:
    """What is needed instead of ``found``."""
    kind = type(found)
    name = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
    advice = ""
    if isinstance(found, bytes | bytearray | memoryview):
        advice = ": io.BytesIO makes a file object of a file's bytes, os.fsdecode a path of its own"
    elif hasattr(found, "__array__") or isinstance(found, list | tuple):
        advice = ": numpy.asarray makes an array, whose last axis must be that of the channels"
    return f"a path, a binary file object or a numpy array of samples is needed, not {name}{advice}"


def _features(
    path: StrPath | BinaryFile | AnySamples,
    sample_rate: int | None,
    stream: int | None,
    model: ModelThread,
) -> Features:
    if isinstance(path, np.ndarray):
        assert sample_rate is not None
        return features_of_samples(path, sample_rate, mean_only=model.mean_only)
    if isinstance(path, str | os.PathLike):
        return extract_features(path, stream=stream, mean_only=model.mean_only)
    with copied(path) as copy:
        return extract_features(copy, stream=stream, mean_only=model.mean_only)
