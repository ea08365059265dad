"""Evaluate the tuning estimate and the stability of the key on recordings detuned by known amounts.

``python -m training.detuning.evaluate FOLDER... [--votes TABLE AUDIO --agree K] [--model FILE]
[--tracks]``
``python -m training.detuning.evaluate --rendered [--bank BANK]``

Every recording is decoded, resampled to another speed (as a turntable does), and analysed by the
front end and the model. For each amount the table gives the error of the estimated tuning, relative
to the tuning of the original plus the amount, on the circle of 100 cents; and the share of kept
keys, after transposition by the semitones that the estimated tuning wraps around that circle. Both
are also given by clarity: the agreement of the recording's partials on one tuning. ``--rendered``
measures chords at A = 432, 440 and 444 Hz from an additive synthesiser and, with ``--bank``, from
every sampled instrument.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soxr
import torch
from tqdm import tqdm

from keyscan.audio.stream import AudioStream
from keyscan.errors import AnalysisError, ModelError
from keyscan.keys import Key
from keyscan.model.checkpoint import KeyModel, load_model
from keyscan.model.estimate import estimate_key
from keyscan.model.tuning import Tuning, estimate_tuning
from keyscan.spectrogram.constant_q import constant_q, load_filter_bank
from training.datasets import DatasetError, Track, TrackSet
from training.detuning import rendered
from training.detuning.rendered import CLOSE_CENTS, wrapped
from training.music.sampled import SoundBank, SoundBankError
from training.processes import single_threaded
from training.scoring import bootstrap
from training.sets import add_set_options, read_sets

Samples = npt.NDArray[np.float32]

AMOUNTS = (-35.0, -20.0, -7.0, 13.0, 30.0, 45.0)  # cents
_CLARITIES = (0.0, 0.15, 0.2, 0.25, 0.3, 0.5, 1.0)


@dataclass(frozen=True)
class Answer:
    """A key, and the tuning that it refers to if that is clear."""

    key: Key
    tuning: Tuning

    @property
    def cents(self) -> float | None:
        """The tuning as in a reply: None if it is uncertain."""
        return self.tuning.cents if self.tuning.is_certain else None


@dataclass(frozen=True)
class Comparison:
    """The answers for a recording and for its versions detuned by each of ``AMOUNTS``."""

    track: Track
    original: Answer
    detuned: tuple[Answer, ...]


def decode(track: Track) -> Samples:
    """The track's part, mono at the rate of the front end.

    Raises:
        AnalysisError: the track cannot be decoded.
    """
    rate = load_filter_bank().sample_rate
    with AudioStream(track.path, rate) as stream:
        samples = np.concatenate([np.zeros(0, np.float32), *stream])
    first = round(track.start * rate)
    last = None if track.length is None else first + round(track.length * rate)
    return samples[first:last]


def detune(samples: Samples, cents: float) -> Samples:
    """Resampled to sound ``cents`` higher (above 0: faster)."""
    rate = load_filter_bank().sample_rate
    return np.asarray(soxr.resample(samples, rate * 2 ** (cents / 1200), rate), np.float32)


def answer(model: KeyModel, samples: Samples) -> Answer:
    """Raises ValueError if the samples are too few."""
    spectrogram = constant_q(samples, load_filter_bank())
    estimate = estimate_key(model, spectrogram)
    return Answer(estimate.key, estimate_tuning(torch.from_numpy(spectrogram)))


@single_threaded
def compare(model: KeyModel, track: Track) -> Comparison:
    """Raises AnalysisError, or ValueError if the track is too short."""
    samples = decode(track)
    detuned = tuple(answer(model, detune(samples, cents)) for cents in AMOUNTS)
    return Comparison(track, answer(model, samples), detuned)


def deviation(original: Answer, amount: float, detuned: Answer) -> float | None:
    """The tuning error in cents, -50 to 50; None if either tuning is unclear."""
    if original.cents is None or detuned.cents is None:
        return None
    return wrapped(detuned.cents - original.cents - amount)


def is_key_kept(original: Answer, amount: float, detuned: Answer) -> bool:
    """Whether both keys name the same pitches, given their tunings.

    30 cents plus 35 cents is 65 cents above a key, or 35 cents below the key a semitone higher.
    If a tuning is unclear, the keys must be equal.
    """
    if not original.tuning.is_clear or not detuned.tuning.is_clear:
        return detuned.key == original.key
    semitones = round((original.tuning.cents + amount - detuned.tuning.cents) / 100)
    return detuned.key == Key((original.key.tonic + semitones) % 12, original.key.mode)


def compare_all(
    model: KeyModel, tracks: TrackSet
) -> tuple[list[Comparison], list[tuple[Path, str]]]:
    """The comparisons, and the files that cannot be analysed, each with the reason."""
    compared, failed = [], []
    for track in tqdm(tracks.tracks, desc=tracks.name, unit="track", disable=None, leave=False):
        try:
            compared.append(compare(model, track))
        except (AnalysisError, ValueError) as error:
            failed.append((track.path, str(error)))
    return compared, failed


def report(name: str, compared: Sequence[Comparison]) -> str:
    """The table of one set; "no answers" for an empty set."""
    if not compared:
        return f"{name}: no answers\n"
    unclear = sum(comparison.original.cents is None for comparison in compared)
    lines = [
        f"{name} ({len(compared)} recordings, the tuning of {unclear} unclear)",
        f"  {'cents':>11}{'unclear':>11}{'median':>9}{'90 %':>7}{'95 %':>7}"
        f"   within {CLOSE_CENTS:g} cents, %      key kept, %",
    ]
    every = range(len(AMOUNTS))
    columns = {f"{AMOUNTS[i]:+g}": [i] for i in every} | {"all": list(every)}
    lines += [f"  {label:>11}{_cells(compared, which)}" for label, which in columns.items()]
    lines.append("  by clarity of the recording")
    for low, high in pairwise(_CLARITIES):
        some = [c for c in compared if low <= min(c.original.tuning.clarity, 0.999) < high]
        if some:
            cells = _cells(some, list(every))
            lines.append(f"  {f'{low:g}-{high:g}':>11}{cells}   ({len(some)} recordings)")
    return "\n".join(lines) + "\n"


def _cells(compared: Sequence[Comparison], columns: Sequence[int]) -> str:
    """Cells for some of ``AMOUNTS``. The bootstrap resamples recordings, each with its mean."""
    found = [[deviation(c.original, AMOUNTS[i], c.detuned[i]) for i in columns] for c in compared]
    clear = [[abs(value) for value in row if value is not None] for row in found]
    sizes = [size for row in clear for size in row]
    unclear = len(compared) * len(columns) - len(sizes)
    kept = [
        float(np.mean([is_key_kept(c.original, AMOUNTS[i], c.detuned[i]) for i in columns]))
        for c in compared
    ]
    if not sizes:
        return f"{unclear:11}{'-':>9}{'-':>7}{'-':>7}{'-':>24}{_share(kept):>24}"
    close = [float(np.mean([size <= CLOSE_CENTS for size in row])) for row in clear if row]
    median, most, nearly_all = np.percentile(sizes, (50, 90, 95))
    return (
        f"{unclear:11}{median:9.2f}{most:7.2f}{nearly_all:7.2f}"
        f"{_share(close):>24}{_share(kept):>24}"
    )


def _share(values: Sequence[float]) -> str:
    interval = bootstrap(values)
    mean, low, high = (100 * v for v in (interval.mean, interval.low, interval.high))
    return f"{mean:.1f} [{low:.1f}, {high:.1f}]"


def _track_lines(name: str, compared: Sequence[Comparison]) -> list[str]:
    """A line for each recording with a wrong tuning or a changed key at any amount."""
    lines = []
    for c in compared:
        pairs = list(zip(AMOUNTS, c.detuned, strict=True))
        found = [deviation(c.original, amount, answer) for amount, answer in pairs]
        kept = [is_key_kept(c.original, amount, answer) for amount, answer in pairs]
        if all(kept) and all(v is not None and abs(v) <= CLOSE_CENTS for v in found):
            continue
        own = "-" if c.original.cents is None else f"{c.original.cents:+.1f}"
        cells = [
            ("-" if value is None else f"{value:+.1f}")
            + ("" if same else f" {detuned.key.camelot}")
            for value, same, (_, detuned) in zip(found, kept, pairs, strict=True)
        ]
        clarity = f"{c.original.tuning.clarity:.2f}"
        lines.append(
            "\t".join((name, c.track.path.name, own, clarity, c.original.key.camelot, *cells))
        )
    return lines


def _print_rendered(bank: Path | None) -> None:
    """Raises SoundBankError if ``bank`` is not a sound bank, or is damaged."""
    additive = [
        rendered.measure(name, rendered.additive(name), sampled=False) for name in rendered.SPECTRA
    ]
    print(rendered.report("additive", additive, listed=len(additive)), flush=True)
    if bank is not None:
        players = rendered.instruments(SoundBank(bank))
        progress = tqdm(players.items(), unit="instrument", disable=None, leave=False)
        sampled = [rendered.measure(name, play, sampled=True) for name, play in progress]
        print(rendered.report("sampled", sampled, listed=20))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    add_set_options(parser)
    parser.add_argument("--model", type=Path, help="a checkpoint; default: the packaged one")
    parser.add_argument("--tracks", action="store_true",
                        help="list recordings: tuning, clarity, key, then by amount how far off "
                             "the tuning is, and the key where it is another")  # fmt: skip
    parser.add_argument("--rendered", action="store_true", help="chords in known tunings instead")
    parser.add_argument("--bank", type=Path, help="sampled instruments, see training.soundbank")
    arguments = parser.parse_intermixed_args()
    torch.set_num_threads(1)  # a single track is too little work for more threads
    try:
        if arguments.rendered:
            _print_rendered(arguments.bank)
            return
        sets = read_sets(parser, arguments)
        model = load_model(arguments.model)
    except (DatasetError, ModelError, SoundBankError) as error:
        sys.exit(f"training.detuning.evaluate: {error}")
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
        sys.exit("training.detuning.evaluate: no track could be answered")


if __name__ == "__main__":
    main()
