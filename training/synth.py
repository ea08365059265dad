"""Write a corpus of synthetic music as wide constant-Q spectrograms.

``python -m training.synth --out runs/corpus --count 40000 --seed 1 --jobs 2 --bank runs/bank``

Excerpt ``i`` depends only on the seed, the bank and ``i``: an interrupted run resumes where it
stopped, and any shard can be made again.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import signal
import sys
import time
from functools import cache, partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

from keyscan.spectrogram.constant_q import constant_q
from keyscan.spectrogram.features import MIN_SECONDS
from training.music.excerpt import make_excerpt
from training.music.sampled import SoundBank, SoundBankError
from training.processes import single_threaded
from training.shards import CorpusError, open_corpus, shard_path, wide_bank, write_shard

SHARD_SIZE = 500
SECONDS = 24.0
_REPORT_EVERY = 15.0


@cache
def open_bank(folder: Path | None) -> SoundBank | None:
    """The sampled instruments in ``folder``, opened once per process; None stays None."""
    return None if folder is None else SoundBank(folder)


@single_threaded
def make_shard(
    folder: Path,
    bank: Path | None,
    seed: int,
    count: int,
    seconds: float,
    shard_size: int,
    number: int,
) -> int:
    """Synthesise and write shard ``number`` of a corpus of ``count``; returns its size."""
    filters, sounds = wide_bank(), open_bank(bank)
    spectrograms, keys = [], []
    for index in range(number * shard_size, min((number + 1) * shard_size, count)):
        excerpt = make_excerpt(seed, index, seconds, sounds)
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
) -> None:
    """Make the missing shards in ``jobs`` processes; ``bank``: sampled instruments.

    Raises:
        CorpusError: ``folder`` holds a corpus with other settings.
        SoundBankError: ``bank`` is not a sound bank, or is damaged.
        OSError: ``folder`` cannot be written.
    """
    settings = {"seed": seed, "count": count, "seconds": seconds, "shard": shard_size}
    sounds = open_bank(bank)
    recorded = sorted({i.soundfont for i in sounds.instruments}) if sounds else []
    open_corpus(folder, settings | {"soundfonts": recorded})
    numbers = range(-(-count // shard_size))
    missing = [number for number in numbers if not shard_path(folder, number).exists()]
    made = count - sum(min(shard_size, count - number * shard_size) for number in missing)
    work = partial(make_shard, folder, bank, seed, count, seconds, shard_size)
    reported = time.monotonic()
    with (
        multiprocessing.get_context("spawn").Pool(jobs) as pool,
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
    arguments = parser.parse_args()
    try:
        _check(arguments.count, arguments.seed, arguments.jobs, arguments.seconds)
    except ValueError as error:
        parser.error(str(error))
    # An exception lets the pool stop its processes; a bare SIGTERM would orphan them.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        synthesise(
            arguments.out,
            arguments.count,
            arguments.seed,
            arguments.jobs,
            arguments.seconds,
            bank=arguments.bank,
        )
    except (CorpusError, SoundBankError, OSError) as error:
        sys.exit(f"training.synth: {error}")


if __name__ == "__main__":
    main()
