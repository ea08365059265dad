"""Processor time of ``keyscan.analyze`` in a program of its own, compared to the server.

``python -m benchmarks.api`` writes a track of 204 seconds in five formats;
``python -m benchmarks.api FILE ...`` uses real files. Two programs stay running and warm, and
analyse each file in turns, three times a turn:

- *server*: with one worker; its time is that of the worker and of the model's process;
- *analyze*: ``benchmarks.api_program``, whose environment sets no threads.

Times are medians over the rounds, in seconds of processor time a file.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks import script
from benchmarks.music import EXTENSIONS, write_music
from benchmarks.peers import bar_cell
from benchmarks.programs import SERVER, Program, check
from benchmarks.script import audio_file, positive, progress
from keyscan.keys import Key
from keyscan.runtime import THREAD_VARIABLES, usable_cores

SECONDS = 204.0
BAR = 1.1
_FILES_A_TURN = 3  # the system counts processor time in steps of 10 ms


def seconds_a_file(program: Program, path: Path) -> float:
    """Processor seconds that the program takes for a file."""
    before = program.processor_seconds()
    for _ in range(_FILES_A_TURN):
        check([program.ask(path)])
    return (program.processor_seconds() - before) / _FILES_A_TURN


def measure(
    programs: Sequence[Program], paths: Sequence[Path], rounds: int
) -> dict[Path, list[float]]:
    """The medians of each program for each file, after one turn to warm up."""
    turns: dict[tuple[Path, Program], list[float]] = {}
    for number in progress(range(rounds + 1)):
        for path in paths:
            for program in programs if number % 2 else programs[::-1]:
                seconds = seconds_a_file(program, path)
                if number:
                    turns.setdefault((path, program), []).append(seconds)
    return {path: [statistics.median(turns[path, one]) for one in programs] for path in paths}


def main() -> int:
    parser = script.parser("api", __doc__)
    parser.add_argument("files", nargs="*", type=audio_file, help="real files instead of our own")
    parser.add_argument("--rounds", type=positive, default=5)
    options = parser.parse_args()
    plain = {name: value for name, value in os.environ.items() if name not in THREAD_VARIABLES}
    command = [sys.executable, "-m", "benchmarks.api_program"]
    with (
        tempfile.TemporaryDirectory() as folder,
        Program("server", [*SERVER, "-w", "1"], env=plain) as server,
        Program("analyze", command, env=plain) as own,
    ):
        paths = options.files or [Path(folder) / f"track.{name}" for name in EXTENSIONS]
        for path in () if options.files else paths:
            write_music(path, Key.parse("A minor"), SECONDS)
        found = measure((server, own), paths, options.rounds)
    print(f"| {usable_cores()} cores | server, s | analyze, s | ratio (bar) |")
    print("|---|---|---|---|")
    for path, (of_server, of_own) in found.items():
        ratio = bar_cell(of_own / of_server, most=BAR)
        print(f"| {path.name} | {of_server:.3f} | {of_own:.3f} | {ratio} |")
    return 0 if all(own <= BAR * server for server, own in found.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
