"""Analysis in the caller's own process: a path in, everything that is known of the track out."""

from __future__ import annotations

import os
from pathlib import Path

from keyscan.analysis import Analysis
from keyscan.blas_threads import one_blas_thread
from keyscan.model.own_thread import model_thread
from keyscan.spectrogram.features import extract_features


def analyze(
    path: str | os.PathLike[str],
    *,
    timeline: bool = False,
    spectrogram: bool = False,
    stream: int | None = None,
    model_path: str | os.PathLike[str] | None = None,
) -> Analysis:
    """Analyse one audio file; the first call loads the model.

    The decoders run in this process, without the server's limits of time and memory: a file that
    crashes one of them ends the process. Threads may share a model. A call keeps one core busy:
    while there is one, BLAS has a single thread in the whole process.

    Args:
        path: of an audio or video file, in any format that the server knows.
        timeline: whether ``timeline``, the key over time, is wanted; otherwise it is None.
        spectrogram: whether ``spectrogram`` is wanted; otherwise it is None.
        stream: the number of the audio stream to analyse, counted from 0 among those of the file;
            None: the default one, or the next that is not silent, or the sum of stems.
        model_path: another checkpoint than the packaged one.

    Raises:
        AnalysisError: the file cannot be analysed; ``code`` and the message say why.
        ModelError: the checkpoint cannot be used.
    """
    model = model_thread(None if model_path is None else Path(model_path))
    with one_blas_thread():
        features = extract_features(path, stream=stream, mean_only=model.mean_only)
        return model.estimate(
            features, os.fspath(path), timeline=timeline, keep_spectrogram=spectrogram
        )
