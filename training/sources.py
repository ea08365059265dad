"""Sources of recordings with known keys, in the layouts in which they are published.

- GiantSteps: Knees et al., "Two data sets for tempo estimation and key detection in electronic
  dance music annotated from user corrections", ISMIR 2015.
- GiantSteps-MTG: Faraldo et al., "A multi-profile method for key estimation in EDM", AES
  Conference on Semantic Audio 2017.
- FMAK: Wong and Hernandez, "FMAK: a dataset of key and mode annotations for the Free Music
  Archive", ISMIR 2023 (late-breaking); FMAKv2: Kong et al., "STONE: self-supervised tonality
  estimator", ISMIR 2024; the audio is FMA's (Defferrard et al., "FMA: a dataset for music
  analysis", ISMIR 2017).
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from keyscan.keys import Key
from training.datasets import Skipped, Track, TrackSet, read_features, read_folder, split_missing
from training.tables import DatasetError, read_rows

_AUDIO_SUFFIXES = (".mp3", ".wav", ".flac", ".ogg", ".m4a")
_NO_SINGLE_KEY = "no single key"
_MTG_SURE = "2"  # the confidence, from 0 to 2, of the labels that published trainings use
_FMAK_COLUMNS = ("track_id", "key_and_mode")
_KINDS = (
    "a folder with labels.tsv",
    "a set of spectrograms (NAME.npz, with NAME.tsv beside it)",
    "a checkout of GiantSteps (annotations/key/*.key) or of GiantSteps-MTG "
    "(annotations/annotations.txt), with audio/",
    f"a folder with FMAK's table (a .csv with the columns {' and '.join(_FMAK_COLUMNS)}) and "
    "FMA's audio (000/000002.mp3, at any depth)",
)


def read_source(path: Path) -> TrackSet:
    """The recordings of a source; its kind is that of the files in it.

    Raises:
        DatasetError: the source is of no known kind, or it cannot be read.
    """
    if path.suffix == ".npz":
        return read_features(path)
    if path.suffix == ".csv":
        return read_fmak(path)
    if (path / "labels.tsv").is_file():
        return read_folder(path)
    if _mtg_table(path).is_file() or _key_files(path):
        return read_giantsteps(path)
    if tables := [table for table in sorted(path.glob("*.csv")) if _is_fmak(table)]:
        return read_fmak(tables[0])
    if not path.exists():
        raise DatasetError(f"{path}: no such file or folder")
    raise DatasetError(f"{path}: none of these: {'; '.join(_KINDS)}")


def _key_files(checkout: Path) -> list[Path]:
    folders = [checkout / "annotations" / name for name in ("key", "giantsteps")]
    return [path for folder in folders for path in sorted(folder.glob("*.key"))]


def _mtg_table(checkout: Path) -> Path:
    return checkout / "annotations" / "annotations.txt"


def read_giantsteps(checkout: Path, audio: Path | None = None) -> TrackSet:
    """A checkout of GiantSteps or of GiantSteps-MTG, with its audio, ``audio/ID.LOFI.mp3``.

    ``audio``: the audio folder, if outside the checkout.

    GiantSteps has ``annotations/key/ID.LOFI.key`` (or ``annotations/giantsteps/``). Annotations
    that do not name one of the 24 keys ("-", two keys, other modes) are left out, as in the
    dataset's own evaluation. GiantSteps-MTG has ``annotations/annotations.txt``, with the columns
    ID, MANUAL KEY and C (confidence, 0 to 2); labels are left out unless they name a single key
    with confidence 2.

    Raises:
        DatasetError: the checkout has no annotations, or a line is invalid.
    """
    if _mtg_table(checkout).is_file():
        return _read_mtg(checkout, audio or checkout / "audio")
    annotations = _key_files(checkout)
    if not annotations:
        raise DatasetError(f"{checkout}: no annotations/key/*.key: not a GiantSteps checkout")
    tracks, skipped = [], []
    for path in annotations:
        stem = path.name.removesuffix(".key")
        try:
            text = path.read_text(encoding="utf-8-sig").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise DatasetError(f"{path}: cannot be read: {error}") from error
        key = _single_key(text)
        if key:
            tracks.append(Track(_audio_file(audio or checkout / "audio", stem), key))
        else:
            skipped.append(Skipped(stem, _NO_SINGLE_KEY, text))
    return split_missing("giantsteps", tracks, skipped)


def _read_mtg(checkout: Path, audio: Path) -> TrackSet:
    tracks, skipped = [], []
    for where, row in read_rows(_mtg_table(checkout), ("ID", "MANUAL KEY", "C")):
        stem, text, confidence = f"{row['ID']}.LOFI", row["MANUAL KEY"].strip(), row["C"].strip()
        if confidence not in ("0", "1", _MTG_SURE):
            raise DatasetError(f"{where}: confidence {confidence!r}, not 0, 1 or 2")
        if confidence != _MTG_SURE:
            skipped.append(Skipped(stem, f"confidence {confidence}"))
            continue
        key = _single_key(text)
        if key:
            tracks.append(Track(_audio_file(audio, stem), key))
        else:
            skipped.append(Skipped(stem, _NO_SINGLE_KEY, text))
    return split_missing("giantsteps-mtg", tracks, skipped)


def _single_key(label: str) -> Key | None:
    """None: none of the 24 keys, or several."""
    try:
        return Key.parse(label)
    except ValueError:
        return None


def _audio_file(folder: Path, stem: str) -> Path:
    candidates = [folder / (stem + suffix) for suffix in _AUDIO_SUFFIXES]
    return next((path for path in candidates if path.is_file()), candidates[0])


def read_fmak(table: Path) -> TrackSet:
    """``fmakv2.csv``, or the table of FMAK, and FMA's audio below its folder.

    The table has the columns ``track_id`` and ``key_and_mode`` among others; a file is named
    after its track's six digits. Labels that do not name one of the 24 keys are left out.

    Raises:
        DatasetError: the table cannot be read, or a line is invalid.
    """
    files = {path.stem: path for path in sorted(table.parent.rglob("*.mp3"))}
    tracks, skipped = [], []
    for where, number, text in _fmak_rows(table):
        if not (number.isascii() and number.isdecimal()):
            raise DatasetError(f"{where}: not a track_id: {number!r}")
        name = f"{int(number):06d}"
        key = _single_key(text)
        if key:
            tracks.append(Track(files.get(name, table.parent / name[:3] / f"{name}.mp3"), key))
        else:
            skipped.append(Skipped(name, _NO_SINGLE_KEY, text))
    return split_missing(table.stem, tracks, skipped)


def _fmak_rows(table: Path) -> Iterator[tuple[str, str, str]]:
    """(where, track_id, key_and_mode); FMAK's first table has another line above its header."""
    places: list[int] = []
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            for row in reader:
                if not places:
                    if set(_FMAK_COLUMNS) <= set(row):
                        places = [row.index(column) for column in _FMAK_COLUMNS]
                elif row:
                    where = f"{table}:{reader.line_num}"
                    if len(row) <= max(places):
                        raise DatasetError(f"{where}: too few columns")
                    number, text = (row[place].strip() for place in places)
                    yield where, number, text
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{table}: cannot be read: {error}") from error
    if not places:
        raise DatasetError(f"{table}: no columns {' and '.join(_FMAK_COLUMNS)}")


def _is_fmak(table: Path) -> bool:
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            return any(set(_FMAK_COLUMNS) <= set(row) for row in islice(csv.reader(file), 2))
    except (OSError, UnicodeDecodeError, csv.Error):
        return False
