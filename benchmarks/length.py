"""Does a minute of music cost the same in a short file and in a long one?

``python -m benchmarks.length`` measures one warm server with one worker on files from 10 seconds
to 10 hours: from the request to its reply, in seconds for each minute of music. All lengths of a
format take turns, short ones as often as fit into ``--turn`` seconds, so that other load affects
all of them equally. Every file is read once before, and comes from the page cache if it fits into
it.

- *s/min*: wall time, the median of all runs; *ms*: the same for the whole file;
- *processor*: processor time of server and worker, the mean of all runs;
- *spread*: the difference of the largest and the smallest cost, as a share of their mean.

The music is our own, one minute of it repeated: 16-bit WAV (RF64 above 4 GB), FLAC, MP3 of
320 kbit/s, AAC of 256 kbit/s. The files stay in ``--folder`` if that is given; otherwise one format
at a time is on the disk, and WAV takes 9 GB.

Exit code: 1 if a format's spread is above the bar, otherwise 0. A single length has no spread.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm

from benchmarks import script
from benchmarks.memory import VERDICTS, server
from benchmarks.music import write_long_flac, write_long_packets, write_long_wav
from benchmarks.programs import Program
from benchmarks.script import duration, duration_name, positive, progress

BAR = 0.20


@dataclass
class Row:
    """A file of one length: seconds of wall time of each run, and of processor time of all."""

    path: Path
    seconds: float
    wall: list[float] = field(default_factory=list)
    processor: float = 0.0

    @property
    def per_minute(self) -> float:
        return statistics.median(self.wall) * 60 / self.seconds

    @property
    def processor_per_minute(self) -> float:
        return self.processor / len(self.wall) * 60 / self.seconds

    def cells(self) -> str:
        """The cells of the table's line."""
        milliseconds = statistics.median(self.wall) * 1000
        return (
            f"{self.path.suffix[1:].upper()} | {duration_name(self.seconds)} | {len(self.wall)} | "
            f"{milliseconds:.1f} | {self.per_minute:.4f} | {self.processor_per_minute:.4f}"
        )


WRITERS: dict[str, Callable[[Path, float], None]] = {
    "wav": write_long_wav,
    "flac": write_long_flac,
    "mp3": write_long_packets,
    "m4a": write_long_packets,
}


def prepare(path: Path, seconds: float) -> Row:
    """Write the file unless it exists, and read it into the page cache."""
    if not path.exists():
        unfinished = path.with_name(f"unfinished-{path.name}")
        WRITERS[path.suffix[1:]](unfinished, seconds)
        unfinished.rename(path)
    with path.open("rb") as file:
        while file.read(1 << 24):
            pass
    return Row(path, seconds)


def run(process: Program, row: Row) -> None:
    """Request a row's file once.

    Raises:
        SystemExit: the file has no key, or the reply has a warning or another length.
    """
    before = process.processor_seconds()
    row.wall.append(process.analyze_whole(row.path, row.seconds))
    row.processor += process.processor_seconds() - before


def measure(rows: list[Row], rounds: int, turn: float, bar: tqdm) -> None:
    """All rows in turns, on one server after a first file."""
    with server(workers=1) as process:
        run(process, Row(rows[0].path, rows[0].seconds))
        for number in range(rounds):
            for row in rows[:: -1 if number % 2 else 1]:
                bar.set_description(row.path.name)
                end = time.perf_counter() + turn
                run(process, row)
                while time.perf_counter() + statistics.median(row.wall) < end:
                    run(process, row)
                bar.update()


def spread(costs: list[float]) -> float:
    """The difference of the largest and the smallest, as a share of the mean."""
    return (max(costs) - min(costs)) / statistics.fmean(costs)


def build_parser() -> argparse.ArgumentParser:
    """All options with their defaults."""
    parser = script.parser("length", __doc__)
    add = parser.add_argument
    lengths = [duration(text) for text in ("10s", "30s", "1m", "5m", "30m", "1h", "3h", "10h")]
    add("--lengths", type=duration, nargs="+", default=lengths, help="for example 10s 5m 10h")
    add("--formats", choices=WRITERS, nargs="+", default=["mp3", "wav", "m4a"])
    add("--rounds", type=positive, default=3, help="rounds of all lengths")
    add("--turn", type=float, default=5.0, help="minimum seconds for a length in a round")
    add("--folder", type=Path, help="keep the files here")
    return parser


def main() -> int:
    options = build_parser().parse_args()
    lengths = sorted(set(options.lengths))
    even: dict[str, bool | None] = {}
    with (
        tempfile.TemporaryDirectory() as temporary,
        progress(total=options.rounds * len(lengths) * len(options.formats)) as bar,
    ):
        folder = (options.folder or Path(temporary)).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        bar.write("| format | length | runs | ms | s/min | processor, s/min |")
        bar.write("|---|---|---|---|---|---|")
        for name in options.formats:
            rows = [prepare(folder / f"{duration_name(s)}.{name}", s) for s in lengths]
            measure(rows, options.rounds, options.turn, bar)
            for row in rows:
                bar.write(f"| {row.cells()} |")
                if options.folder is None:
                    row.path.unlink()
            text, even[name] = "", None
            if len(rows) > 1:
                found = spread([row.per_minute for row in rows])
                computed = spread([row.processor_per_minute for row in rows])
                text, even[name] = f"spread {found:.0%} (processor {computed:.0%}), ", found <= BAR
            bar.write(f"\n{name.upper()}: {text}bar {BAR:.0%}: {VERDICTS[even[name]]}\n")
            sys.stdout.flush()
    return 1 if False in even.values() else 0


if __name__ == "__main__":
    sys.exit(main())
