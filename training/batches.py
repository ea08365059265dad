"""Make batches from the excerpts of a corpus: cut, transpose with their targets, augment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from keyscan.keys import KEYS
from keyscan.model.tuning import in_tune
from keyscan.spectrogram.constant_q import N_BINS
from training.augment import augment
from training.settings import TrainingSettings
from training.shards import FRAMES_PER_SECOND, MARGIN_BINS, Corpus, Target


def transposed(target: Target, semitones: int) -> Target:
    """The target of the same music, so many semitones higher."""
    return target[[key.transposed(-semitones).class_id for key in KEYS]]


Pick = tuple[Corpus, int]


def make_batch(
    picks: Sequence[Pick], settings: TrainingSettings, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Cut all excerpts to one length, transpose and tune each.

    Returns:
        Spectrograms ``(batch, 105, frames)`` and targets ``(batch, 24)``, both float32.
    """
    excerpts = [corpus.spectrogram(index) for corpus, index in picks]
    available = min(excerpt.shape[1] for excerpt in excerpts)
    longest = min(available, int(settings.longest * FRAMES_PER_SECOND))
    shortest = min(longest, int(settings.shortest * FRAMES_PER_SECOND))
    frames = int(rng.integers(shortest, longest + 1))
    semitones = rng.integers(-MARGIN_BINS // 2, MARGIN_BINS // 2 + 1, len(picks))
    cuts = np.empty((len(picks), N_BINS, frames), np.float32)
    targets = np.empty((len(picks), len(KEYS)), np.float32)
    for row, (excerpt, up) in enumerate(zip(excerpts, semitones.tolist(), strict=True)):
        start = int(rng.integers(0, excerpt.shape[1] - frames + 1))
        low = MARGIN_BINS - 2 * up
        cuts[row] = excerpt[low : low + N_BINS, start : start + frames]
        corpus, index = picks[row]
        targets[row] = transposed(corpus.targets[index], up)
    tuned = torch.stack([in_tune(cut) for cut in torch.from_numpy(cuts)])
    return tuned, torch.from_numpy(targets)


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
        spectrograms, targets = make_batch(picks, settings, rng)
        yield augment(spectrograms, noise), targets
