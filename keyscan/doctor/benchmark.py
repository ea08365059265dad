"""How long a track of our own takes here, by format and stage."""

from __future__ import annotations

import statistics
import tempfile
import time
from dataclasses import dataclass
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
"""What collections are made of: timed here, and never left out of a self-test that passes."""

TRACK_SECONDS = 30
_REPEATS = 3


@dataclass(frozen=True)
class Timing:
    """Seconds for half a minute of music: ``first`` in all for the format's first file, the others
    medians of the files after it."""

    first: float
    decode: float
    resample: float
    cqt: float
    inference: float
    total: float


def benchmark(model: KeyModel) -> dict[str, Timing]:
    """Timings by format, of those that can be encoded here; one file at a time, in this process.

    Raises:
        OSError: there is no folder for temporary files.
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


def _time(model: KeyModel, path: Path) -> Timing:
    first = analyse(model, path)["total"]
    rows = [analyse(model, path) for _ in range(_REPEATS)]
    median = {name: statistics.median(row[name] for row in rows) for name in rows[0]}
    return Timing(
        first,
        median["decode"],
        median["resample"],
        median["cqt"],
        median["to_device"] + median["model_inference"],
        median["total"],
    )


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
