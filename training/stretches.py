"""How often stretches of a track say its key, and how often the whole says another.

``python -m training.stretches FOLDER... [--features FILE...] [--unlabelled FOLDER...]``

For every recording that ``"effort": "adaptive"`` analyses in parts, the key of its stretches
(``keyscan.model.stretches``) is compared with that of the whole. A table for several rules, by the
least confidence and the most stretches that dissent, gives the share of recordings for which the
stretches are certain, and for how many of these the whole says another key; for the rule in use,
the accuracy and the calibration error of both kinds of answers as well. The frames of a stretch are
those of the whole (a test holds that), so they are cut out of its spectrogram.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from keyscan.analysis import Analysis
from keyscan.audio.excerpts import NotInParts
from keyscan.audio.formats import is_music
from keyscan.errors import AnalysisError, ModelError
from keyscan.keys import Key
from keyscan.model.checkpoint import KeyModel, load_model
from keyscan.model.estimate import estimate_key
from keyscan.model.stretches import CERTAIN, DISSENTERS, Heard, hear_stretches
from keyscan.spectrogram.constant_q import FRAMES_PER_SECOND, Features, FloatArray
from keyscan.spectrogram.excerpts import stretches_of
from training.calibration import expected_calibration_error
from training.datasets import DatasetError, Track, load_spectrogram
from training.sets import add_features_option, add_set_options, read_sets

CONFIDENCES = (0.75, 0.8, 0.85, 0.9, 0.95)
ALL_DISSENTERS = (1, 2, 5)


@dataclass(frozen=True)
class Pair:
    """One recording: what the whole says, and its stretches; ``key`` is the label, None: none."""

    key: Key | None
    whole: Analysis
    heard: Heard

    def differs(self) -> bool:
        """Whether the stretches say something else."""
        found = self.heard.together
        return (found.key, found.tonal) != (self.whole.key, self.whole.tonal)

    def adaptive(self) -> Analysis:
        """The answer of adaptive analysis."""
        return self.heard.together if self.heard.is_certain() else self.whole


def compare(model: KeyModel, spectrogram: FloatArray, key: Key | None) -> Pair | None:
    """Both answers for a track; None: it is analysed as a whole, because of its length."""
    seconds = (spectrogram.shape[1] + 1) / FRAMES_PER_SECOND  # the front end drops two frames
    try:
        ranges = stretches_of(seconds)
    except NotInParts:
        return None
    parts = np.concatenate([spectrogram[:, first:end] for first, end in ranges], axis=1)
    heard = hear_stretches(model, Features(parts, seconds, (), {}))
    return Pair(key, estimate_key(model, spectrogram), heard)


def table(pairs: Sequence[Pair]) -> Iterator[str]:
    """Lines of Markdown: rules, the share that is certain, and how many differ."""
    yield "| confidence | most dissenters | certain, % | other key than the whole |"
    yield "|---|---|---|---|"
    for confidence in CONFIDENCES:
        for dissenters in ALL_DISSENTERS:
            certain = [pair for pair in pairs if pair.heard.is_certain(confidence, dissenters)]
            others = sum(pair.differs() for pair in certain)
            share = 100 * len(certain) / len(pairs)
            used = ": in use" if (confidence, dissenters) == (CERTAIN, DISSENTERS) else ""
            count = f"{others} of {len(pairs)}"
            yield f"| {confidence:g} | {dissenters}{used} | {share:.0f} | {count} |"


def accuracy(pairs: Sequence[Pair]) -> Iterator[str]:
    """Lines that compare the answers with the labels, where there are any."""
    labelled = [pair for pair in pairs if pair.key is not None]
    if not labelled:
        return
    for name, answers in (
        ("whole", [pair.whole for pair in labelled]),
        ("adaptive", [pair.adaptive() for pair in labelled]),
    ):
        exact = [found.key == pair.key for found, pair in zip(answers, labelled, strict=True)]
        error = expected_calibration_error([found.confidence for found in answers], exact)
        yield f"{name}: exact {sum(exact)} of {len(exact)}, calibration error {100 * error:.1f} %"


def pairs_of(model: KeyModel, tracks: Iterable[Track], cache: Path | None) -> list[Pair]:
    """Both answers for every track that has a key and the length for stretches."""
    pairs = []
    for track in tracks:
        with contextlib.suppress(AnalysisError):
            pair = compare(model, load_spectrogram(track, cache), track.key)
            pairs += [] if pair is None else [pair]
    return pairs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    add_set_options(parser)
    add_features_option(parser)
    parser.add_argument("--unlabelled", type=Path, nargs="+", default=[], metavar="FOLDER",
                        help="folders of recordings without known keys")  # fmt: skip
    parser.add_argument("--model", type=Path, help="a checkpoint; default: the packaged one")
    parser.add_argument("--cache", type=Path, help="folder for spectrograms")
    arguments = parser.parse_intermixed_args()
    torch.set_num_threads(1)
    try:
        model = load_model(arguments.model)
        groups = {
            found.name: pairs_of(model, tqdm(found.tracks, desc=found.name), arguments.cache)
            for found in read_sets(parser, arguments)
        }
        for folder in arguments.unlabelled:
            files = [path for path in sorted(folder.rglob("*")) if is_music(path.name)]
            tracks = [Track(path, Key(0, "major")) for path in files]
            found = pairs_of(model, tqdm(tracks, desc=folder.name), arguments.cache)
            groups[f"{folder.name}, without keys"] = [replace(pair, key=None) for pair in found]
    except (DatasetError, ModelError, OSError) as error:
        sys.exit(f"training.stretches: {error}")
    groups["all"] = [pair for pairs in groups.values() for pair in pairs]
    for name, pairs in groups.items():
        if pairs:
            lines = (f"## {name}: {len(pairs)} recordings\n", *table(pairs), "", *accuracy(pairs))
            print(*lines, "", sep="\n")
    if not groups["all"]:
        sys.exit("training.stretches: no recording has the length for stretches")


if __name__ == "__main__":
    main()
