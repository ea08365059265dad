"""Write a set of synthetic tracks with key changes, to tune and to evaluate timelines.

``python -m training.modulations.make --out FOLDER --count 120 --seed 7 --jobs 2 --bank BANK``

Track ``i`` depends only on the seed, the bank and ``i``: an interrupted run resumes where it
stopped, and the same command with a larger ``--count`` extends a set. Every track is a file,
``track-00000.npz``: ``spectrogram`` (float16, ``(105, frames)``, five frames a second, as from the
analyser's front end), and the truth as ``starts``, ``ends`` (seconds) and ``class_ids``. See
``training.modulations.tracks`` for their content.
"""

from __future__ import annotations

import argparse
import sys
import zipfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

from keyscan.analysis import Segment
from keyscan.keys import KEYS
from keyscan.spectrogram.constant_q import FloatArray, constant_q
from training.files import write_whole
from training.modulations.tracks import make_track
from training.music.sampled import SoundBankError
from training.processes import exit_on_signals, single_threaded, start_pool
from training.shards import MARGIN_BINS, CorpusError, open_corpus, read_settings, wide_bank
from training.synth import open_bank

_FORMAT = 1


@dataclass(frozen=True, eq=False)
class KnownTrack:
    """``spectrogram``: ``log1p(|C|)``, shape ``(105, frames)``; ``segments``: the truth.

    ``kind``: one key, changes, or mix.
    """

    name: str
    spectrogram: FloatArray
    segments: tuple[Segment, ...]
    kind: str


def track_path(folder: Path, index: int) -> Path:
    return folder / f"track-{index:05d}.npz"


@single_threaded
def write_track(folder: Path, bank: Path | None, seed: int, index: int) -> None:
    """Synthesise and write one track.

    Raises:
        SoundBankError: ``bank`` is not a sound bank, or is damaged.
        OSError: the file cannot be written.
    """
    track = make_track(seed, index, open_bank(bank))
    spectrogram = constant_q(track.samples, wide_bank())[MARGIN_BINS:-MARGIN_BINS]
    with write_whole(track_path(folder, index)) as file:
        np.savez_compressed(
            file,
            spectrogram=spectrogram.astype(np.float16),
            starts=np.array([segment.start for segment in track.segments]),
            ends=np.array([segment.end for segment in track.segments]),
            class_ids=np.array([KEYS.index(s.key) for s in track.segments if s.key], np.int8),
            kind=np.array(track.kind),
            styles=np.array(track.styles),
        )


def read_tracks(folder: Path) -> list[KnownTrack]:
    """All tracks of a set.

    Raises:
        CorpusError: ``folder`` holds no set, no track, or a damaged track.
    """
    read_settings(folder)
    paths = sorted(folder.glob("track-?????.npz"))
    if not paths:
        raise CorpusError(f"{folder}: no tracks in it")
    return [_read_track(path) for path in paths]


def _read_track(path: Path) -> KnownTrack:
    try:
        with np.load(path, allow_pickle=False) as data:
            segments = tuple(
                Segment(float(start), float(end), KEYS[class_id], confidence=1.0)
                for start, end, class_id in zip(
                    data["starts"], data["ends"], data["class_ids"], strict=True
                )
            )
            spectrogram = data["spectrogram"].astype(np.float32)
            return KnownTrack(path.stem, spectrogram, segments, str(data["kind"]))
    except (OSError, EOFError, ValueError, KeyError, IndexError, zipfile.BadZipFile) as error:
        raise CorpusError(f"{path}: damaged track: {error}") from error


def synthesise(folder: Path, count: int, seed: int, jobs: int, bank: Path | None = None) -> None:
    """Write the missing tracks up to ``count`` in ``jobs`` processes.

    Raises:
        CorpusError: ``folder`` holds a set with another seed or bank.
        SoundBankError: ``bank`` is not a sound bank, or is damaged.
        OSError: ``folder`` cannot be written.
    """
    sounds = open_bank(bank)
    recorded = sorted({i.soundfont for i in sounds.instruments}) if sounds else []
    open_corpus(folder, {"modulations": _FORMAT, "seed": seed, "soundfonts": recorded})
    missing = [index for index in range(count) if not track_path(folder, index).exists()]
    with (
        start_pool(jobs) as pool,
        tqdm(total=count, initial=count - len(missing), unit="track", mininterval=2) as progress,
    ):
        for _ in pool.imap_unordered(partial(write_track, folder, bank, seed), missing):
            progress.update()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, required=True, help="the set's folder")
    parser.add_argument("--count", type=int, default=120, help="tracks")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--bank", type=Path, help="sampled instruments, see training.soundbank")
    arguments = parser.parse_args()
    for name, least in (("count", 1), ("seed", 0), ("jobs", 1)):
        if getattr(arguments, name) < least:
            parser.error(f"--{name}: at least {least}, not {getattr(arguments, name)}")
    exit_on_signals()
    try:
        synthesise(arguments.out, arguments.count, arguments.seed, arguments.jobs, arguments.bank)
    except (CorpusError, SoundBankError, OSError) as error:
        sys.exit(f"training.modulations.make: {error}")


if __name__ == "__main__":
    main()
