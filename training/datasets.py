"""Recordings with known keys, for checkpoint selection and evaluation, and how to load them.

``training.sources`` reads published data sets.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from keyscan.keys import Key
from keyscan.spectrogram.constant_q import FILTER_BANK_PATH, N_BINS, load_filter_bank
from keyscan.spectrogram.features import extract_features
from training.features import array_names, read_array
from training.files import write_whole
from training.processes import single_threaded
from training.shards import MARGIN_BINS
from training.tables import DatasetError as DatasetError
from training.tables import parse_key, read_rows


@dataclass(frozen=True)
class Track:
    """A file, its true key, and the part that the label applies to (None: the whole file).

    ``member``: the name of the track's array, if the file is a set of ``training.features``.
    """

    path: Path
    key: Key
    start: float = 0.0
    length: float | None = None
    member: str | None = None
    title: str = ""

    @property
    def name(self) -> str:
        """The name of the file, or that of the array and the title."""
        return self.path.name if self.member is None else f"{self.member} {self.title}".strip()


class Skipped(NamedTuple):
    """A track whose label is not used: the reason, and the label if it is the reason."""

    name: str
    reason: str
    label: str = ""


@dataclass(frozen=True)
class TrackSet:
    """``missing``: labelled files without audio; ``skipped``: tracks with an unusable label."""

    name: str
    tracks: tuple[Track, ...]
    missing: tuple[Path, ...] = ()
    skipped: tuple[Skipped, ...] = ()


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # the name is longer than the system allows
        return False


def split_missing(name: str, tracks: Iterable[Track], skipped: Iterable[Skipped] = ()) -> TrackSet:
    """The set of the tracks whose files exist; the others are ``missing``."""
    found, missing = [], []
    for track in tracks:
        if _is_file(track.path):
            found.append(track)
        else:
            missing.append(track.path)
    return TrackSet(name, tuple(found), tuple(missing), tuple(skipped))


def read_folder(folder: Path) -> TrackSet:
    """A folder with ``labels.tsv``: a header ``file<TAB>key``, then a line a track.

    Raises:
        DatasetError: the table is missing, or a line is invalid.
    """
    rows = read_rows(folder / "labels.tsv", ("file", "key"))
    tracks = [Track(folder / row["file"], parse_key(row["key"], where)) for where, row in rows]
    return split_missing(folder.absolute().name, tracks)


def read_features(path: Path) -> TrackSet:
    """A set of ``training.features``: ``NAME.npz``, with ``NAME.tsv`` beside it.

    Raises:
        DatasetError: a file cannot be read, a line is invalid, or its array does not exist.
    """
    names = array_names(path)
    tracks: dict[str, Track] = {}
    for where, row in read_rows(path.with_suffix(".tsv"), ("id", "key")):
        name = row["id"]
        if name not in names:
            raise DatasetError(f"{where}: {path.name} has no array {name!r}")
        if name in tracks:
            raise DatasetError(f"{where}: the id {name!r} again")
        key, title = parse_key(row["key"], where), row.get("title") or ""
        tracks[name] = Track(path, key, member=name, title=title)
    return TrackSet(path.stem, tuple(tracks.values()))


def read_votes(table: Path, root: Path, agree: int) -> TrackSet:
    """Excerpts on which at least ``agree`` estimators gave one key; audio below ``root/PACKAGE``.

    Raises:
        DatasetError: the table cannot be read, or a line is invalid.
    """
    columns = ("package", "path_end", "start_s", "length_s", "agree", "key")
    tracks = []
    files: dict[str, list[Path]] = {}
    for where, row in read_rows(table, columns):
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
        tracks.append(Track(path, parse_key(row["key"], where), start, length))
    return split_missing(table.stem, tracks)


@cache
def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _cached_path(folder: Path, track: Track) -> Path:
    """The name depends on the content of the file, the part, and the filter bank."""
    status = track.path.stat()
    file = (str(track.path.resolve()), status.st_size, status.st_mtime_ns)
    identity = repr((*file, track.start, track.length, _digest(FILTER_BANK_PATH)))
    return folder / (hashlib.sha256(identity.encode()).hexdigest()[:24] + ".npy")


def _part(spectrogram: npt.NDArray[np.float32], track: Track) -> npt.NDArray[np.float32]:
    """The frames that the track's label applies to."""
    bank = load_filter_bank()
    frames_per_second = bank.sample_rate / bank.hop_length
    first = round(track.start * frames_per_second)
    last = None if track.length is None else first + round(track.length * frames_per_second)
    return np.ascontiguousarray(spectrogram[:, first:last])


@single_threaded
def load_spectrogram(track: Track, cache_folder: Path | None = None) -> npt.NDArray[np.float32]:
    """The analyser's features of the track's part, shape ``(105, frames)``.

    Raises:
        AnalysisError: the file cannot be analysed.
        DatasetError: the array of a set cannot be read; see ``read_array``.
        OSError: the cache cannot be written.
    """
    if track.member is not None:
        wide = read_array(track.path, track.member)
        return _part(wide[MARGIN_BINS : MARGIN_BINS + N_BINS], track)
    stored = None if cache_folder is None else _cached_path(cache_folder, track)
    if stored is not None and stored.exists():
        return np.asarray(np.load(stored, allow_pickle=False))
    part = _part(extract_features(track.path).spectrogram, track)
    if stored is not None:
        stored.parent.mkdir(parents=True, exist_ok=True)
        with write_whole(stored) as file:
            np.save(file, part)
    return part
