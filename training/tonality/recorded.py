"""Evaluation tracks in no key, made from recorded phrases, drum loops and drum kits.

All random draws are seeded by folder names, so the same files give the same tracks. Debian's
packages asterisk-core-sounds-*-wav (phrases), lmms-common (loops), hydrogen-drumkits and
hydrogen-drumkits-effects (kits) hold such files.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr
from tqdm import tqdm

from keyscan.spectrogram.constant_q import FloatArray, constant_q, load_filter_bank
from training.datasets import DatasetError
from training.tonality.sounds import scatter

_SUFFIXES = frozenset((".aif", ".aiff", ".flac", ".ogg", ".wav"))
_RATE = load_filter_bank().sample_rate
_SILENCE = 1e-3  # pauses among the phrases, empty layers of kits
_SECONDS = (20, 60, 120)
_LOOP_SECONDS = 45
_SHOT_SECONDS = 5
_PER_VOICE = 8
_PER_KIT = 6


@dataclass(frozen=True, eq=False)
class Item:
    """A track, ``log1p`` magnitudes ``(105, frames)``, and its source folder or file."""

    name: str
    spectrogram: FloatArray


def voices(folder: Path) -> Iterator[FloatArray]:
    """Eight tracks of a folder's phrases, concatenated in random order."""
    phrases = _read_folder(folder)
    for number in range(_PER_VOICE):
        rng = random.Random(f"{folder.name}/{number}")
        missing, parts = rng.choice(_SECONDS) * _RATE, []
        while missing > 0:
            pause = np.zeros(int(rng.uniform(0.05, 0.5) * _RATE), np.float32)
            parts += [rng.choice(phrases), pause]
            missing -= len(parts[-2]) + len(pause)
        yield np.concatenate(parts)


def loops(folder: Path) -> Iterator[FloatArray]:
    """Each file of a folder, repeated for 45 seconds."""
    for loop in _read_folder(folder):
        yield np.tile(loop, -(-_LOOP_SECONDS * _RATE // len(loop)))


def kits(folder: Path) -> Iterator[FloatArray]:
    """Six tracks of three to six of a folder's shots, each shot in its own pattern."""
    shots = [shot[: _SHOT_SECONDS * _RATE] for shot in _read_folder(folder)]
    for number in range(_PER_KIT):
        rng = random.Random(f"{folder.name}/{number}")
        samples = rng.choice(_SECONDS) * _RATE
        step = 60 / rng.uniform(80, 175) / 4 * _RATE
        chosen = rng.sample(shots, min(len(shots), rng.randint(3, 6)))
        yield scatter(rng, [shot / np.abs(shot).max() for shot in chosen], step, samples)


KINDS: Mapping[str, Callable[[Path], Iterator[FloatArray]]] = {
    "voices": voices,
    "loops": loops,
    "kits": kits,
}


def read_recorded(kind: str, folders: Iterable[Path]) -> list[Item]:
    """The tracks that ``KINDS[kind]`` makes from each folder.

    Raises:
        DatasetError: a folder has no sound, or a file of it cannot be read.
    """
    bank = load_filter_bank()
    return [
        Item(f"{folder.name}/{number}", constant_q(samples, bank))
        for folder in tqdm(folders, desc=kind, unit="folder", disable=None, leave=False)
        for number, samples in enumerate(KINDS[kind](folder))
    ]


def _read_folder(folder: Path) -> Sequence[FloatArray]:
    """Every non-silent sound below ``folder``, in the order of the names."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES)
    sounds = [_read(path) for path in paths]
    audible = [sound for sound in sounds if np.abs(sound).max(initial=0) > _SILENCE]
    if not audible:
        raise DatasetError(f"{folder}: no sound ({', '.join(sorted(_SUFFIXES))}) in this folder")
    return audible


def _read(path: Path) -> FloatArray:
    """Mono at the analyser's rate."""
    try:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (OSError, soundfile.LibsndfileError) as error:
        raise DatasetError(f"{path}: cannot be read: {error}") from error
    return np.asarray(soxr.resample(samples.mean(1), rate, _RATE), np.float32)
