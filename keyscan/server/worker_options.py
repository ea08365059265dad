"""The server's options of the decoding processes: how many, how long, how large."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from keyscan.engine.worker_process import WorkerSettings
from keyscan.model_options import count
from keyscan.runtime import usable_cores
from keyscan.spectrogram.constant_q import CQT_ENGINES, CqtEngine

_LONGEST_SECONDS = 1e6  # a lock cannot be waited for much longer on every system
_MOST = 1 << 31  # files or MiB: no limit at all
_MEMORY_LIMIT: dict[CqtEngine, int] = {"matrix": 1024, "librosa": 8192}  # MiB
_LEAST_MEMORY = 200
_RECYCLE_MEMORY: dict[CqtEngine, int] = {"matrix": 256, "librosa": 2048}
_RECYCLE_FILES = 2000


def add_worker_options(
    parser: argparse.ArgumentParser, workers: Sequence[str] = ("-w", "--workers")
) -> None:
    """Let ``parser`` know the options that ``worker_settings`` reads, and ``workers``."""
    add = parser.add_argument
    cores = usable_cores()
    add(
        *workers,
        dest="workers",
        type=count,
        default=cores,
        metavar="N",
        help=f"decode up to N files at a time (default: one per CPU core, here {cores})",
    )
    add(
        "--timeout",
        type=seconds,
        default=120.0,
        metavar="SECONDS",
        help="give a file up after this long (default: 120)",
    )
    add(
        "--memory-limit",
        type=_memory_limit,
        metavar="MIB",
        help="give a file up whose decoding needs more memory (default: "
        f"{_MEMORY_LIMIT['matrix']}, with --cqt librosa {_MEMORY_LIMIT['librosa']})",
    )
    add(
        "--recycle-files",
        type=_size,
        default=_RECYCLE_FILES,
        metavar="N",
        help=f"replace a decoding process after N files (default: {_RECYCLE_FILES})",
    )
    add(
        "--recycle-memory",
        type=_size,
        metavar="MIB",
        help="replace one that has more memory than this after a file (default: "
        f"{_RECYCLE_MEMORY['matrix']}, with --cqt librosa {_RECYCLE_MEMORY['librosa']})",
    )
    add(
        "--cqt",
        choices=CQT_ENGINES,
        default="matrix",
        help="constant-Q engine: our matrix product, or librosa.cqt, the slow reference",
    )


def worker_settings(options: argparse.Namespace) -> WorkerSettings:
    """What a parser with the options of ``add_worker_options`` has found."""
    return WorkerSettings(
        options.cqt,
        options.timeout,
        (options.memory_limit or _MEMORY_LIMIT[options.cqt]) << 20,
        options.recycle_files,
        (options.recycle_memory or _RECYCLE_MEMORY[options.cqt]) << 20,
    )


def seconds(text: str) -> float:
    """The type of an option that is a time."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= _LONGEST_SECONDS:
        raise argparse.ArgumentTypeError(f"must be a number of seconds above 0, not {text!r}")
    return value


def _memory_limit(text: str) -> int:
    if (size := _size(text)) < _LEAST_MEMORY:
        raise argparse.ArgumentTypeError(
            f"must be at least {_LEAST_MEMORY}, which decoding takes, not {text!r}"
        )
    return size


def _size(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= _MOST:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1, not {text!r}")
    return int(text)
