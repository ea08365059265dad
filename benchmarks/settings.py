"""What each setting of the model does to speed and to the answers: the README's table.

``python -m benchmarks.settings`` writes tracks of its own, one in each key, and measures every
setting in a process of its own (the inter-op pool can be set once only), in turns with the default:

- *model*: seconds of inference for five minutes of music, with nothing else running;
- *library*: seconds that the server, with a worker for each core, takes for all tracks;
- *answers*: the largest difference of a logit from the default's, and how many keys differ.

Seconds are the least of all runs, as with ``timeit``: what comes on top is the rest of the
machine's doing.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from keyscan import runtime

runtime.pin_threads()

import numpy as np  # noqa: E402 - the threads must be pinned first
import numpy.typing as npt  # noqa: E402
from tqdm import tqdm  # noqa: E402

from benchmarks.line_process import SERVER, LineProcess  # noqa: E402
from examples.track import SAMPLE_RATE, render_track, write_audio  # noqa: E402
from keyscan.keys import KEYS  # noqa: E402
from keyscan.options import ModelOptions  # noqa: E402
from keyscan.spectrogram.features import extract_features  # noqa: E402

DEFAULT = ModelOptions(None, "cpu", threads=1, interop_threads=1, precision="highest")
PIECE_SECONDS = 20.0
LONG_SECONDS = 300.0

Logits = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Measured:
    """``logits``: (tracks, 24)."""

    model_seconds: float
    library_seconds: float
    logits: Logits


def settings(cores: int) -> list[ModelOptions]:
    """The default, then one change at a time."""
    threads = [n for n in (2, 4, 8, 16) if n <= max(cores, 2)]
    return [
        DEFAULT,
        *(replace(DEFAULT, threads=n) for n in threads),
        *(replace(DEFAULT, interop_threads=n) for n in threads[:1]),
        replace(DEFAULT, precision="high"),
        replace(DEFAULT, precision="medium"),
    ]


def command_line(options: ModelOptions) -> list[str]:
    """The server's options for ``options``."""
    return [
        *("--threads", str(options.threads)),
        *("--interop-threads", str(options.interop_threads)),
        *("--precision", options.precision),
    ]


def write_library(folder: Path, seconds: float) -> list[Path]:
    """A track of that length in every key, as FLAC."""
    paths = []
    for key in tqdm(KEYS, "writing tracks", leave=False, disable=not sys.stderr.isatty()):
        samples = np.tile(render_track(key, PIECE_SECONDS), (round(seconds / PIECE_SECONDS), 1))
        paths.append(folder / f"{key.camelot}.flac")
        write_audio(paths[-1], samples, SAMPLE_RATE)
    return paths


def infer(options: ModelOptions, spectrograms: list[Logits], repeats: int) -> tuple[float, Logits]:
    """The least seconds for five minutes of music, and the logits of every track."""
    from keyscan.model.checkpoint import configure_torch, load_model

    configure_torch(options)
    model = load_model(options.path, options.device)
    model.warm_up()
    long = np.tile(spectrograms[0], (1, round(LONG_SECONDS * 5 / spectrograms[0].shape[1])))
    seconds = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        model.logits(long)
        seconds.append(time.perf_counter() - start)
    return min(seconds[1:]), np.stack([model.logits(x) for x in spectrograms])


def serve(options: Sequence[str], paths: Sequence[Path]) -> float:
    """Seconds from the first request to the last reply of a server whose workers all run.

    Raises:
        SystemExit: a file has no key.
    """
    requests = [{"id": number, "path": str(path)} for number, path in enumerate(paths)]
    with LineProcess("the server", [*SERVER, *options]) as server:
        for _ in range(2):  # the first time, all workers but one have yet to start
            start = time.perf_counter()
            server.send(*requests)
            replies = [server.receive() for _ in paths]
            seconds = time.perf_counter() - start
            failed = [reply for reply in replies if reply["status"] == "error"]
            if failed:
                raise SystemExit(f"the server failed: {failed[0]['error']}")
    return seconds


def measure(
    options: ModelOptions, spectrograms: list[Logits], paths: list[Path], repeats: int
) -> Measured:
    """One setting, once, each part in a fresh process."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as executor:
        model_seconds, logits = executor.submit(infer, options, spectrograms, repeats).result()
    return Measured(model_seconds, serve(command_line(options), paths), logits)


def row(options: ModelOptions, runs: list[Measured], default: list[Measured]) -> str:
    """A line of the table: the fastest of the runs, and the ratio to that of the default."""

    def timing(name: str) -> str:
        seconds, usual = (min(getattr(run, name) for run in some) for some in (runs, default))
        return f"{seconds:.3f} ({seconds / usual:.2f})"

    logits, usual = runs[0].logits, default[0].logits
    difference = float(np.abs(logits - usual).max())
    keys = int(np.count_nonzero(logits.argmax(1) != usual.argmax(1)))
    name = " ".join(command_line(options)) if options == DEFAULT else _change(options)
    return (
        f"| `{name}` | {timing('model_seconds')} | {timing('library_seconds')} | "
        f"{difference:.2g} | {keys} of {len(logits)} |"
    )


def _change(options: ModelOptions) -> str:
    words, usual = command_line(options), command_line(DEFAULT)
    return " ".join(
        f"{words[i]} {words[i + 1]}"
        for i in range(0, len(words), 2)
        if words[i + 1] != usual[i + 1]
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.settings", description=__doc__)
    parser.add_argument("--seconds", type=float, default=120.0, help="length of a track")
    parser.add_argument("--rounds", type=int, default=3, help="of all settings, in turns")
    parser.add_argument("--repeats", type=int, default=7, help="of the inference, in each round")
    options = parser.parse_args()
    every = settings(runtime.usable_cores())
    runs: dict[ModelOptions, list[Measured]] = {setting: [] for setting in every}
    with tempfile.TemporaryDirectory() as folder:
        paths = write_library(Path(folder), options.seconds)
        spectrograms = [extract_features(path).spectrogram for path in paths]
        turns = [setting for _ in range(options.rounds) for setting in every]
        for setting in tqdm(turns, leave=False, disable=not sys.stderr.isatty()):
            runs[setting].append(measure(setting, spectrograms, paths, options.repeats))
    titles = ("setting", "model, s (ratio)", "library, s (ratio)", "largest logit difference")
    print(f"| {' | '.join(titles)} | keys that differ |")
    print("|---|---|---|---|---|")
    for setting, measured in runs.items():
        print(row(setting, measured, runs[DEFAULT]))


if __name__ == "__main__":
    main()
