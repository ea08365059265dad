"""Evaluate the stability of the key when recordings are encoded, detuned, attenuated or cut.

``python -m training.stability FOLDER... [--votes TABLE AUDIO --agree K] [--model FILE] [--tracks]``

Every recording is decoded, changed in each of these ways, written to a file, and analysed as in the
server; so is the unchanged recording. The command prints the share of answers that stay the same,
right or wrong, with its 95 % bootstrap interval.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import av.error
import numpy as np
import numpy.typing as npt
import soundfile
from tqdm import tqdm

from examples.track import encode
from keyscan.errors import AnalysisError, ModelError
from keyscan.keys import Key
from keyscan.model.checkpoint import KeyModel, load_model
from keyscan.model.estimate import estimate_key
from keyscan.spectrogram.features import extract_features
from training.datasets import DatasetError, Track, TrackSet
from training.processes import single_threaded
from training.scoring import bootstrap
from training.sets import add_set_options, read_sets

Samples = npt.NDArray[np.float32]

RATE = 44100  # Hz, stereo: the format in which recordings are changed
Change = Callable[[Path, Samples], Path]


def _wave(path: Path, samples: Samples, rate: int = RATE, subtype: str = "FLOAT") -> Path:
    path = path.with_suffix(".wav")
    soundfile.write(path, samples, rate, subtype=subtype)
    return path


def _mp3(path: Path, samples: Samples) -> Path:
    path = path.with_suffix(".mp3")
    encode(path, samples, RATE, "libmp3lame", bit_rate=128_000)
    return path


def _detuned(cents: float) -> Change:
    """Faster or slower playback: the same samples at another rate, resampled by the front end."""
    return lambda path, samples: _wave(path, samples, round(RATE * 2 ** (cents / 1200)))


CHANGES: dict[str, Change] = {
    "MP3 at 128 kbit/s": _mp3,
    "40 cents higher": _detuned(40),
    "40 cents lower": _detuned(-40),
    "20 dB quieter, 16 bits": lambda path, samples: _wave(path, samples * 0.1, subtype="PCM_16"),
    "without the first 20 %": lambda path, samples: _wave(path, samples[len(samples) // 5 :]),
}
"""Each writes the changed ``samples``, (n, 2) at ``RATE``, to ``path`` plus suffix; returns it."""


@dataclass(frozen=True)
class Comparison:
    """The answers for a recording and for each change of it, in the order of ``CHANGES``."""

    track: Track
    original: Key
    changed: tuple[Key, ...]


def decode(track: Track) -> Samples:
    """The track's part, shape (n, 2), float32 at ``RATE``.

    Raises:
        OSError, av.error.FFmpegError: the track cannot be decoded.
        ValueError: the track has no sound.
    """
    resampler = av.AudioResampler(format="flt", layout="stereo", rate=RATE)
    frames: list[av.AudioFrame] = []
    with av.open(os.fspath(track.path)) as container:
        if not container.streams.audio:
            raise ValueError("no sound in it")
        for frame in container.decode(container.streams.audio[0]):
            frames += resampler.resample(frame)
        frames += resampler.resample(None)
    if not frames:
        raise ValueError("no sound in it")
    samples = np.concatenate([frame.to_ndarray() for frame in frames], axis=1).reshape(-1, 2)
    first = round(track.start * RATE)
    last = None if track.length is None else first + round(track.length * RATE)
    return np.asarray(samples[first:last], np.float32)


@single_threaded
def compare(model: KeyModel, track: Track) -> Comparison:
    """The key of a recording, and of each change of it.

    Raises:
        AnalysisError: the recording, or a change of it, cannot be analysed.
        OSError, ValueError, av.error.FFmpegError: see ``decode``.
    """
    samples = decode(track)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "track"
        keys = []
        for change in (_wave, *CHANGES.values()):
            written = change(path, samples)
            keys.append(estimate_key(model, extract_features(written).spectrogram).key)
    return Comparison(track, keys[0], tuple(keys[1:]))


def compare_all(
    model: KeyModel, tracks: TrackSet
) -> tuple[list[Comparison], list[tuple[Path, str]]]:
    """The comparisons, and the files that cannot be analysed, each with the reason."""
    compared, failed = [], []
    for track in tqdm(tracks.tracks, desc=tracks.name, unit="track", disable=None, leave=False):
        try:
            compared.append(compare(model, track))
        except (AnalysisError, OSError, ValueError, av.error.FFmpegError) as error:
            failed.append((track.path, str(error)))
    return compared, failed


def report(name: str, compared: Sequence[Comparison]) -> str:
    """The table of one set; "no answers" for an empty set."""
    if not compared:
        return f"{name}: no answers\n"
    kept = [[key == c.original for key in c.changed] for c in compared]
    columns = dict(zip(CHANGES, zip(*kept, strict=True), strict=True))
    columns["all of these"] = tuple(map(all, kept))
    lines = [f"{name} ({len(compared)}), per cent of answers unchanged"]
    for change, same in columns.items():
        interval = bootstrap([float(value) for value in same])
        mean, low, high = (100 * v for v in (interval.mean, interval.low, interval.high))
        lines.append(f"  {change:24}{mean:5.1f} [{low:.1f}, {high:.1f}]")
    return "\n".join(lines) + "\n"


def _track_lines(name: str, compared: Sequence[Comparison]) -> list[str]:
    """A line for each answer that changed."""
    return [
        f"{name}\t{c.track.path.name}\t{change}\t{c.original.name('sharps')}\t{key.name('sharps')}"
        for c in compared
        for change, key in zip(CHANGES, c.changed, strict=True)
        if key != c.original
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    add_set_options(parser)
    parser.add_argument("--model", type=Path, help="a checkpoint; default: the packaged one")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--tracks", action="store_true", help="list every answer that changed")
    arguments = parser.parse_intermixed_args()
    try:
        sets = read_sets(parser, arguments)
        model = load_model(arguments.model, arguments.device)
    except (DatasetError, ModelError) as error:
        sys.exit(f"training.stability: {error}")
    everything: list[Comparison] = []
    for tracks in sets:
        compared, failed = compare_all(model, tracks)
        everything += compared
        if arguments.tracks:
            print("".join(line + "\n" for line in _track_lines(tracks.name, compared)), end="")
        print(report(tracks.name, compared), flush=True)
        for path in tracks.missing:
            print(f"{tracks.name}: no such file: {path}", file=sys.stderr)
        for path, reason in failed:
            print(f"{tracks.name}: {path}: {reason}", file=sys.stderr)
    if len(sets) > 1:
        print(report("all", everything))
    if not everything:
        sys.exit("training.stability: no track could be answered")


if __name__ == "__main__":
    main()
