"""Peak resident size by the length of a track and by the length of the queue.

``python -m benchmarks.memory`` prints the tables of benchmarks/README.md. Each line is a fresh
server, and its sizes in MB (10^6 bytes) are maxima of a hundred samples a second, from ``ready``
on: *all* is the sum of the server and its workers, in which shared pages count once for each
process; *server* and *worker* are the largest single process. The music is our own, and the files
stay in ``--folder`` if that is given, for the next run:

- the track's length: one piece of music repeated on the disk, as 16-bit stereo WAV (RF64 above
  4 GB) and as MP3 of 128 kbit/s, without a bit reservoir, so that frames can be repeated;
- the queue's length: that many requests at once for one file of four seconds, and for a missing
  file. For the real file, a reset follows after ``--answers`` replies: the queue is longest at the
  beginning.

Exit code: 1 if a longer track exceeds the peak of one of five minutes by more than the bar,
otherwise 0. There is no check if ``--lengths`` lacks 5m, or a longer track.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import as_completed
from pathlib import Path

from tqdm import tqdm

from benchmarks import script
from benchmarks.music import LONG_PIECE_SECONDS, write_long_wav, write_plain_mp3
from benchmarks.processes import Peak, PeakWatch
from benchmarks.programs import SERVER, Program
from benchmarks.script import duration, duration_name, positive, progress

BAR_MB = 150
VERDICTS = {True: "kept", False: "MISSED", None: "not measured"}
MEASURED_FROM = 300.0  # seconds of music: the bar is for the difference to longer tracks
QUEUED_SECONDS = 4.0


def server(workers: int) -> Program:
    """A fresh server without a time limit."""
    return Program("the server", [*SERVER, "-w", str(workers), "--timeout", "100000"])


@contextlib.contextmanager
def watched(workers: int) -> Iterator[tuple[Program, Peak]]:
    """A fresh server, and its peak memory."""
    with server(workers) as process, PeakWatch(process.pid) as watch:
        yield process, watch.peak


WRITERS = {"mp3": write_plain_mp3, "wav": write_long_wav}


def peak_of_track(path: Path, seconds: float, workers: int) -> Peak:
    """The peak of one file, from the request to its reply.

    Raises:
        SystemExit: the file has no key, or the reply has a warning or another length.
    """
    with watched(workers) as (process, peak):
        process.analyze_whole(path, seconds)
    return peak


def peak_of_queue(path: Path, length: int, answers: int, workers: int) -> Peak:
    """The peak of ``length`` requests for a file at once, until ``answers`` replies arrive."""
    with watched(workers) as (process, peak):
        futures = [process.submit(path) for _ in range(length)]
        for _ in itertools.islice(as_completed(futures), answers):
            pass
        process.reset()
    return peak


def table_of_tracks(options: argparse.Namespace, folder: Path, bar: tqdm) -> bool | None:
    """Print the table of lengths; true if longer tracks meet the bar.

    None: there was no track of five minutes, or no longer one.
    """
    print("| length | format | all, MB | server | worker | above 5 minutes |")
    print("|---|---|---|---|---|---|")
    flat: bool | None = None
    for name in options.formats:
        usual: Peak | None = None
        for seconds in sorted(options.lengths):
            path = folder / f"{duration_name(seconds)}.{name}"
            bar.set_description(path.name)
            if not path.exists():
                WRITERS[name](path, seconds)
            peak = peak_of_track(path, seconds, options.workers)
            if options.folder is None:
                path.unlink()
            above = ""
            if usual is not None:
                more = (peak.together - usual.together) / 1e6
                above, flat = f"{more:+.0f}", flat is not False and more <= BAR_MB
            if seconds == MEASURED_FROM:
                usual = peak
            tell(f"| {duration_name(seconds)} | {name.upper()} | {cells(peak)} | {above} |", bar)
    print(f"\nbar: {BAR_MB} MB above 5 minutes; {VERDICTS[flat]}\n")
    return flat


def table_of_queues(options: argparse.Namespace, folder: Path, bar: tqdm) -> None:
    """Print the table of requests, line by line."""
    print("| requests | file | all, MB | server | worker |\n|---|---|---|---|---|")
    small = folder / "small.wav"
    if not small.exists():
        write_long_wav(small, QUEUED_SECONDS)
    for path, answers in ((small, options.answers), (folder / "missing.mp3", max(options.queues))):
        for length in options.queues:
            bar.set_description(f"{length:,} x {path.name}")
            peak = peak_of_queue(path, length, answers, options.workers)
            tell(f"| {length:,} | {path.stem} | {cells(peak)} |", bar)


def tell(line: str, bar: tqdm) -> None:
    """Print a line immediately, above the progress bar."""
    bar.write(line)
    sys.stdout.flush()
    bar.update()


def cells(peak: Peak) -> str:
    """The cells of *all*, *server* and *worker*, in MB."""
    sizes = (peak.together, peak.server, peak.worker)
    return " | ".join(f"{size / 1e6:.0f}" for size in sizes)


def _whole_minutes(text: str) -> float:
    seconds = duration(text)
    if seconds % LONG_PIECE_SECONDS:
        raise argparse.ArgumentTypeError(f"must be a length such as 5m or 10h, not {text!r}")
    return seconds


def build_parser() -> argparse.ArgumentParser:
    """All options with their defaults."""
    parser = script.parser("memory", __doc__)
    add = parser.add_argument
    lengths = [duration(text) for text in ("1m", "5m", "30m", "1h", "3h", "10h")]
    add("--lengths", type=_whole_minutes, nargs="*", default=lengths, help="for example 5m 10h")
    add("--formats", choices=WRITERS, nargs="*", default=list(WRITERS))
    add("--queues", type=positive, nargs="*", default=[10, 1_000, 10_000, 100_000])
    add("--answers", type=positive, default=2_000, help="replies for the real file before a reset")
    add("-w", "--workers", type=positive, default=1)
    add("--folder", type=Path, help="keep the files here; they take 10 GB")
    return parser


def main() -> int:
    options = build_parser().parse_args()
    lines = len(options.formats) * len(options.lengths) + 2 * len(options.queues)
    with tempfile.TemporaryDirectory() as temporary:
        folder = (options.folder or Path(temporary)).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        start = time.monotonic()
        with progress(total=lines) as bar:
            flat = table_of_tracks(options, folder, bar) if options.lengths else None
            if options.queues:
                table_of_queues(options, folder, bar)
    print(f"\n{options.workers} worker(s), {time.monotonic() - start:.0f} s")
    return 1 if flat is False else 0


if __name__ == "__main__":
    sys.exit(main())
