"""Recordings with known keys, for checkpoint selection and evaluation, never for training.

Supports three layouts: a folder with ``labels.tsv``, a checkout of the GiantSteps key dataset with
its audio (Knees et al., "Two data sets for tempo estimation and key detection in electronic dance
music annotated from user corrections", ISMIR 2015), and a table of votes on excerpts.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from keyscan.keys import Key
from keyscan.spectrogram.constant_q import FILTER_BANK_PATH, load_filter_bank
from keyscan.spectrogram.features import extract_features
from training.files import write_whole
from training.processes import single_threaded

_AUDIO_SUFFIXES = (".mp3", ".wav", ".flac", ".ogg", ".m4a")


class DatasetError(Exception):
    """A data set that cannot be read; the message names the file and the line."""


@dataclass(frozen=True)
class Track:
    """A file, its true key, and the part that the label applies to (None: the whole file)."""

    path: Path
    key: Key
    start: float = 0.0
    length: float | None = None


@dataclass(frozen=True)
class TrackSet:
    """``missing``: labelled files without audio."""

    name: str
    tracks: tuple[Track, ...]
    missing: tuple[Path, ...] = ()


def _parse_key(text: str, where: str) -> Key:
    try:
        return Key.parse(text)
    except ValueError as error:
        raise DatasetError(f"{where}: {error}") from error


def _rows(path: Path, columns: Iterable[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """(where, row) of a tab-separated table with a header; quotes have no special meaning."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
            lacking = set(columns) - set(reader.fieldnames or ())
            if lacking:
                raise DatasetError(f"{path}: no column {', '.join(sorted(lacking))}")
            for row in reader:
                where = f"{path}:{reader.line_num}"
                if any(row[column] is None for column in columns):
                    raise DatasetError(f"{where}: too few columns")
                yield where, row
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{path}: cannot be read: {error}") from error


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # the name is longer than the system allows
        return False


def _split(name: str, tracks: Iterable[Track]) -> TrackSet:
    found, missing = [], []
    for track in tracks:
        if _is_file(track.path):
            found.append(track)
        else:
            missing.append(track.path)
    return TrackSet(name, tuple(found), tuple(missing))


def read_folder(folder: Path) -> TrackSet:
    """A folder with ``labels.tsv``: a header ``file<TAB>key``, then a line a track.

    Raises:
        DatasetError: the table is missing, or a line is invalid.
    """
    rows = _rows(folder / "labels.tsv", ("file", "key"))
    tracks = [Track(folder / row["file"], _parse_key(row["key"], where)) for where, row in rows]
    return _split(folder.name, tracks)


def read_giantsteps(checkout: Path, audio: Path | None = None) -> TrackSet:
    """``annotations/key/ID.LOFI.key`` (or ``annotations/giantsteps/``), ``audio/ID.LOFI.mp3``.

    ``audio``: the audio folder, if outside the checkout.
    Annotations that do not name one of the 24 keys ("-", two keys, other modes) are left out, as
    in the dataset's own evaluation.

    Raises:
        DatasetError: the checkout has no annotations.
    """
    folders = [checkout / "annotations" / name for name in ("key", "giantsteps")]
    annotations = [path for folder in folders for path in sorted(folder.glob("*.key"))]
    if not annotations:
        raise DatasetError(f"{checkout}: no annotations/key/*.key: not a GiantSteps checkout")
    tracks = []
    for path in annotations:
        try:
            key = Key.parse(path.read_text(encoding="utf-8-sig").strip())
        except ValueError:
            continue
        except OSError as error:
            raise DatasetError(f"{path}: cannot be read: {error}") from error
        stem = path.name.removesuffix(".key")
        candidates = [(audio or checkout / "audio") / (stem + end) for end in _AUDIO_SUFFIXES]
        found = next((c for c in candidates if c.is_file()), candidates[0])
        tracks.append(Track(found, key))
    return _split("giantsteps", tracks)


def read_votes(table: Path, root: Path, agree: int) -> TrackSet:
    """Excerpts on which at least ``agree`` estimators gave one key; audio below ``root/PACKAGE``.

    Raises:
        DatasetError: the table cannot be read, or a line is invalid.
    """
    columns = ("package", "path_end", "start_s", "length_s", "agree", "key")
    tracks = []
    files: dict[str, list[Path]] = {}
    for where, row in _rows(table, columns):
        package = row["package"]
        if package not in files:
            files[package] = [p for p in (root / package).rglob("*") if p.is_file()]
        try:
            agreed, start, length = int(row["agree"]), float(row["start_s"]), float(row["length_s"])
        except ValueError as error:
            raise DatasetError(f"{where}: {error}") from error
        if agreed < agree:
            continue
        ending = "/" + row["path_end"]
        path = next((p for p in files[package] if str(p).endswith(ending)), root / row["path_end"])
        tracks.append(Track(path, _parse_key(row["key"], where), start, length))
    return _split(table.stem, tracks)


@cache
def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _cached_path(folder: Path, track: Track) -> Path:
    """The name depends on the content of the file, the part, and the filter bank."""
    status = track.path.stat()
    file = (str(track.path.resolve()), status.st_size, status.st_mtime_ns)
    identity = repr((*file, track.start, track.length, _digest(FILTER_BANK_PATH)))
    return folder / (hashlib.sha256(identity.encode()).hexdigest()[:24] + ".npy")


@single_threaded
def load_spectrogram(track: Track, cache_folder: Path | None = None) -> npt.NDArray[np.float32]:
    """The analyser's features of the track's part, shape ``(105, frames)``.

    Raises:
        AnalysisError: the file cannot be analysed.
        OSError: the cache cannot be written.
    """
    stored = None if cache_folder is None else _cached_path(cache_folder, track)
    if stored is not None and stored.exists():
        return np.asarray(np.load(stored, allow_pickle=False))
    spectrogram = extract_features(track.path).spectrogram
    bank = load_filter_bank()
    frames_per_second = bank.sample_rate / bank.hop_length
    first = round(track.start * frames_per_second)
    last = None if track.length is None else first + round(track.length * frames_per_second)
    part = np.ascontiguousarray(spectrogram[:, first:last])
    if stored is not None:
        stored.parent.mkdir(parents=True, exist_ok=True)
        with write_whole(stored) as file:
            np.save(file, part)
    return part
