"""Is memory flat? Peak resident size against the length of a track and the length of the queue.

``python -m benchmarks.memory`` prints the README's tables. Each line is a fresh server, and its
sizes in MB (10^6 bytes) are the largest of a hundred looks a second, from its ``ready`` on: *all*
of the server and its workers together, in which pages that they share count once for each;
*server* and *worker* of each alone. The music is our own, and what is written stays in
``--folder`` if that is given, so that the next run need not write it again:

- the track's length: one piece of music repeated on the disk, as 16-bit stereo WAV (RF64 where it
  does not fit into 4 GB) and as MP3 of 128 kbit/s, without a bit reservoir, so that the frames of
  the piece can be repeated;
- the queue's length: so many requests at once for one file of four seconds, and for files that are
  not there. For the real file, a reset follows after ``--answers`` replies: the queue is longest
  at the beginning.

Exit code: 1 if a longer track needs more than the bar beyond one of five minutes, otherwise 0. The
bar is not measured where ``--lengths`` has no 5m, or nothing beyond it.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import struct
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tqdm import tqdm

from benchmarks.line_process import SERVER, LineProcess
from benchmarks.processes import Peak, PeakWatch
from examples.track import SAMPLE_RATE, encode, render_track, write_audio
from keyscan.keys import Key
from keyscan.options import count

BAR_MB = 150
VERDICTS = {True: "kept", False: "MISSED", None: "not measured"}
MEASURED_FROM = 300.0  # seconds of music: the bar is about what a longer track needs beyond that
PIECE_SECONDS = 60.0
QUEUED_SECONDS = 4.0
_LARGEST_WAV = 0xFFFFFFFF - 36
_UNITS = {"m": 60.0, "h": 3600.0}


def server(workers: int) -> LineProcess:
    """A fresh one, that gives no file up."""
    return LineProcess("the server", [*SERVER, "-w", str(workers), "--timeout", "100000"])


@contextlib.contextmanager
def watched(workers: int) -> Iterator[tuple[LineProcess, Peak]]:
    """A fresh server, and its peak."""
    with server(workers) as process, PeakWatch(process.pid) as watch:
        yield process, watch.peak


def write_wav(path: Path, seconds: float) -> None:
    """A piece of music, repeated: RIFF/WAVE, or RF64 (EBU Tech 3306) above 4 GB."""
    write_audio(path.with_suffix(".piece.wav"), piece(), SAMPLE_RATE)
    data = path.with_suffix(".piece.wav").read_bytes()
    path.with_suffix(".piece.wav").unlink()
    data = data[data.index(b"data") + 8 :]
    size = round(seconds * SAMPLE_RATE) * 4
    form = b"fmt " + struct.pack("<IHHIIHH", 16, 1, 2, SAMPLE_RATE, SAMPLE_RATE * 4, 4, 16)
    if size <= _LARGEST_WAV:
        header = b"RIFF" + struct.pack("<I", size + 36) + b"WAVE" + form
        header += b"data" + struct.pack("<I", size)
    else:
        sizes = b"ds64" + struct.pack("<IQQQI", 28, size + 72, size, size // 4, 0)
        header = b"RF64\xff\xff\xff\xffWAVE" + sizes + form + b"data\xff\xff\xff\xff"
    write_repeated(path, header, data, size)


def write_mp3(path: Path, seconds: float) -> None:
    """A piece of music whose frames are repeated; no frame of it needs another one's bits."""
    part = path.with_suffix(".piece.mp3")
    encode(
        part,
        piece(),
        SAMPLE_RATE,
        "libmp3lame",
        bit_rate=128_000,
        encoder_options={"reservoir": "0"},
        muxer_options={"write_xing": "0", "id3v2_version": "0"},
    )
    data = part.read_bytes()
    part.unlink()
    repeats = max(1, round(seconds / PIECE_SECONDS))
    write_repeated(path, b"", data, len(data) * repeats)


def write_repeated(path: Path, header: bytes, data: bytes, size: int) -> None:
    """``header``, then ``data`` over and over until ``size`` bytes are written."""
    unfinished = path.with_name(path.name + ".unfinished")
    with unfinished.open("wb") as file:
        file.write(header)
        while size > 0:
            size -= file.write(data[:size])
    unfinished.rename(path)


def piece() -> Any:
    """(samples, 2) float32 of music."""
    return render_track(Key.parse("A minor"), PIECE_SECONDS)


WRITERS: dict[str, Callable[[Path, float], None]] = {"mp3": write_mp3, "wav": write_wav}


