"""The effect of the model's settings on speed and on the answers: the table of docs/performance.md.

``python -m benchmarks.settings`` writes tracks of its own, one in each key, and measures every
setting in a process of its own (the inter-op pool can be set once only), in turns with the default:

- *model*: seconds of inference for five minutes of music, with nothing else running;
- *library*: seconds for all tracks, on the server with a worker for each core;
- *answers*: the largest difference of a logit from the default's, and the number of other keys.

Seconds are the minimum of all runs, as with ``timeit``, because other load only adds to
them.
"""

from __future__ import annotations

import multiprocessing
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

from benchmarks import script  # noqa: E402
from benchmarks.music import repeated  # noqa: E402
from benchmarks.programs import SERVER, Program  # noqa: E402
from benchmarks.script import positive, progress  # noqa: E402
from examples.track import SAMPLE_RATE, write_audio  # noqa: E402
from keyscan.keys import KEYS  # noqa: E402
from keyscan.options import ModelOptions  # noqa: E402
from keyscan.spectrogram.features import extract_features  # noqa: E402

DEFAULT = ModelOptions(None, "cpu", threads=1, interop_threads=1, precision="highest")
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
    """``options`` on the server's command line."""
    return [
        *("--threads", str(options.threads)),
        *("--interop-threads", str(options.interop_threads)),
        *("--precision", options.precision),
    ]


def write_library(folder: Path, seconds: float) -> list[Path]:
    """A track of that length in every key, as FLAC."""
    paths = []
    for key in progress(KEYS, "writing tracks"):
        paths.append(folder / f"{key.camelot}.flac")
        write_audio(paths[-1], repeated(key, seconds), SAMPLE_RATE)
    return paths


def infer(options: ModelOptions, spectrograms: list[Logits], repeats: int) -> tuple[float, Logits]:
    """The minimum of seconds for five minutes of music, and the logits of every track."""
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
    """Seconds for all files, on a server whose workers are all running.

    Raises:
        SystemExit: a file has no key.
    """
    with Program("the server", [*SERVER, *options]) as server:
        server.seconds_for(paths)  # starts the other workers
        return server.seconds_for(paths)


def measure(
    options: ModelOptions, spectrograms: list[Logits], paths: list[Path], repeats: int
) -> Measured:
    """One run of a setting, each part in a fresh process."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as executor:
        model_seconds, logits = executor.submit(infer, options, spectrograms, repeats).result()
    return Measured(model_seconds, serve(command_line(options), paths), logits)


def row(options: ModelOptions, runs: list[Measured], default: list[Measured]) -> str:
    """A line of the table: the fastest run, and its ratio to the default's."""

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
    parser = script.parser("settings", __doc__)
    parser.add_argument("--seconds", type=float, default=120.0, help="length of a track")
    parser.add_argument("--rounds", type=positive, default=3, help="rounds of all settings")
    parser.add_argument("--repeats", type=positive, default=7, help="inference runs per round")
    options = parser.parse_args()
    every = settings(runtime.usable_cores())
    runs: dict[ModelOptions, list[Measured]] = {setting: [] for setting in every}
    with tempfile.TemporaryDirectory() as folder:
        paths = write_library(Path(folder), options.seconds)
        spectrograms = [extract_features(path).spectrogram for path in paths]
        turns = [setting for _ in range(options.rounds) for setting in every]
        for setting in progress(turns):
            runs[setting].append(measure(setting, spectrograms, paths, options.repeats))
    titles = ("setting", "model, s (ratio)", "library, s (ratio)", "largest logit difference")
    print(f"| {' | '.join(titles)} | keys that differ |")
    print("|---|---|---|---|---|")
    for setting, measured in runs.items():
        print(row(setting, measured, runs[DEFAULT]))


if __name__ == "__main__":
    main()
