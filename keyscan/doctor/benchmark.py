"""How long a generated track takes here, by format and stage."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from keyscan.doctor.track import SAMPLE_RATE, render_track, try_to_write
from keyscan.keys import Key
from keyscan.model.estimate import estimate_key
from keyscan.runtime import Stages, keep_freed_memory
from keyscan.spectrogram.features import extract_features, warm_up

if TYPE_CHECKING:
    from keyscan.model.checkpoint import KeyModel

FORMATS = ("wav", "flac", "ogg", "mp3", "m4a", "aac")
"""The formats of collections: timed here, and without them no self-test passes."""

TRACK_SECONDS = 30
_REPEATS = 3


def benchmark(model: KeyModel) -> dict[str, dict[str, float]]:
    """Seconds for half a minute of music by format and stage, one file at a time in this process.

    ``first`` is the total of a format's first file, the others are medians of the files after it.
    Formats that cannot be encoded here are left out.

    Raises:
        OSError: there is no folder for temporary files.
        AnalysisError: such a file cannot be read.
    """
    keep_freed_memory()  # as the server and its workers do
    warm_up()
    piece = render_track(Key.parse("A minor"), 10.0)
    samples = np.tile(piece, (TRACK_SECONDS // 10, 1))
    timings = {}
    with tempfile.TemporaryDirectory(prefix="keyscan-") as folder:
        for name in FORMATS:
            path = Path(folder) / f"track.{name}"
            if try_to_write(path, samples, SAMPLE_RATE):
                timings[name] = _time(model, path)
                path.unlink()
    return timings


def _time(model: KeyModel, path: Path) -> dict[str, float]:
    first = analyse(model, path)["total"]
    rows = [analyse(model, path) for _ in range(_REPEATS)]
    median = {name: statistics.median(row[name] for row in rows) for name in rows[0]}
    return {
        "first": first,
        "decode": median["decode"],
        "resample": median["resample"],
        "cqt": median["cqt"],
        "inference": median["to_device"] + median["model_inference"],
        "total": median["total"],
    }


def analyse(model: KeyModel, path: Path) -> dict[str, float]:
    """Seconds by stage, and in ``total``, of one file from decoding to the key.

    Raises:
        AnalysisError: the file cannot be analysed.
    """
    start = time.perf_counter()
    features = extract_features(path)
    stages = Stages()
    estimate_key(model, features.spectrogram, stages=stages)
    total = time.perf_counter() - start
    return {**features.seconds, **stages.seconds, "total": total}
