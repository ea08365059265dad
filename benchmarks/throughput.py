"""Where the time of one file goes, by format, against the floor of decoding it and no more.

``python -m benchmarks.throughput`` writes a track of its own in five formats;
``python -m benchmarks.throughput FILE ...`` takes real files. Everything runs in this process on
one thread, once to warm up and then in turns; the table shows medians in seconds, and as a ratio
what our whole analysis costs against the floor: PyAV (MP3, M4A) or soundfile (the others) decoding
the file in its own rate and channels and throwing the samples away.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from keyscan import runtime

runtime.pin_threads()

import numpy as np  # noqa: E402 - the threads must be pinned first
import torch  # noqa: E402
from tqdm import tqdm  # noqa: E402

from benchmarks.floor import decode  # noqa: E402
from benchmarks.options import audio_file, positive  # noqa: E402
from examples.track import SAMPLE_RATE, render_track, write_audio  # noqa: E402
from keyscan.doctor.benchmark import analyse  # noqa: E402
from keyscan.keys import Key  # noqa: E402
from keyscan.model.checkpoint import KeyModel, load_model  # noqa: E402
from keyscan.runtime import keep_freed_memory  # noqa: E402

STAGES = ("decode", "resample", "cqt", "to_device", "model_inference")
EXTENSIONS = ("wav", "flac", "ogg", "mp3", "m4a")


def write_track(folder: Path, seconds: float) -> list[Path]:
    """The same music in every format; 30 seconds of it are repeated to the length wanted."""
    piece = render_track(Key.parse("A minor"), 30.0)
    samples = np.tile(piece, (int(np.ceil(seconds / 30)), 1))[: round(seconds * SAMPLE_RATE)]
    paths = [folder / f"track.{extension}" for extension in EXTENSIONS]
    for path in paths:
        write_audio(path, samples, SAMPLE_RATE)
    return paths


def measure(model: KeyModel, path: Path, repeats: int) -> dict[str, float]:
    """Medians over ``repeats`` of our stages and the floor, taken in turns."""
    floor = partial(decode, str(path))
    floor()
    analyse(model, path)
    rows = []
    for _ in range(repeats):
        start = time.perf_counter()
        floor()
        rows.append({"floor": time.perf_counter() - start, **analyse(model, path)})
    return {name: statistics.median(row.get(name, 0.0) for row in rows) for name in rows[0]}


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.throughput", description=__doc__)
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
              f"{'total/floor':>12}")  # fmt: skip
        for path in tqdm(paths, leave=False, disable=not sys.stderr.isatty()):
            row = measure(model, path, options.repeats)
            cells = "".join(f"{row[name]:16.3f}" for name in (*STAGES, "total", "floor"))
            print(f"{path.name[:23]:24}{cells} {row['total'] / row['floor']:12.2f}")


if __name__ == "__main__":
    main()
