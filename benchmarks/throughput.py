"""The stages of one file in seconds, by format, next to the floor of decoding alone.

``python -m benchmarks.throughput`` writes a track of its own in five formats;
``python -m benchmarks.throughput FILE ...`` uses real files. Everything runs in this process on one
thread, once to warm up and then in turns. The table shows medians in seconds, and the ratio of our
whole analysis to the floor: PyAV (MP3, M4A) or soundfile (the others) decodes the file at its own
rate and channels and drops the samples. The last column is the share of the time from the file to
the spectrogram that the stretches of adaptive analysis take.
"""

from __future__ import annotations

import math
import statistics
import tempfile
import time
from functools import partial
from pathlib import Path

from keyscan import runtime

runtime.pin_threads()

import torch  # noqa: E402 - the threads must be pinned first

from benchmarks import script  # noqa: E402
from benchmarks.floor import decode  # noqa: E402
from benchmarks.music import repeated  # noqa: E402
from benchmarks.script import audio_file, positive, progress  # noqa: E402
from examples.track import SAMPLE_RATE, write_audio  # noqa: E402
from keyscan.audio.excerpts import NotInParts  # noqa: E402
from keyscan.doctor.benchmark import analyse  # noqa: E402
from keyscan.keys import Key  # noqa: E402
from keyscan.model.checkpoint import KeyModel, load_model  # noqa: E402
from keyscan.runtime import PREPROCESS_STAGES, keep_freed_memory  # noqa: E402
from keyscan.spectrogram.excerpts import extract_in_parts  # noqa: E402

STAGES = ("decode", "resample", "cqt", "to_device", "model_inference")
EXTENSIONS = ("wav", "flac", "ogg", "mp3", "m4a")


def write_track(folder: Path, seconds: float) -> list[Path]:
    """The same track in every format."""
    samples = repeated(Key.parse("A minor"), seconds, piece_seconds=30.0)
    paths = [folder / f"track.{extension}" for extension in EXTENSIONS]
    for path in paths:
        write_audio(path, samples, SAMPLE_RATE)
    return paths


def stretches(path: Path) -> float:
    """Seconds from the file to the spectrogram of its stretches; NaN if it has none."""
    start = time.perf_counter()
    try:
        extract_in_parts(path)
    except NotInParts:
        return math.nan
    return time.perf_counter() - start


def measure(model: KeyModel, path: Path, repeats: int) -> dict[str, float]:
    """Medians over ``repeats`` of our stages, the floor and the stretches, in turns."""
    floor = partial(decode, str(path))
    floor()
    stretches(path)
    analyse(model, path)
    rows = []
    for _ in range(repeats):
        start = time.perf_counter()
        floor()
        row = {"floor": time.perf_counter() - start, "stretches": stretches(path)}
        rows.append(row | analyse(model, path))
    return {name: statistics.median(row.get(name, 0.0) for row in rows) for name in rows[0]}


def main() -> None:
    parser = script.parser("throughput", __doc__)
    parser.add_argument("files", nargs="*", type=audio_file, help="real files instead of our own")
    parser.add_argument("--seconds", type=float, default=300.0, help="length of our own track")
    parser.add_argument("--repeats", type=positive, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    model = load_model()
    keep_freed_memory()  # as the server and its workers do
    with tempfile.TemporaryDirectory() as folder:
        paths = options.files or write_track(Path(folder), options.seconds)
        print(f"{'file':24}" + "".join(f"{name:>16}" for name in (*STAGES, "total", "floor")),
              f"{'total/floor':>12}{'stretches':>12}")  # fmt: skip
        for path in progress(paths):
            row = measure(model, path, options.repeats)
            cells = "".join(f"{row[name]:16.3f}" for name in (*STAGES, "total", "floor"))
            share = row["stretches"] / sum(row[name] for name in PREPROCESS_STAGES)
            print(f"{path.name[:23]:24}{cells} {row['total'] / row['floor']:11.2f}{share:12.2f}")


if __name__ == "__main__":
    main()
