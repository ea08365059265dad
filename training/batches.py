"""Make batches from the excerpts of a corpus: cut, transpose with their labels, augment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from keyscan.keys import KEYS, Key
from keyscan.model.tuning import in_tune
from keyscan.spectrogram.constant_q import N_BINS
from training.augment import augment
from training.settings import TrainingSettings
from training.shards import FRAMES_PER_SECOND, MARGIN_BINS, Corpus


def transposed_labels(class_ids: npt.NDArray[np.int8], semitones: npt.NDArray[np.int64]) -> Tensor:
    """The class ids after each key is transposed up by a number of semitones."""
    keys = [KEYS[class_id] for class_id in class_ids]
    moved = (
        Key((key.tonic + int(up)) % 12, key.mode) for key, up in zip(keys, semitones, strict=True)
    )
    return torch.tensor([key.class_id for key in moved])


Pick = tuple[Corpus, int]


def make_batch(
    picks: Sequence[Pick], settings: TrainingSettings, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Cut all excerpts to one length, transpose and tune each: ((batch, 105, frames), ids)."""
    excerpts = [corpus.spectrogram(index) for corpus, index in picks]
    available = min(excerpt.shape[1] for excerpt in excerpts)
    longest = min(available, int(settings.longest * FRAMES_PER_SECOND))
    shortest = min(longest, int(settings.shortest * FRAMES_PER_SECOND))
    frames = int(rng.integers(shortest, longest + 1))
    semitones = rng.integers(-MARGIN_BINS // 2, MARGIN_BINS // 2 + 1, len(picks))
    cuts = np.empty((len(picks), N_BINS, frames), np.float32)
    for row, (excerpt, up) in enumerate(zip(excerpts, semitones, strict=True)):
        start = int(rng.integers(0, excerpt.shape[1] - frames + 1))
        low = MARGIN_BINS - 2 * int(up)
        cuts[row] = excerpt[low : low + N_BINS, start : start + frames]
    keys = np.array([corpus.keys[index] for corpus, index in picks], np.int8)
    tuned = torch.stack([in_tune(cut) for cut in torch.from_numpy(cuts)])
    return tuned, transposed_labels(keys, semitones)


def _mode_weights(corpus: Corpus) -> npt.NDArray[np.float64]:
    """Sampling probabilities that balance the two modes, shape ``(excerpts,)``."""
    major = np.array([KEYS[class_id].mode == "major" for class_id in corpus.keys])
    counts = np.where(major, major.sum(), (~major).sum())
    return np.asarray(1 / counts / (1 / counts).sum())


def batches(
    corpus: Corpus, settings: TrainingSettings, epoch: int, recordings: Corpus | None = None
) -> Iterator[tuple[Tensor, Tensor]]:
    """The batches of one epoch; they depend only on the seed, the epoch and the corpora.

    A share ``settings.recorded`` of every batch comes from ``recordings``, both modes alike.
    """
    rng = np.random.default_rng([settings.seed, epoch])
    noise = torch.Generator().manual_seed(settings.seed * 100_003 + epoch)
    recorded = round(settings.batch * settings.recorded) if recordings else 0
    weights = _mode_weights(recordings) if recordings else None
    made = settings.batch - recorded
    steps = settings.epoch_size // settings.batch
    first, last = epoch * steps * made, (epoch + 1) * steps * made
    turns = range(first // len(corpus), (last - 1) // len(corpus) + 1)
    orders = [
        np.random.default_rng([settings.seed, 7, turn]).permutation(len(corpus)) for turn in turns
    ]
    order = np.concatenate(orders)[first - turns[0] * len(corpus) :]
    for step in range(steps):
        picks = [(corpus, int(index)) for index in order[step * made : (step + 1) * made]]
        if recordings:
            drawn = rng.choice(len(recordings), recorded, p=weights)
            picks += [(recordings, int(index)) for index in drawn]
        spectrograms, labels = make_batch(picks, settings, rng)
        yield augment(spectrograms, noise), labels
