"""Files a second of a mixed library: our server on one core and on all, and a librosa pipeline.

``python -m benchmarks.library`` writes 100 tracks in five formats, with different music and
lengths; ``python -m benchmarks.library FILE ...`` uses real files. The programs stay running and
warm, and analyse the whole library one after the other:

- *ours, one core*: pinned to one core, with one worker, all requests at once;
- *ours, all cores*: as an app starts it (or the exe given with ``--exe``), all requests at once;
- *ours, all cores, adaptive* (``--adaptive``): the same, with ``"effort": "adaptive"`` in its
  requests;
- *baseline*: ``python -m benchmarks.baseline``, one file after the other, with its libraries'
  default threads;
- *baseline, a process a core*: one process for each core; each gets the next file after its reply.

Processor seconds are those of all processes of a program. Our tracks repeat 20 seconds of music:
use real files to see how much work adaptive analysis saves. Linux only, because of the pinning.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import queue
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks import script
from benchmarks.music import EXTENSIONS, write_music
from benchmarks.peers import bar_cell
from benchmarks.programs import (
    ADAPTIVE,
    BASELINE,
    Answer,
    Program,
    check,
    on_one_core,
    server_command,
)
from benchmarks.script import audio_file, positive, progress
from keyscan.keys import KEYS
from keyscan.runtime import usable_cores

ONE_CORE, ALL_CORES = "ours, one core", "ours, all cores"
ADAPTIVE_NAME = "ours, all cores, adaptive"
BASELINE_NAME, BASELINES = "baseline", "baseline, a process a core"
CORES_BAR, BASELINE_BAR = 1.8, 6.0
ADAPTIVE_BAR = 0.55  # MP3, M4A and FLAC of four to eight minutes


@dataclass(frozen=True)
class Pass:
    """One pass over the library: seconds of wall time and of processor time."""

    seconds: float
    processor_seconds: float


Ways = dict[str, Callable[[Sequence[Path]], Pass]]


def write_library(
    folder: Path, files: int, shortest: float, longest: float, formats: Sequence[str] = EXTENSIONS
) -> list[Path]:
    """Tracks in all keys and in ``formats``, with random lengths between the two, in seconds."""
    lengths = np.random.default_rng(0).uniform(shortest, longest, files)
    paths = [folder / f"{n}.{formats[n % len(formats)]}" for n in range(files)]
    keys = [KEYS[n % len(KEYS)] for n in range(files)]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(usable_cores(), mp_context=context) as executor:
        written = executor.map(write_music, paths, keys, lengths, range(files))
        list(progress(written, total=files))
    return paths


def at_once(program: Program) -> Callable[[Sequence[Path]], Pass]:
    """One pass per round; the program gets all requests at once."""

    def go(paths: Sequence[Path]) -> Pass:
        before = program.processor_seconds()
        seconds = program.seconds_for(paths)
        return Pass(seconds, program.processor_seconds() - before)

    return go


def dealt(programs: Sequence[Program]) -> Callable[[Sequence[Path]], Pass]:
    """One pass per round; each program gets the next file after its reply."""

    def go(paths: Sequence[Path]) -> Pass:
        free: queue.SimpleQueue[Program] = queue.SimpleQueue()
        for program in programs:
            free.put(program)

        def ask(path: Path) -> Answer:
            program = free.get()
            answer = program.ask(path)
            free.put(program)
            return answer

        before = sum(program.processor_seconds() for program in programs)
        start = time.perf_counter()
        with ThreadPoolExecutor(len(programs)) as executor:
            check(list(executor.map(ask, paths)))
        seconds = time.perf_counter() - start
        return Pass(seconds, sum(program.processor_seconds() for program in programs) - before)

    return go


def start_all(exe: Path | None, adaptive: bool, stack: contextlib.ExitStack) -> Ways:
    """Start all programs; they end with ``stack``."""
    server = server_command(exe)
    with on_one_core():
        one = stack.enter_context(Program(ONE_CORE, [*server, "--workers", "1"]))
    every = stack.enter_context(Program(ALL_CORES, server))
    baselines = [
        stack.enter_context(Program(f"{BASELINE_NAME} {number}", BASELINE))
        for number in range(usable_cores())
    ]
    ways = {
        ONE_CORE: at_once(one),
        ALL_CORES: at_once(every),
        BASELINE_NAME: dealt(baselines[:1]),
        BASELINES: dealt(baselines),
    }
    if adaptive:
        program = stack.enter_context(Program(ADAPTIVE_NAME, server, fields=ADAPTIVE))
        ways[ADAPTIVE_NAME] = at_once(program)
    return ways


def measure(ways: Ways, paths: Sequence[Path], rounds: int) -> dict[str, Pass]:
    """Medians of all rounds, after a warm-up of a few files each."""
    passes: dict[str, list[Pass]] = defaultdict(list)
    for go in ways.values():
        go(paths[: 2 * len(EXTENSIONS)])
    turns = [name for number in range(rounds) for name in (ways if number % 2 else [*ways][::-1])]
    for name in progress(turns):
        passes[name].append(ways[name](paths))
    return {
        name: Pass(
            statistics.median(run.seconds for run in passes[name]),
            statistics.median(run.processor_seconds for run in passes[name]),
        )
        for name in ways
    }


def print_passes(passes: dict[str, Pass], files: int) -> None:
    """The table, and the ratios with their bars."""
    print(f"| {files} files | seconds | files a second | processor seconds a file |")
    print("|---|---|---|---|")
    for name, run in passes.items():
        rate, processor = files / run.seconds, run.processor_seconds / files
        print(f"| {name} | {run.seconds:.2f} | {rate:.2f} | {processor:.3f} |")
    print("\n| files a second | ratio (bar) |")
    print("|---|---|")
    ours = passes[ALL_CORES]
    for name, bar in ((ONE_CORE, CORES_BAR), (BASELINE_NAME, BASELINE_BAR), (BASELINES, None)):
        ratio = passes[name].seconds / ours.seconds
        print(f"| {ALL_CORES} / {name} | {bar_cell(ratio, least=bar)} |")
    if ADAPTIVE_NAME in passes:
        print("\n| adaptive / full | ratio (bar) |")
        print("|---|---|")
        adaptive = passes[ADAPTIVE_NAME]
        for name, ratio in (
            ("seconds", adaptive.seconds / ours.seconds),
            ("processor seconds", adaptive.processor_seconds / ours.processor_seconds),
        ):
            print(f"| {name} | {bar_cell(ratio, most=ADAPTIVE_BAR)} |")


def formats(text: str) -> tuple[str, ...]:
    """Formats of our own tracks, with commas.

    Raises:
        argparse.ArgumentTypeError: we do not write one of them.
    """
    names = tuple(text.split(","))
    if unknown := set(names) - set(EXTENSIONS):
        raise argparse.ArgumentTypeError(
            f"{', '.join(sorted(unknown))}: must be of {','.join(EXTENSIONS)}"
        )
    return names


def main() -> None:
    parser = script.parser("library", __doc__)
    parser.add_argument("files", nargs="*", type=audio_file, help="real files instead of our own")
    parser.add_argument("--tracks", type=positive, default=100, help="how many of our own")
    parser.add_argument("--shortest", type=float, default=120.0, help="seconds of our own tracks")
    parser.add_argument("--longest", type=float, default=420.0)
    parser.add_argument(
        "--formats", type=formats, default=EXTENSIONS, help="of our own tracks: mp3,m4a,flac"
    )
    parser.add_argument("--adaptive", action="store_true", help="measure adaptive analysis too")
    parser.add_argument("--rounds", type=positive, default=1, help="passes over the library")
    parser.add_argument("--exe", type=Path, help="the frozen server, instead of Python's")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        paths = options.files or write_library(
            Path(folder), options.tracks, options.shortest, options.longest, options.formats
        )
        programs = start_all(options.exe, options.adaptive, stack)
        passes = measure(programs, paths, options.rounds)
    print_passes(passes, len(paths))


if __name__ == "__main__":
    main()
