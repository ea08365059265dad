"""Fit the weight that the tuning's clarity has in a checkpoint's tonality.

``python -m training.tonality.clarity --bank BANK --out FILE [--model CHECKPOINT]``

The network knows bands; of a single instrument, or of a loop of seconds, its embedding says less
than the tuning does. Parts of ``training.music.excerpt.make_part`` and sounds of
``training.tonality.sounds``, whole and in pieces of 1.2 to 12 seconds, are the data of a logistic
regression with two parameters, the weight and a constant that is added to the bias; the embedding's
weights stay as ``training.tonality.fit`` has made them. Both classes have equal weight.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy.optimize import minimize
from tqdm import tqdm

from keyscan.errors import ModelError
from keyscan.model.checkpoint import PACKAGED_CHECKPOINT, KeyModel, load_model
from keyscan.model.confidence import Tonality
from keyscan.model.estimate import trim_silence
from keyscan.spectrogram.constant_q import FRAMES_PER_SECOND, FloatArray
from training.files import write_whole
from training.music.excerpt import make_part
from training.music.sampled import SoundBank, SoundBankError
from training.music.timbres import SAMPLE_RATE
from training.processes import single_threaded
from training.tonality.sounds import NonTonalError, make_nontonal, spectrogram_of

TRACKS = 800
_SECONDS = 24.0
_PIECES = (1.2, 12.0)  # seconds
_AUDIBLE = 0.02  # of a spectrogram's loudest bin: a piece may fall into a pause

Row = tuple[float, float]
"""The log odds by the embedding, and the clarity of the tuning."""


def fit_clarity(tonality: Tonality, tonal: npt.ArrayLike, other: npt.ArrayLike) -> Tonality:
    """``tonality`` with the clarity's weight; ``tonal`` and ``other`` are ``(rows, 2)`` of ``Row``.

    Raises:
        ValueError: a class has no rows.
    """
    classes = [np.asarray(rows, np.float64).reshape(-1, 2) for rows in (tonal, other)]
    if not all(map(len, classes)):
        raise ValueError("tracks with a key and tracks without are needed")

    def loss(parameters: npt.NDArray[np.float64]) -> float:
        weight, constant = parameters
        return float(
            sum(
                np.logaddexp(0, -sign * (rows[:, 0] + weight * rows[:, 1] + constant)).mean()
                for sign, rows in zip((1, -1), classes, strict=True)
            )
        )

    weight, constant = minimize(loss, np.zeros(2)).x.tolist()
    return replace(tonality, clarity=float(weight), bias=float(tonality.bias + constant))


def rows_of(model: KeyModel, spectrograms: Iterator[FloatArray], seed: int) -> list[Row]:
    """Of each track and of a piece of it; what is silent gives none.

    Raises:
        ModelError: the model has no tonality.
    """
    if model.tonality is None:
        raise ModelError("this checkpoint has no tonality: see training.tonality.fit")
    rng, rows = np.random.default_rng(seed), []
    for whole in spectrograms:
        shortest, longest = (math.log(seconds * FRAMES_PER_SECOND) for seconds in _PIECES)
        frames = min(int(math.exp(rng.uniform(shortest, longest))), whole.shape[1])
        start = int(rng.integers(0, whole.shape[1] - frames + 1))
        for track in (whole, whole[:, start : start + frames]):
            if track.max(initial=0) > _AUDIBLE:
                first, end = trim_silence(track)
                found = model(model.to_input(track[:, first:end]))
                assert found.embedding is not None
                rows.append((float(model.tonality.log_odds(found.embedding)), found.tuning.clarity))
    return rows


@single_threaded
def teach(path: Path, bank: SoundBank, tracks: int, seed: int) -> dict[str, Any]:
    """The checkpoint at ``path`` with the clarity's weight and a description of the fit.

    Raises:
        ModelError: it cannot be used, or has no tonality.
        NonTonalError, SoundBankError: the sounds cannot be made.
    """
    model = load_model(path)
    shown = {"unit": "track", "disable": None, "leave": False}
    parts = (
        spectrogram_of(make_part(seed, index, bank, _SECONDS).samples, SAMPLE_RATE)
        for index in tqdm(range(tracks), desc="in a key", **shown)
    )
    others = (
        spectrogram_of(make_nontonal(seed, index, bank).samples, SAMPLE_RATE)
        for index in tqdm(range(tracks), desc="in no key", **shown)
    )
    tonal, other = rows_of(model, parts, seed), rows_of(model, others, seed)
    assert model.tonality is not None
    tonality = fit_clarity(model.tonality, tonal, other)
    fields = {"tonal": len(tonal), "other": len(other), "seed": seed}
    checkpoint: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return checkpoint | tonality.to_checkpoint() | {"clarity_fit": fields}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "--model", type=Path, default=PACKAGED_CHECKPOINT, help="default: the packaged one"
    )
    parser.add_argument("--bank", type=Path, required=True, help="of training.soundbank")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--tracks", type=int, default=TRACKS, help="of each class")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    for name, least in (("tracks", 1), ("seed", 0)):
        if getattr(arguments, name) < least:
            parser.error(f"--{name}: at least {least}, not {getattr(arguments, name)}")
    torch.set_num_threads(1)
    try:
        bank = SoundBank(arguments.bank)
        taught = teach(arguments.model, bank, arguments.tracks, arguments.seed)
        with write_whole(arguments.out) as file:
            torch.save(taught, file)
    except (ModelError, NonTonalError, OSError, SoundBankError, ValueError) as error:
        sys.exit(f"training.tonality.clarity: {error}")
    tonality, fitted = taught["tonality"], taught["clarity_fit"]
    print(f"{fitted['tonal']} in a key, {fitted['other']} in none: "
          f"clarity {tonality['clarity']:.2f}, bias {tonality['bias']:.2f}")  # fmt: skip


if __name__ == "__main__":
    main()
