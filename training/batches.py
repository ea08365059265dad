"""Excerpts of a corpus become batches: cut, transposed together with their labels, augmented."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from keyscan.analysis.network import N_BINS
from keyscan.keys import KEYS, Key
from training.augment import augment
from training.settings import TrainingSettings
from training.shards import FRAMES_PER_SECOND, MARGIN_BINS, Corpus


def transposed_labels(class_ids: npt.NDArray[np.int8], semitones: npt.NDArray[np.int64]) -> Tensor:
    """The class ids after moving each key up by so many semitones."""
    keys = [KEYS[class_id] for class_id in class_ids]
    moved = (
        Key((key.tonic + int(up)) % 12, key.mode) for key, up in zip(keys, semitones, strict=True)
    )
    return torch.tensor([key.class_id for key in moved])


def make_batch(
    corpus: Corpus, indices: Sequence[int], settings: TrainingSettings, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Cut one length from every excerpt, transpose each: ((batch, 105, frames), class ids)."""
    excerpts = [corpus.spectrogram(index) for index in indices]
    available = min(excerpt.shape[1] for excerpt in excerpts)
    longest = min(available, int(settings.longest * FRAMES_PER_SECOND))
    shortest = min(longest, int(settings.shortest * FRAMES_PER_SECOND))
    frames = int(rng.integers(shortest, longest + 1))
    semitones = rng.integers(-MARGIN_BINS // 2, MARGIN_BINS // 2 + 1, len(indices))
    cuts = np.empty((len(indices), N_BINS, frames), np.float32)
    for row, (excerpt, up) in enumerate(zip(excerpts, semitones, strict=True)):
        start = int(rng.integers(0, excerpt.shape[1] - frames + 1))
        low = MARGIN_BINS - 2 * int(up)
        cuts[row] = excerpt[low : low + N_BINS, start : start + frames]
    labels = transposed_labels(corpus.keys[np.asarray(indices)], semitones)
    return torch.from_numpy(cuts), labels


def batches(
    corpus: Corpus, settings: TrainingSettings, epoch: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """The batches of one epoch; they depend on the seed, the epoch and the corpus alone."""
    rng = np.random.default_rng([settings.seed, epoch])
    noise = torch.Generator().manual_seed(settings.seed * 100_003 + epoch)
    first = epoch * settings.epoch_size
    turns = range(first // len(corpus), (first + settings.epoch_size - 1) // len(corpus) + 1)
    orders = [
        np.random.default_rng([settings.seed, 7, turn]).permutation(len(corpus)) for turn in turns
    ]
    order = np.concatenate(orders)[first - turns[0] * len(corpus) :][: settings.epoch_size]
    for start in range(0, len(order) - settings.batch + 1, settings.batch):
        spectrograms, labels = make_batch(
            corpus, order[start : start + settings.batch].tolist(), settings, rng
        )
        yield augment(spectrograms, noise), labels
