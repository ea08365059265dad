"""Write a corpus of synthetic music as wide constant-Q spectrograms.

``python -m training.synth --out runs/corpus --count 40000 --seed 1 --jobs 2 --bank runs/bank``

With ``--soundfont FILE...`` the excerpts are parts of songs over MMA's accompaniments.

Excerpt ``i`` depends only on the seed, the bank, the soundfonts and ``i``: an interrupted run
resumes where it stopped, and any shard can be made again.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Iterator, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from keyscan.spectrogram.constant_q import constant_q
from keyscan.spectrogram.features import MIN_SECONDS
from training.midi import RenderError, require_programs
from training.music.accompaniment import PER_SONG, make_song
from training.music.excerpt import Excerpt, make_excerpt
from training.music.sampled import SoundBank, SoundBankError
from training.processes import exit_on_signals, single_threaded, start_pool
from training.shards import CorpusError, open_corpus, shard_path, wide_bank, write_shard

SHARD_SIZE = 500
SECONDS = 24.0
_REPORT_EVERY = 15.0


@cache
def open_bank(folder: Path | None) -> SoundBank | None:
    """The sampled instruments in ``folder``, opened once per process; None stays None."""
    return None if folder is None else SoundBank(folder)


def _excerpts(
    seed: int, numbers: range, seconds: float, bank: SoundBank | None, soundfonts: Sequence[Path]
) -> Iterator[Excerpt]:
    if not soundfonts:
        for index in numbers:
            yield make_excerpt(seed, index, seconds, bank)
        return
    for index in range(numbers.start // PER_SONG, -(-numbers.stop // PER_SONG)):
        parts = make_song(seed, index, soundfonts, seconds, bank)
        yield from (parts[n % PER_SONG] for n in numbers if n // PER_SONG == index)


@single_threaded
def make_shard(
    folder: Path,
    bank: Path | None,
    soundfonts: Sequence[Path],
    seed: int,
    count: int,
    seconds: float,
    shard_size: int,
    number: int,
) -> int:
    """Synthesise and write shard ``number`` of a corpus of ``count``; returns its size."""
    filters, sounds = wide_bank(), open_bank(bank)
    spectrograms, keys = [], []
    numbers = range(number * shard_size, min((number + 1) * shard_size, count))
    for excerpt in _excerpts(seed, numbers, seconds, sounds, soundfonts):
        spectrograms.append(constant_q(excerpt.samples, filters).astype(np.float16))
        keys.append(excerpt.key.class_id)
    write_shard(folder, number, np.stack(spectrograms), np.array(keys, np.int8))
    return len(keys)


def synthesise(
    folder: Path,
    count: int,
    seed: int,
    jobs: int,
    seconds: float = SECONDS,
    shard_size: int = SHARD_SIZE,
    bank: Path | None = None,
    soundfonts: Sequence[Path] = (),
) -> None:
    """Make the missing shards in ``jobs`` processes; ``bank``: sampled instruments.

    With ``soundfonts``, songs over accompaniments.

    Raises:
        CorpusError: ``folder`` holds a corpus with other settings.
        RenderError: a soundfont is missing, or MMA or FluidSynth is missing or fails.
        SoundBankError: ``bank`` is not a sound bank, or is damaged.
        OSError: ``folder`` cannot be written.
    """
    settings: dict[str, Any] = {
        "seed": seed,
        "count": count,
        "seconds": seconds,
        "shard": shard_size,
    }
    sounds = open_bank(bank)
    recorded = sorted({i.soundfont for i in sounds.instruments}) if sounds else []
    settings["soundfonts"] = recorded
    if soundfonts:
        require_programs("mma", "fluidsynth")
        for path in soundfonts:
            if not path.is_file():
                raise RenderError(f"{path}: no such soundfont")
        settings["accompanied"] = [path.name for path in soundfonts]
    open_corpus(folder, settings)
    numbers = range(-(-count // shard_size))
    missing = [number for number in numbers if not shard_path(folder, number).exists()]
    made = count - sum(min(shard_size, count - number * shard_size) for number in missing)
    work = partial(make_shard, folder, bank, soundfonts, seed, count, seconds, shard_size)
    reported = time.monotonic()
    with (
        start_pool(jobs) as pool,
        tqdm(total=count, initial=made, unit="excerpt", disable=None) as progress,
    ):
        for size in pool.imap_unordered(work, missing):
            progress.update(size)
            made += size
            if progress.disable and time.monotonic() - reported > _REPORT_EVERY:
                reported = time.monotonic()
                print(f"{made} of {count} excerpts", flush=True)
    print(f"{count} excerpts in {folder}", flush=True)


def _check(count: int, seed: int, jobs: int, seconds: float) -> None:
    """Raises ValueError, naming the option, for an invalid value."""
    if count < 1:
        raise ValueError(f"--count: at least 1, not {count}")
    if seed < 0:
        raise ValueError(f"--seed: must not be negative: {seed}")
    if jobs < 1:
        raise ValueError(f"--jobs: at least 1, not {jobs}")
    if not MIN_SECONDS <= seconds < math.inf:
        raise ValueError(f"--seconds: at least {MIN_SECONDS:g}, not {seconds:g}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, default=Path("runs/corpus"), help="the corpus's folder")
    parser.add_argument("--count", type=int, default=40000, help="excerpts")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="length of an excerpt")
    parser.add_argument("--bank", type=Path, help="sampled instruments, see training.soundbank")
    parser.add_argument("--soundfont", type=Path, nargs="+", default=[], metavar="FILE",
                        help="make songs over MMA's accompaniments, played by these")  # fmt: skip
    arguments = parser.parse_args()
    try:
        _check(arguments.count, arguments.seed, arguments.jobs, arguments.seconds)
    except ValueError as error:
        parser.error(str(error))
    exit_on_signals()
    try:
        synthesise(
            arguments.out,
            arguments.count,
            arguments.seed,
            arguments.jobs,
            arguments.seconds,
            bank=arguments.bank,
            soundfonts=arguments.soundfont,
        )
    except (CorpusError, RenderError, SoundBankError, OSError) as error:
        sys.exit(f"training.synth: {error}")


if __name__ == "__main__":
    main()
