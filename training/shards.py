"""Spectrograms and their keys on disk, in numbered shards that are written atomically.

A corpus is a folder with ``settings.json`` and, per shard, ``shard-00000.npy`` (float16,
``(excerpts, WIDE_BINS, frames)``) and ``shard-00000.keys.npy`` (int8 class ids). Soft labels are in
``shard-00000.targets.npy`` (float16, ``(excerpts, 24)``): probabilities in the order of the class
ids; the keys are then the most probable ones.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import count, islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from keyscan.keys import KEYS, Key
from keyscan.spectrogram.constant_q import FilterBank, load_filter_bank
from training.files import write_whole
from training.filterbank import build_filter_bank
from training.music.timbres import SAMPLE_RATE

MARGIN_BINS = 12
"""The analyser's range plus half an octave on both sides, for transpositions by 6 semitones."""
WIDE_BINS = load_filter_bank().n_bins + 2 * MARGIN_BINS
FRAMES_PER_SECOND = load_filter_bank().sample_rate // load_filter_bank().hop_length
_ROUNDING = 0.01  # of the sum of 24 probabilities in float16


Target = npt.NDArray[np.float16]
"""Probabilities of the keys, ``(24,)``, in the order of ``class_id``; the sum is 1."""


class CorpusError(Exception):
    """A corpus that cannot be read or continued; the message says which file and why."""


@cache
def wide_bank() -> FilterBank:
    """The analyser's constant-Q filters with a margin, at the generator's sample rate."""
    analyser = load_filter_bank()
    return build_filter_bank(
        sample_rate=SAMPLE_RATE,
        hop_length=SAMPLE_RATE // FRAMES_PER_SECOND,
        fmin=analyser.fmin * 2 ** (-MARGIN_BINS / analyser.bins_per_octave),
        n_bins=WIDE_BINS,
        bins_per_octave=analyser.bins_per_octave,
    )


def shard_path(folder: Path, number: int) -> Path:
    return folder / f"shard-{number:05d}.npy"


def write_shard(
    folder: Path,
    number: int,
    spectrograms: npt.NDArray[np.float16],
    keys: npt.NDArray[np.int8],
    targets: npt.NDArray[np.float16] | None = None,
) -> None:
    """Writes the labels first: a shard with spectrograms is complete."""
    arrays = {".targets.npy": targets, ".keys.npy": keys, ".npy": spectrograms}
    for suffix, array in arrays.items():
        if array is not None:
            with write_whole(shard_path(folder, number).with_suffix(suffix)) as file:
                np.save(file, array)


def write_shards(
    folder: Path, excerpts: Iterable[tuple[npt.NDArray[np.float16], Key | Target]], size: int
) -> None:
    """Write spectrograms ``(WIDE_BINS, frames)`` of one length, all with keys or all with targets.

    ``size``: of a shard; the last one may be smaller.
    """
    remaining = iter(excerpts)
    for number in count():
        part = list(islice(remaining, size))
        if not part:
            break
        spectrograms, labels = zip(*part, strict=True)
        targets = [label for label in labels if not isinstance(label, Key)]
        keys = [label.class_id if isinstance(label, Key) else label.argmax() for label in labels]
        soft = np.stack(targets) if targets else None
        write_shard(folder, number, np.stack(spectrograms), np.array(keys, np.int8), soft)


def open_corpus(folder: Path, settings: Mapping[str, Any]) -> None:
    """Create ``folder``, or check that the corpus in it has the same settings.

    Raises:
        CorpusError: see ``check_corpus``.
        OSError: the folder cannot be written.
    """
    check_corpus(folder, settings)
    with write_whole(folder / "settings.json") as file:
        file.write((json.dumps(dict(settings), indent=1) + "\n").encode())


def check_corpus(folder: Path, settings: Mapping[str, Any]) -> None:
    """
    Raises:
        CorpusError: the folder holds a corpus with other settings, or its settings are damaged.
    """
    path = folder / "settings.json"
    found = read_settings(folder) if path.exists() else dict(settings)
    names = [n for n in found | dict(settings) if found.get(n) != settings.get(n)]
    if names:
        shown = ", ".join(f"{n} {found.get(n)}, not {settings.get(n)}" for n in names)
        raise CorpusError(f"{path}: begun with other settings: {shown}")


def read_settings(folder: Path) -> dict[str, Any]:
    """Raises CorpusError if ``folder`` holds no corpus."""
    path = folder / "settings.json"
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CorpusError(f"{path}: not a corpus: {error}") from error
    if not isinstance(settings, dict):
        raise CorpusError(f"{path}: not a corpus: not an object")
    return settings


class Corpus:
    """All finished shards of some folders, read through memory maps.

    ``keys``: class ids, ``(excerpts,)``; ``targets``: ``(excerpts, 24)``, one-hot where a shard has
    keys only.

    Raises:
        CorpusError: no shard, or a damaged shard.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self.settings = [read_settings(folder) for folder in folders]
        paths = [path for folder in folders for path in sorted(folder.glob("shard-?????.npy"))]
        if not paths:
            raise CorpusError(f"no shards in {', '.join(map(str, folders))}")
        self._shards: list[npt.NDArray[np.float16]] = []
        keys, targets = [], []
        for path in paths:
            shard, labels = _load(path, memory_map=True), _load(path.with_suffix(".keys.npy"))
            if shard.ndim != 3 or shard.shape[1] != WIDE_BINS or len(shard) != len(labels):
                raise CorpusError(f"{path}: damaged shard: shape {shard.shape}")
            self._shards.append(shard)
            keys.append(labels)
            targets.append(_targets(path.with_suffix(".targets.npy"), labels))
        self.keys: npt.NDArray[np.int8] = np.concatenate(keys)
        self.targets: npt.NDArray[np.float16] = np.concatenate(targets)
        self._starts = np.cumsum([0, *map(len, self._shards)])

    def __len__(self) -> int:
        return len(self.keys)

    def spectrogram(self, index: int) -> npt.NDArray[np.float16]:
        """Excerpt ``index``, shape ``(WIDE_BINS, frames)``."""
        shard = int(np.searchsorted(self._starts, index, side="right")) - 1
        return np.asarray(self._shards[shard][index - self._starts[shard]])


def _load(path: Path, *, memory_map: bool = False) -> npt.NDArray[Any]:
    """Raises CorpusError if the file is missing or damaged."""
    try:
        array: npt.NDArray[Any] = np.load(
            path, mmap_mode="r" if memory_map else None, allow_pickle=False
        )
    except (EOFError, OSError, ValueError) as error:
        raise CorpusError(f"{path}: damaged shard: {error}") from error
    return array


def _targets(path: Path, keys: npt.NDArray[np.int8]) -> npt.NDArray[np.float16]:
    """The targets in ``path``; without the file, one-hot rows of the keys.

    Raises:
        CorpusError: the file is damaged.
    """
    if not path.exists():
        return np.eye(len(KEYS), dtype=np.float16)[keys]
    targets = _load(path)
    if targets.shape != (len(keys), len(KEYS)) or targets.dtype != np.float16:
        raise CorpusError(f"{path}: damaged shard: {targets.dtype}, shape {targets.shape}")
    sums = targets.sum(1, dtype=np.float32)
    if not (targets >= 0).all() or not (abs(sums - 1) < _ROUNDING).all():
        raise CorpusError(f"{path}: damaged shard: a row is not 24 probabilities")
    return targets