def peak_of_track(path: Path, seconds: float, workers: int) -> Peak:
    """Of one file from the request to its reply.

    Raises:
        SystemExit: the reply is no key, or has a warning, or another length.
    """
    with watched(workers) as (process, peak):
        process.send({"id": 1, "path": str(path)})
        reply = process.receive()
    if reply["code"] != "ok" or reply["warnings"] or abs(reply["duration"] / seconds - 1) > 0.01:
        raise SystemExit(f"{path.name} was not analysed well: {reply}")
    return peak


def peak_of_queue(path: Path, length: int, answers: int, workers: int) -> Peak:
    """Of so many requests for a file at once, until so many replies have come."""
    with watched(workers) as (process, peak):
        messages = [{"id": f"{path.name} {number}", "path": str(path)} for number in range(length)]
        sender = threading.Thread(target=process.send, args=messages)
        sender.start()
        for _ in range(min(length, answers)):
            process.receive()
        sender.join()
        process.send({"type": "reset"})
        process.receive("type", "reset_idle")
    return peak


def table_of_tracks(options: argparse.Namespace, folder: Path, progress: tqdm) -> bool | None:
    """Print it line by line; whether longer tracks stay below the bar, None if none was compared
    with one of five minutes."""
    print("| length | format | all, MB | server | worker | above 5 minutes |")
    print("|---|---|---|---|---|---|")
    flat: bool | None = None
    for name in options.formats:
        usual: Peak | None = None
        for seconds in sorted(options.lengths):
            path = folder / f"{duration_name(seconds)}.{name}"
            progress.set_description(path.name)
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
            tell(
                f"| {duration_name(seconds)} | {name.upper()} | {cells(peak)} | {above} |", progress
            )
    print(f"\nbar: {BAR_MB} MB above 5 minutes; {VERDICTS[flat]}\n")
    return flat


def table_of_queues(options: argparse.Namespace, folder: Path, progress: tqdm) -> None:
    """Print it line by line."""
    print("| requests | file | all, MB | server | worker |\n|---|---|---|---|---|")
    small = folder / "small.wav"
    if not small.exists():
        write_wav(small, QUEUED_SECONDS)
    for path, answers in ((small, options.answers), (folder / "missing.mp3", max(options.queues))):
        for length in options.queues:
            progress.set_description(f"{length:,} x {path.name}")
            peak = peak_of_queue(path, length, answers, options.workers)
            tell(f"| {length:,} | {path.stem} | {cells(peak)} |", progress)


def tell(line: str, progress: tqdm) -> None:
    """A line is there as soon as it is known, wherever it goes."""
    progress.write(line)
    sys.stdout.flush()
    progress.update()


def cells(peak: Peak) -> str:
    """All, server and worker in MB."""
    sizes = (peak.together, peak.server, peak.worker)
    return " | ".join(f"{size / 1e6:.0f}" for size in sizes)


def duration_name(seconds: float) -> str:
    """As the options write it: ``5m``, ``10h``."""
    unit = max((u for u, size in _UNITS.items() if seconds >= size), key=lambda u: _UNITS[u])
    return f"{seconds / _UNITS[unit]:g}{unit}"


def _duration(text: str) -> float:
    match = re.fullmatch(r"([1-9]\d*)([mh])", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"must be a length such as 5m or 10h, not {text!r}")
    return float(match[1]) * _UNITS[match[2]]


def _whole(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"must be a whole number from 1, not {text!r}")
    return int(text)


def build_parser() -> argparse.ArgumentParser:
    """All options with their defaults."""
    parser = argparse.ArgumentParser(
        prog="benchmarks.memory",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    lengths = [_duration(text) for text in ("1m", "5m", "30m", "1h", "3h", "10h")]
    add("--lengths", type=_duration, nargs="*", default=lengths, help="of tracks: 5m 10h")
    add("--formats", choices=WRITERS, nargs="*", default=list(WRITERS))
    add("--queues", type=_whole, nargs="*", default=[10, 1_000, 10_000, 100_000])
    add("--answers", type=_whole, default=2_000, help="of the real file, before a reset")
    add("-w", "--workers", type=count, default=1)
    add("--folder", type=Path, help="where the files are and stay; they take 10 GB")
    return parser


def main() -> int:
    options = build_parser().parse_args()
    lines = len(options.formats) * len(options.lengths) + 2 * len(options.queues)
    with tempfile.TemporaryDirectory() as temporary:
        folder = (options.folder or Path(temporary)).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        start = time.monotonic()
        with tqdm(total=lines, leave=False, disable=not sys.stderr.isatty()) as progress:
            flat = table_of_tracks(options, folder, progress) if options.lengths else None
            if options.queues:
                table_of_queues(options, folder, progress)
    print(f"\n{options.workers} worker(s), {time.monotonic() - start:.0f} s")
    return 1 if flat is False else 0


if __name__ == "__main__":
    sys.exit(main())
