"""One long file: the floor, our server, a librosa pipeline, and other key finders compared.

``python -m benchmarks.peers`` writes a track of nine minutes in five formats;
``python -m benchmarks.peers FILE ...`` uses real files. Every program is a process that stays
running and warm. All get the same files in turns, one request at a time, so that other load affects
all of them equally; seconds are from the request to the reply, medians of all rounds.

- *floor*: PyAV (MP3, M4A) or soundfile (WAV, FLAC, Ogg) decodes the file and drops the samples;
- *ours*: the server as an app starts it, or the exe given with ``--exe``;
- *ours, adaptive*: another one, with ``"effort": "adaptive"`` in its requests;
- *baseline*: ``librosa.load``, ``librosa.cqt`` and a CNN, as ``python -m benchmarks.baseline``;
- the peers given with ``--peer``; ``benchmarks/peers.md`` says how to install them.

A program that needs more than 20 seconds for a file has one round.
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import statistics
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from benchmarks import script
from benchmarks.music import EXTENSIONS, write_music
from benchmarks.peer_adapters import PEERS
from benchmarks.programs import ADAPTIVE, BASELINE, FLOOR, Program, peer_command, server_command
from benchmarks.script import audio_file, positive, progress
from keyscan.keys import Key

FLOOR_NAME, OURS, BASELINE_NAME = "floor", "ours", "baseline"
OURS_ADAPTIVE = "ours, adaptive"
SLOW_SECONDS = 20.0
BASELINE_BARS = {".wav": 10.0, ".flac": 4.0, ".mp3": 4.0, ".m4a": 4.0}
FLOOR_BARS = {".wav": 3.0, ".flac": 1.5, ".mp3": 1.5, ".m4a": 1.5}


@dataclass(frozen=True)
class Results:
    """``seconds`` of all rounds and ``failures``, the errors, by program and file."""

    seconds: dict[tuple[str, Path], list[float]]
    failures: dict[tuple[str, Path], str]

    def median(self, program: str, path: Path) -> float | None:
        """The median in seconds; None without an answer."""
        seconds = self.seconds.get((program, path))
        return statistics.median(seconds) if seconds else None

    def ratio(self, program: str, path: Path, other: str = OURS) -> float | None:
        """The ratio to the seconds of ``other``."""
        seconds, of_other = self.median(program, path), self.median(other, path)
        return None if seconds is None or of_other is None else seconds / of_other

    def is_slow(self, program: str) -> bool:
        """Whether the median of all its answers is slow; one long pause does not change it."""
        rows = (seconds for (name, _), seconds in self.seconds.items() if name == program)
        every = [value for row in rows for value in row]
        return bool(every) and statistics.median(every) > SLOW_SECONDS


def measure(programs: list[Program], paths: list[Path], repeats: int) -> Results:
    """Warm up, then request all files from all programs in turns."""
    results = Results(defaultdict(list), {})
    bar = progress(range(repeats + 1))
    for program in programs:
        warm_up(program, paths)
    bar.update()
    for number in range(repeats):
        going = [p for p in programs if not results.is_slow(p.name)]
        for path in paths:
            for program in going if number % 2 else going[::-1]:
                answer = program.ask(path)
                if answer.error:
                    results.failures[program.name, path] = answer.error
                else:
                    results.seconds[program.name, path].append(answer.seconds)
        bar.update()
    bar.close()
    return results


def warm_up(program: Program, paths: list[Path]) -> None:
    """Each file once; a slow program stops early."""
    for path in paths:
        if program.ask(path).seconds > SLOW_SECONDS:
            return


def print_seconds(programs: list[Program], paths: list[Path], results: Results) -> None:
    """The table of medians, the versions of the programs, and their errors."""
    print(f"| seconds (times ours) | {' | '.join(path.name for path in paths)} |")
    print("|---" * (1 + len(paths)) + "|")
    for program in programs:
        cells = []
        for path in paths:
            seconds, ratio = results.median(program.name, path), results.ratio(program.name, path)
            known = seconds is not None and ratio is not None
            cells.append(f"{seconds:.3f} ({ratio:.2f})" if known else "no answer")
        print(f"| {program.name} | {' | '.join(cells)} |")
    print()
    for program in programs:
        about = [f"{name} {value}" for name, value in program.ready.items() if name != "type"]
        once = ["measured once"] if results.is_slow(program.name) else []
        print(f"- {program.name}: {', '.join([*about, *once])}")
    for (name, path), error in results.failures.items():
        print(f"- {name}, {path.name}: {error}")
    if missing := sorted(set(PEERS) - {program.name for program in programs}):
        print(f"- not measured: {', '.join(missing)} (`--peer NAME=PYTHON`, see peers.md)")


def print_bars(paths: list[Path], results: Results) -> None:
    """The ratios with their bars, by file."""
    print(f"\n| ratio (bar) | {' | '.join(path.name for path in paths)} |")
    print("|---" * (1 + len(paths)) + "|")
    cells = [
        bar_cell(results.ratio(BASELINE_NAME, path), least=BASELINE_BARS.get(path.suffix.lower()))
        for path in paths
    ]
    print(f"| baseline / ours | {' | '.join(cells)} |")
    cells = [
        bar_cell(results.ratio(OURS, path, FLOOR_NAME), most=FLOOR_BARS.get(path.suffix.lower()))
        for path in paths
    ]
    print(f"| ours / floor | {' | '.join(cells)} |")
    cells = [bar_cell(results.ratio(OURS_ADAPTIVE, path)) for path in paths]
    print(f"| {OURS_ADAPTIVE} / ours | {' | '.join(cells)} |")


def bar_cell(ratio: float | None, least: float | None = None, most: float | None = None) -> str:
    """A ratio, with the result for its bar, if there is one."""
    if ratio is None:
        return "no answer"
    if least is not None:
        return f"{ratio:.2f} (at least {least:g}: {'met' if ratio >= least else 'missed'})"
    if most is not None:
        return f"{ratio:.2f} (at most {most:g}: {'met' if ratio <= most else 'missed'})"
    return f"{ratio:.2f}"


def commands_of(exe: Path | None, peers: dict[str, str]) -> dict[str, list[str]]:
    """All programs, by their names in the table."""
    return {
        FLOOR_NAME: list(FLOOR),
        OURS: server_command(exe),
        OURS_ADAPTIVE: server_command(exe),
        BASELINE_NAME: list(BASELINE),
        **{name: peer_command(name, python) for name, python in peers.items()},
    }


def peer(text: str) -> tuple[str, str]:
    """``NAME=PYTHON``.

    Raises:
        argparse.ArgumentTypeError: there is no such peer, or no such program.
    """
    name, _, python = text.partition("=")
    if name not in PEERS or not python:
        raise argparse.ArgumentTypeError(f"NAME=PYTHON with a name of {', '.join(PEERS)}")
    if shutil.which(python) is None:
        raise argparse.ArgumentTypeError(f"there is no program {python}")
    return name, python


def main() -> None:
    parser = script.parser("peers", __doc__)
    parser.add_argument("files", nargs="*", type=audio_file, help="real files instead of our own")
    parser.add_argument("--seconds", type=float, default=540.0, help="length of our own track")
    parser.add_argument("--repeats", type=positive, default=5, help="rounds of all files")
    parser.add_argument("--exe", type=Path, help="the frozen server, instead of Python's")
    parser.add_argument(
        "--peer", type=peer, action="append", default=[], metavar="NAME=PYTHON",
        help=f"a Python in which a peer is installed; names: {', '.join(PEERS)}",
    )  # fmt: skip
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        paths = options.files
        if not paths:
            paths = [Path(folder) / f"track.{extension}" for extension in EXTENSIONS]
            for path in progress(paths):
                write_music(path, Key.parse("A minor"), options.seconds)
        programs = [
            stack.enter_context(
                Program(name, command, fields=ADAPTIVE if name == OURS_ADAPTIVE else None)
            )
            for name, command in commands_of(options.exe, dict(options.peer)).items()
        ]
        results = measure(programs, paths, options.repeats)
        print_seconds(programs, paths, results)
        print_bars(paths, results)


if __name__ == "__main__":
    main()
