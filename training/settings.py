"""The settings of a training run."""

from __future__ import annotations

import math
from dataclasses import dataclass

from keyscan.spectrogram.features import MIN_SECONDS


@dataclass(frozen=True)
class TrainingSettings:
    """All settings of a run except the corpora; stored in the checkpoint.

    ``recorded``: the share of every batch that comes from recordings, rounded to whole excerpts.
    Lengths are in seconds.
    """

    seed: int = 1
    epochs: int = 8
    epoch_size: int = 40000
    batch: int = 64
    learning_rate: float = 3e-3
    weight_decay: float = 0.02
    label_smoothing: float = 0.1
    ema: float = 0.998
    shortest: float = 10.0
    longest: float = 22.0
    recorded: float = 0.0

    def __post_init__(self) -> None:
        """Raises ValueError, naming the setting, for an invalid value."""
        problems = {
            "seed: must not be negative": self.seed < 0,
            "epochs: at least 1": self.epochs < 1,
            "batch: at least 1": self.batch < 1,
            f"epoch_size: at least a batch ({self.batch})": self.epoch_size < self.batch,
            "learning_rate: must be positive": not 0 < self.learning_rate < math.inf,
            "weight_decay: must not be negative": not 0 <= self.weight_decay < math.inf,
            "label_smoothing: from 0 to less than 1": not 0 <= self.label_smoothing < 1,
            "ema: from 0 to less than 1": not 0 <= self.ema < 1,
            f"shortest: at least {MIN_SECONDS:g} seconds": not self.shortest >= MIN_SECONDS,
            "recorded: from 0 to less than 1": not 0 <= self.recorded < 1,
            f"recorded: too little for, or all of, a batch of {self.batch}": (
                0 < self.recorded < 1 and not 0 < round(self.batch * self.recorded) < self.batch
            ),
            "longest: at least shortest": not self.shortest <= self.longest < math.inf,
        }
        for problem, is_so in problems.items():
            if is_so:
                raise ValueError(problem)


HELP = {
    "seed": "of weights, order and augmentation",
    "epochs": "epochs over which the learning rate rises and falls to zero",
    "epoch_size": "excerpts an epoch",
    "batch": "excerpts a batch",
    "learning_rate": "the highest",
    "weight_decay": "of AdamW",
    "label_smoothing": "share of the target that goes to the other keys",
    "ema": "decay of the averaged weights per step",
    "shortest": "seconds of the shortest cut",
    "longest": "seconds of the longest cut",
    "recorded": "share of every batch that comes from --recordings",
    "stem": "channels of the first layer",
    "pitch": "channels of the layers over pitches",
    "ring": "channels of the layers over pitch classes",
    "head": "channels of the penultimate layer",
    "dropout": "dropout before the last layers",
    "stride": "frames of 0.2 s that one step of the network covers",
}
"""Help on the options of ``training.train``: these settings and those of the network."""
