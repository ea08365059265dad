"""Fit a checkpoint's tonality classifier: music in a key against drums, speech and noise.

``python -m training.tonality.fit --corpus FOLDER... --bank BANK --out FILE [--model CHECKPOINT]``

A logistic regression on the network's embedding (see ``keyscan.model.confidence``): excerpts of
corpora of ``training.synth`` against sounds of ``training.tonality.sounds``, with equal weight for
both classes. ``--odds``: the prior odds of music in a key to other sounds among analysed files;
higher odds classify fewer tracks as in no key.

Writes a copy of the checkpoint with ``tonality``, and with ``tonality_fit``, which describes the
data of the fit. The same checkpoint, corpora, bank and seed give the same weights, except for the
last digits. ``training.tonality.evaluate`` evaluates them. The result has no weight of the tuning's
clarity: ``training.tonality.clarity`` comes next.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]
from tqdm import tqdm

from keyscan.errors import ModelError
from keyscan.model.checkpoint import PACKAGED_CHECKPOINT, KeyModel, load_model
from keyscan.model.confidence import Tonality
from keyscan.spectrogram.constant_q import N_BINS, FloatArray
from training.files import write_whole
from training.music.sampled import SoundBank, SoundBankError
from training.music.timbres import SAMPLE_RATE
from training.processes import single_threaded
from training.shards import MARGIN_BINS, Corpus, CorpusError
from training.tonality.sounds import NonTonalError, make_nontonal, spectrogram_of

NEGATIVES, EXCERPTS, ODDS = 1500, 3000, 5.0
_PENALTY = 1e-4  # penalty on half the squared weights, added to the mean loss


@dataclass(frozen=True)
class Material:
    """The training data: up to ``excerpts`` of each of the ``corpora``, and ``negatives`` made with
    the ``bank``, all drawn with ``seed``.
    """

    corpora: Sequence[Path]
    bank: Path
    excerpts: int = EXCERPTS
    negatives: int = NEGATIVES
    seed: int = 1


def embed(model: KeyModel, spectrogram: FloatArray) -> npt.NDArray[np.float32]:
    """The embedding of a track, ``(values,)``, invariant to transposition.

    Raises:
        ModelError: the model has no embedding.
        ValueError: the model cannot take the spectrogram.
    """
    embedding = model(model.to_input(spectrogram)).embedding
    if embedding is None:
        raise ModelError(f"a {model.info.name} has no embedding")
    return embedding


def fit(
    tonal: npt.NDArray[np.float32], other: npt.NDArray[np.float32], odds: float = ODDS
) -> Tonality:
    """Fit the regression to embeddings ``(tracks, values)`` of music in a key and of other sounds.

    ``odds``: above 0.

    Raises:
        ValueError: a class has no tracks.
    """
    if not len(tonal) or not len(other):
        raise ValueError("tracks with a key and tracks without are needed")
    embeddings = np.concatenate([tonal, other]).astype(np.float64)
    labels = np.repeat([1, 0], [len(tonal), len(other)])
    mean, spread = embeddings.mean(axis=0), embeddings.std(axis=0)
    spread[spread < 1e-9] = 1.0  # a constant value carries no information
    regression = LogisticRegression(
        C=1 / (_PENALTY * len(embeddings)), class_weight="balanced", solver="newton-cholesky"
    )
    regression.fit((embeddings - mean) / spread, labels)
    weights = regression.coef_[0] / spread
    bias = float(regression.intercept_[0] - weights @ mean) + math.log(odds)
    return Tonality(tuple(weights.tolist()), bias)


def embed_corpora(model: KeyModel, material: Material) -> npt.NDArray[np.float32]:
    """The embeddings of the excerpts, ``(excerpts, values)``.

    Raises:
        CorpusError: a folder holds no corpus.
        ModelError: see ``embed``.
    """
    rows = []
    for number, folder in enumerate(material.corpora):
        corpus = Corpus([folder])
        rng = np.random.default_rng([material.seed, number])
        count = min(material.excerpts, len(corpus))
        drawn = rng.choice(len(corpus), count, replace=False).tolist()
        for index in _shown(drawn, str(folder)):
            wide = corpus.spectrogram(index)
            seen = np.asarray(wide[MARGIN_BINS : MARGIN_BINS + N_BINS], np.float32)
            rows.append(embed(model, seen))
    return np.array(rows)


def embed_negatives(
    model: KeyModel, material: Material
) -> tuple[npt.NDArray[np.float32], Counter[str]]:
    """The embeddings of sounds in no key, ``(negatives, values)``, and the counts by kind.

    Raises:
        NonTonalError, SoundBankError: see ``make_nontonal``.
        ModelError: see ``embed``.
    """
    bank = SoundBank(material.bank)
    rows, kinds = [], Counter[str]()
    for index in _shown(range(material.negatives), "in no key"):
        made = make_nontonal(material.seed, index, bank)
        rows.append(embed(model, spectrogram_of(made.samples, SAMPLE_RATE)))
        kinds[made.kind] += 1
    return np.array(rows), kinds


def _shown(indices: Sequence[int], what: str) -> Iterator[int]:
    yield from tqdm(indices, desc=what, unit="track", disable=None, leave=False)


@single_threaded
def teach(path: Path, material: Material, odds: float = ODDS) -> dict[str, Any]:
    """The checkpoint at ``path`` with its tonality and a description of the fit.

    Raises:
        ModelError: it is not a checkpoint of ``training.train``.
        CorpusError, NonTonalError, SoundBankError: the material is missing.
        ValueError: there is no data to fit.
    """
    model = load_model(path)
    if model.info.name != "keyscan":
        raise ModelError(f"{path}: not a checkpoint of training.train")
    Corpus(material.corpora)  # report errors in them before the slow part
    other, kinds = embed_negatives(model, material)
    tonal = embed_corpora(model, material)
    tonality = fit(tonal, other, odds)
    fields = {
        "excerpts": len(tonal),
        "corpora": Corpus(material.corpora).settings,
        "negatives": dict(sorted(kinds.items())),
        "seed": material.seed,
        "odds": odds,
        "missed": _share_in_no_key(tonality, tonal),
        "found": _share_in_no_key(tonality, other),
    }
    checkpoint: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return checkpoint | tonality.to_checkpoint() | {"tonality_fit": fields}


def _share_in_no_key(tonality: Tonality, embeddings: npt.NDArray[np.float32]) -> float:
    """The share of tracks classified as in no key, to three places."""
    return round(float(np.mean([tonality.probability(row, 0.0) < 0.5 for row in embeddings])), 3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "--model", type=Path, default=PACKAGED_CHECKPOINT, help="default: the packaged one"
    )
    parser.add_argument("--corpus", type=Path, nargs="+", required=True, help="of training.synth")
    parser.add_argument("--bank", type=Path, required=True, help="of training.soundbank: its kits")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--excerpts", type=int, default=EXCERPTS, help="of each corpus")
    parser.add_argument("--negatives", type=int, default=NEGATIVES, help="tracks in no key")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--odds", type=float, default=ODDS, help="of music in a key to the other")
    arguments = parser.parse_args()
    for name in ("excerpts", "negatives"):
        if getattr(arguments, name) < 1:
            parser.error(f"--{name}: at least 1, not {getattr(arguments, name)}")
    if not 0 < arguments.odds < math.inf:
        parser.error(f"--odds: a positive number is needed, not {arguments.odds:g}")
    if arguments.seed < 0:
        parser.error(f"--seed: must not be negative: {arguments.seed}")
    material = Material(
        arguments.corpus, arguments.bank, arguments.excerpts, arguments.negatives, arguments.seed
    )
    torch.set_num_threads(1)  # the order of additions depends on the number of threads
    try:
        taught = teach(arguments.model, material, arguments.odds)
        with write_whole(arguments.out) as file:
            torch.save(taught, file)
    except (
        CorpusError, ModelError, NonTonalError, OSError, SoundBankError, ValueError,
    ) as error:  # fmt: skip
        sys.exit(f"training.tonality.fit: {error}")
    fitted = taught["tonality_fit"]
    print(
        f"{fitted['excerpts']} excerpts of music, {100 * fitted['missed']:.1f} % of them in no key"
        f"; {sum(fitted['negatives'].values())} other sounds, {100 * fitted['found']:.1f} % of them"
    )


if __name__ == "__main__":
    main()
