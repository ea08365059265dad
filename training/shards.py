"""Spectrograms and their keys on disk, in numbered shards that are written atomically.

A corpus is a folder with ``settings.json`` and, per shard, ``shard-00000.npy`` (float16,
``(excerpts, WIDE_BINS, frames)``) and ``shard-00000.keys.npy`` (int8 class ids).
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

from keyscan.keys import Key
from keyscan.spectrogram.constant_q import FilterBank, load_filter_bank
from training.files import write_whole
from training.filterbank import build_filter_bank
from training.music.timbres import SAMPLE_RATE

MARGIN_BINS = 12
"""The analyser's range plus half an octave on both sides, for transpositions by 6 semitones."""
WIDE_BINS = load_filter_bank().n_bins + 2 * MARGIN_BINS
FRAMES_PER_SECOND = load_filter_bank().sample_rate // load_filter_bank().hop_length


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
    folder: Path, number: int, spectrograms: npt.NDArray[np.float16], keys: npt.NDArray[np.int8]
) -> None:
    """Writes the labels first: a shard with spectrograms is complete."""
    path = shard_path(folder, number)
    for part, array in ((path.with_suffix(".keys.npy"), keys), (path, spectrograms)):
        with write_whole(part) as file:
            np.save(file, array)


def write_shards(
    folder: Path, excerpts: Iterable[tuple[npt.NDArray[np.float16], Key]], size: int
) -> None:
    """Write spectrograms ``(WIDE_BINS, frames)`` of one length, with their keys.

    ``size``: of a shard; the last one may be smaller.
    """
    remaining = iter(excerpts)
    for number in count():
        part = list(islice(remaining, size))
        if not part:
            break
        keys = np.array([key.class_id for _, key in part], np.int8)
        write_shard(folder, number, np.stack([spectrogram for spectrogram, _ in part]), keys)


def open_corpus(folder: Path, settings: Mapping[str, Any]) -> None:
    """Create ``folder``, or check that the corpus in it has the same settings.

    Raises:
        CorpusError: the folder holds a corpus with other settings.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "settings.json"
    if path.exists():
        found = read_settings(folder)
        if found != dict(settings):
            raise CorpusError(f"{path}: begun with other settings: {found}, not {dict(settings)}")
        return
    path.write_text(json.dumps(dict(settings), indent=1) + "\n", encoding="utf-8")


def read_settings(folder: Path) -> dict[str, Any]:
    """Raises CorpusError if ``folder`` holds no corpus."""
    path = folder / "settings.json"
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CorpusError(f"{path}: not a corpus of training.synth: {error}") from error
    if not isinstance(settings, dict):
        raise CorpusError(f"{path}: not the settings of a corpus")
    return settings


class Corpus:
    """All finished shards of some folders, read through memory maps.

    Raises:
        CorpusError: no shard, or a damaged shard.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self.settings = [read_settings(folder) for folder in folders]
        paths = [path for folder in folders for path in sorted(folder.glob("shard-?????.npy"))]
        if not paths:
            raise CorpusError(f"no shards in {', '.join(map(str, folders))}")
        self._shards: list[npt.NDArray[np.float16]] = []
        keys = []
        for path in paths:
            try:
                shard = np.load(path, mmap_mode="r", allow_pickle=False)
                labels = np.load(path.with_suffix(".keys.npy"), allow_pickle=False)
            except (OSError, ValueError) as error:
                raise CorpusError(f"{path}: damaged shard: {error}") from error
            if shard.ndim != 3 or shard.shape[1] != WIDE_BINS or len(shard) != len(labels):
                raise CorpusError(f"{path}: damaged shard: shape {shard.shape}")
            self._shards.append(shard)
            keys.append(labels)
        self.keys: npt.NDArray[np.int8] = np.concatenate(keys)
        self._starts = np.cumsum([0, *map(len, self._shards)])

    def __len__(self) -> int:
        return len(self.keys)

    def spectrogram(self, index: int) -> npt.NDArray[np.float16]:
        """Excerpt ``index``, shape ``(WIDE_BINS, frames)``."""
        shard = int(np.searchsorted(self._starts, index, side="right")) - 1
        return np.asarray(self._shards[shard][index - self._starts[shard]])
