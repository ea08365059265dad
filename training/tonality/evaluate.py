"""Evaluate the tonality classifier on music in a key and on sounds without one.

``python -m training.tonality.evaluate FOLDER... [--votes TABLE AUDIO --agree K]
[--features FILE...] [--voices FOLDER... --loops FOLDER... --kits FOLDER...] [--model CHECKPOINT]
[--odds N...] [--tracks]``

Recordings with known keys are read as by ``training.evaluate``, the others as by
``training.tonality.recorded``. The table gives the share of tracks, and of 20-second pieces from
their middle, classified as in no key, in per cent with 95 % bootstrap intervals over the tracks
(too narrow where many tracks share one voice or kit). ``--odds`` evaluates as if the checkpoint
came from ``training.tonality.fit --odds N``; ``--tracks`` lists every track with its probability
of being in a key.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from tqdm import tqdm

from keyscan.errors import AnalysisError, ModelError
from keyscan.model.checkpoint import KeyModel, load_model
from keyscan.spectrogram.constant_q import FloatArray
from training.datasets import DatasetError, TrackSet, load_spectrogram
from training.scoring import bootstrap
from training.sets import add_features_option, add_set_options, read_sets
from training.shards import FRAMES_PER_SECOND
from training.tonality.recorded import KINDS, Item, read_recorded

_PIECE = 20 * FRAMES_PER_SECOND


@dataclass(frozen=True)
class Judgement:
    """The probabilities, 0 to 1, that a track and 20 seconds of it (None: it is shorter) are in a
    key.
    """

    name: str
    whole: float
    piece: float | None

    @classmethod
    def of(cls, model: KeyModel, item: Item) -> Judgement:
        """The judgement of ``model`` on a track.

        Raises:
            ModelError: the model has no tonality.
            ValueError: the track has too few frames.
        """
        frames = item.spectrogram.shape[1]
        whole, piece = _probability(model, item.spectrogram), None
        if frames > _PIECE:
            first = (frames - _PIECE) // 2
            piece = _probability(model, item.spectrogram[:, first : first + _PIECE])
        return cls(item.name, whole, piece)


def _probability(model: KeyModel, spectrogram: FloatArray) -> float:
    if model.tonality is None:
        raise ModelError("this checkpoint has no tonality: see training.tonality.fit")
    found = model(model.to_input(spectrogram))
    if found.embedding is None:
        raise ModelError(f"a {model.info.name} has no embedding")
    return model.tonality.probability(found.embedding, found.tuning.clarity)


def items_of(tracks: TrackSet, cache: Path | None = None) -> Iterator[Item]:
    """The recordings of a set that exist and can be analysed; the others are listed on stderr.

    Raises:
        DatasetError: an array of a set cannot be read.
        OSError: the cache cannot be written.
    """
    for missing in tracks.missing:
        print(f"{tracks.name}: no such file: {missing}", file=sys.stderr)
    for track in tqdm(tracks.tracks, desc=tracks.name, unit="track", disable=None, leave=False):
        try:
            yield Item(track.name, load_spectrogram(track, cache))
        except AnalysisError as error:
            print(f"{tracks.name}: {track.path}: {error}", file=sys.stderr)


def share(probabilities: Sequence[float], factor: float) -> str:
    """The count, and the share in no key if music were ``factor`` times as common.

    A cell of the table: ``166     1.2 [0.0, 3.0]``.
    """
    if not probabilities:
        return f"{0:7}       -"
    found = bootstrap([float(p * factor < 1 - p) for p in probabilities])
    mean, low, high = (f"{100 * value:.1f}" for value in (found.mean, found.low, found.high))
    return f"{len(probabilities):7}   {mean:>5} [{low}, {high}]"


def table(sets: Sequence[tuple[str, Sequence[Judgement]]], factor: float = 1.0) -> str:
    """A line per set."""
    lines = [f"{'classified as no key, %':24} tracks              20-second pieces"]
    for name, judgements in sets:
        whole = share([j.whole for j in judgements], factor)
        pieces = share([j.piece for j in judgements if j.piece is not None], factor)
        lines.append(f"  {name:22}{whole:28}{pieces}")
    return "\n".join(lines) + "\n"


def _judge(
    parser: argparse.ArgumentParser, arguments: argparse.Namespace, model: KeyModel
) -> list[tuple[str, list[Judgement]]]:
    sets: list[tuple[str, list[Judgement]]] = []
    if arguments.sources or arguments.giantsteps or arguments.votes or arguments.features:
        for tracks in read_sets(parser, arguments):
            items = items_of(tracks, arguments.cache)
            sets.append((tracks.name, [Judgement.of(model, item) for item in items]))
    for kind in KINDS:
        folders = getattr(arguments, kind)
        if folders:
            made = read_recorded(kind, folders)
            sets.append((kind, [Judgement.of(model, item) for item in made]))
    if not sets:
        parser.error(
            f"nothing to judge: give a FOLDER, --votes, --features or --{', --'.join(KINDS)}"
        )
    return sets


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    add_set_options(parser)
    add_features_option(parser)
    for kind in KINDS:
        parser.add_argument(f"--{kind}", type=Path, nargs="+", metavar="FOLDER", default=[])
    parser.add_argument("--model", type=Path, help="a checkpoint; default: the packaged one")
    parser.add_argument("--cache", type=Path, help="keep spectrograms here between runs")
    parser.add_argument("--odds", type=float, nargs="+", default=[], metavar="N")
    parser.add_argument("--tracks", action="store_true", help="list every track")
    arguments = parser.parse_intermixed_args()
    if not all(odds > 0 for odds in arguments.odds):
        parser.error("--odds: positive numbers are needed")
    torch.set_num_threads(1)
    try:
        model = load_model(arguments.model)
        sets = _judge(parser, arguments, model)
        fitted = float(model.info.settings.get("tonality_fit", {}).get("odds", 1.0))
    except (DatasetError, ModelError, OSError, ValueError) as error:
        sys.exit(f"training.tonality.evaluate: {error}")
    if arguments.tracks:
        for name, judgements in sets:
            for judgement in judgements:
                print(f"{name}\t{judgement.name}\t{judgement.whole:.3f}")
    for odds in arguments.odds or [fitted]:
        print(f"odds {odds:g}: {table(sets, odds / fitted)}")


if __name__ == "__main__":
    main()
