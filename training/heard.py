"""Labelled recordings on disk, as spectrograms named by their content."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from keyscan.errors import AnalysisError
from keyscan.spectrogram.constant_q import SILENCE
from keyscan.spectrogram.features import MIN_SECONDS
from training.datasets import Track
from training.excerpts import wide_spectrogram
from training.features import read_array
from training.files import write_whole
from training.processes import single_threaded
from training.shards import FRAMES_PER_SECOND, WIDE_BINS, CorpusError


class Heard(NamedTuple):
    """A spectrogram ``(WIDE_BINS, frames)``; ``problem``: an outcome and a message, or empty."""

    spectrogram: npt.NDArray[np.float16]
    seconds: npt.NDArray[np.float64]
    problem: npt.NDArray[np.str_]


def digest_of(track: Track) -> str:
    """The hash of the file's content, or of the array's.

    Raises:
        DatasetError: the array cannot be read.
        OSError: the file cannot be read.
    """
    if track.member is not None:
        array = read_array(track.path, track.member).astype(np.float16)
        return hashlib.sha256(array.tobytes()).hexdigest()
    with track.path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hear(track: Track) -> Heard:
    """Decode and transform a recording, or read its array.

    Raises:
        DatasetError: the array cannot be read.
    """
    problem = "", ""
    wide, seconds = np.empty((WIDE_BINS, 0), np.float32), 0.0
    try:
        if track.member is None:
            wide, seconds = wide_spectrogram(track.path)
        else:
            wide = read_array(track.path, track.member)
            seconds = (wide.shape[1] + 1) / FRAMES_PER_SECOND
        if seconds < MIN_SECONDS or not wide.shape[1]:
            problem = "too short", f"{seconds:.1f} s"
        elif wide.max() < SILENCE:
            problem = "silent", f"{seconds:.1f} s"
    except AnalysisError as error:
        problem = "failed", f"{error.code}: {error}"
    return Heard(wide.astype(np.float16), np.array(seconds), np.array(problem))


@single_threaded
def hear_to_disk(track: Track, path: Path) -> None:
    """Runs in a separate process."""
    heard = hear(track)
    with write_whole(path) as file:
        np.savez(file, **heard._asdict())


def heard_path(out: Path, digest: str) -> Path:
    return out / "tracks" / f"{digest}.npz"


def read_heard(out: Path, digest: str) -> Heard:
    """Raises CorpusError if the file is damaged."""
    path = heard_path(out, digest)
    try:
        with np.load(path, allow_pickle=False) as data:
            return Heard(**{name: data[name] for name in Heard._fields})
    except (EOFError, KeyError, OSError, ValueError, zipfile.BadZipFile) as error:
        raise CorpusError(f"{path}: damaged, remove it: {error}") from error
