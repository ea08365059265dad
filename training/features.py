"""Sets of wide spectrograms with keys: ``NAME.npz`` and the table ``NAME.tsv`` beside it.

The arrays ``"000"``, ``"001"``, ... are ``log1p`` magnitudes, float16, ``(WIDE_BINS, frames)``. The
table has the columns id, key, seconds and title; an id is the name of an array.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from keyscan.keys import Key
from training.files import write_whole
from training.shards import WIDE_BINS
from training.tables import DatasetError

_DAMAGE = (EOFError, OSError, ValueError, NotImplementedError, zipfile.BadZipFile, zlib.error)


class Labelled(NamedTuple):
    """A recording: a spectrogram ``(WIDE_BINS, frames)``, its key, length and title."""

    spectrogram: npt.NDArray[np.float16]
    key: Key
    seconds: float
    title: str


def array_names(path: Path) -> frozenset[str]:
    """The names of the arrays in an ``.npz``.

    Raises:
        DatasetError: the file cannot be read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return frozenset(name.removesuffix(".npy") for name in archive.namelist())
    except _DAMAGE as error:
        raise DatasetError(f"{path}: cannot be read: {error}") from error


def read_array(path: Path, name: str) -> npt.NDArray[np.float32]:
    """One spectrogram of a set, shape ``(WIDE_BINS, frames)``.

    Raises:
        DatasetError: there is no such array, it is damaged, or it is not a wide spectrogram.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            array = np.asarray(arrays[name])
    except KeyError as error:
        raise DatasetError(f"{path}: no array {name!r}") from error
    except _DAMAGE as error:
        raise DatasetError(f"{path}: array {name!r} cannot be read: {error}") from error
    if array.ndim != 2 or array.shape[0] != WIDE_BINS or not array.shape[1]:
        wanted = f"({WIDE_BINS} bins, frames)"
        raise DatasetError(f"{path}: array {name!r} has the shape {array.shape}, not {wanted}")
    if array.dtype.kind != "f" or not np.isfinite(array).all():
        raise DatasetError(f"{path}: array {name!r} does not hold finite magnitudes")
    return array.astype(np.float32)


def write_features(path: Path, recordings: Iterable[Labelled]) -> None:
    """Write a set; the files depend only on ``recordings``, which are taken one at a time.

    Raises:
        OSError: the files cannot be written.
    """
    lines = ["id\tkey\tseconds\ttitle"]
    with write_whole(path) as file, zipfile.ZipFile(file, "w") as archive:
        for number, recording in enumerate(recordings):
            name = f"{number:03d}"
            entry = zipfile.ZipInfo(f"{name}.npy")  # with a fixed time
            with archive.open(entry, "w", force_zip64=True) as member:
                np.lib.format.write_array(member, recording.spectrogram, allow_pickle=False)
            title = " ".join(recording.title.split())
            key = recording.key.name("sharps")
            lines.append(f"{name}\t{key}\t{recording.seconds:.1f}\t{title}")
    with write_whole(path.with_suffix(".tsv")) as file:
        file.write("".join(line + "\n" for line in lines).encode("utf-8"))
