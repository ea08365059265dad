"""Search for inputs that crash the server, or that get an undocumented reply.

``python -m fuzzing --seconds 1800`` writes a valid file of every format in the tests, and of rarer
ones, damages them (bits, runs, numbers, cuts, copies, swaps, splices of two formats), and sends
them to the real server, eight at a time to two decoding processes; in between it sends damaged
lines. Each input follows from its number alone: ``--seed N`` starts at number N, and the summary
names the next one.

A finding is an effect that no input may have: no reply, two replies, a reply that is not JSON or
has an undocumented code, for a file a code that is not about its bytes (``timeout``,
``decoder_crashed``, ``internal_error``, but also ``file_not_found``), any text on stderr, the end
of the server, a decoding process of more than 400 MB, a file left behind, and a forbidden open file
or connection. The fuzzer checks open files and connections after every 200 files, and after each
file that it tries alone, so it misses those that are closed by then; ``tests/test_references.py``
shows with strace that the server opens no other file.

The fuzzer tries a file with a finding again alone, and reduces its edits to the necessary ones. It
writes the file and a Python function that makes it next to the list of findings; move the function
to ``tests/crafted/found.py``.

Exit code: 0 no new finding, 1 a new finding, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import itertools
import random
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from fuzzing.findings import Finding, Ledger
from fuzzing.generator import source_of
from fuzzing.inputs import FORMAT_NAMES, Originals
from fuzzing.lines import Lines
from fuzzing.media import Limits, Media
from fuzzing.minimise import minimise
from fuzzing.progress import Progress

_FILES_A_ROUND, _LINES_A_ROUND = 480, 480
_MINIMISE_SECONDS = 120.0


class Fuzzer:
    """Rounds of files and lines, until the time is over; ``number`` is the next one to try."""

    def __init__(self, options: argparse.Namespace, folder: Path, progress: Progress) -> None:
        self.number = options.seed
        self._formats: tuple[str, ...] = tuple(options.formats)
        self._kinds = (options.only,) if options.only else ("media", "lines")
        self._seconds: float = options.seconds
        self._end = float("inf")
        self._ledger = Ledger(options.failures)
        self._progress = progress
        self._originals = Originals()
        limits = Limits(options.timeout, options.memory << 20)
        self._media, self._lines = Media(self._originals, folder, limits), Lines(folder)

    def run(self) -> None:
        """Try inputs until the time is over."""
        self._end = time.monotonic() + self._seconds  # without the time to write the originals
        with self._media, self._lines:
            for start in itertools.count(self.number, _FILES_A_ROUND):
                if "media" in self._kinds:
                    self._files(start)
                if "lines" in self._kinds:
                    self._many_lines(start)
                if self._over():
                    return
                self.number = start + _FILES_A_ROUND

    def _over(self) -> bool:
        return time.monotonic() > self._end

    def _files(self, start: int) -> None:
        for number in range(start, start + _FILES_A_ROUND):
            if self._over():
                break
            mutant = self._originals.mutant(self._formats[number % len(self._formats)], number)
            for finding in self._media.try_out(mutant):
                self._keep_file(finding)
            self._progress.tried("media")
        for finding in self._media.drain():
            self._keep_file(finding)

    def _keep_file(self, finding: Finding) -> None:
        if self._ledger.knows(finding):
            return
        mutant = self._originals.mutant(finding.format, finding.number)
        alone = self._media.alone
        edits = minimise(
            mutant.edits,
            lambda some: alone.fails_alike(mutant, finding, some),
            _MINIMISE_SECONDS,
        )
        data = self._originals.bytes_of(mutant.with_edits(edits))
        source = source_of(finding, edits, mutant.checksums and b"OggS" in data)
        self._ledger.keep(finding, edits, {"": data, ".py": source.encode()})
        self._progress.found(f"NEW {finding.signature}: {finding.format} number {finding.number}, "
                             f"{len(edits)} edit(s): {finding.why}")  # fmt: skip

    def _many_lines(self, start: int) -> None:
        for number in range(start, start + _LINES_A_ROUND):
            if self._over():
                return
            finding = self._lines.try_out(number)
            if finding is not None and not self._ledger.knows(finding):
                self._keep_line(finding)
            self._progress.tried("line")

    def _keep_line(self, finding: Finding) -> None:
        number = finding.number
        edits = minimise(
            self._lines.edits(number),
            lambda some: self._lines.try_edits(number, some) is not None,
            _MINIMISE_SECONDS,
        )
        self._ledger.keep(finding, edits, {"": self._lines.edited(number, edits)})
        self._progress.found(f"NEW {finding.signature}: line {number}: {finding.why}")


def build_parser() -> argparse.ArgumentParser:
    """All options with their defaults."""
    parser = argparse.ArgumentParser(
        prog="python -m fuzzing",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--seconds", type=float, default=1800.0, help="how long to search (default: 1800)")
    add("--seed", type=int, help="the number of the first input (default: random)")
    add("--only", choices=("media", "lines"), help="only files, or only lines")
    add("--formats", nargs="+", choices=FORMAT_NAMES, default=FORMAT_NAMES, metavar="NAME",
        help=f"damage only files of these formats: {', '.join(FORMAT_NAMES)}")  # fmt: skip
    add("--failures", type=Path, default=Path("runs/fuzzing.jsonl"), metavar="FILE",
        help="the list of findings, each once (default: runs/fuzzing.jsonl)")  # fmt: skip
    add("--timeout", type=float, default=20.0, metavar="SECONDS",
        help="limit for one of these files of three seconds (default: 20)")  # fmt: skip
    add("--memory", type=int, default=400, metavar="MIB",
        help="limit for a decoding process (default: 400)")  # fmt: skip
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Search, and print a summary; returns the exit code."""
    options = build_parser().parse_args(arguments)
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(10**9)
    options.failures.parent.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    progress = Progress(options.seconds)
    progress.say(f"from number {options.seed} on, for {options.seconds:g} s")
    with tempfile.TemporaryDirectory(prefix="fuzzing-") as folder:
        fuzzer = Fuzzer(options, Path(folder), progress)
        try:
            fuzzer.run()
        except KeyboardInterrupt:
            progress.say("stopped")
    progress.close()
    print(f"{progress.elapsed:.0f} s: {progress.summary()}; go on with --seed {fuzzer.number}")
    return 1 if progress.findings else 0


if __name__ == "__main__":
    sys.exit(main())
