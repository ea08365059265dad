"""What a model says of any parts of a track, from the pooled blocks of one inference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from keyscan.model.checkpoint import BLOCK_FRAMES, Inference, KeyModel
from keyscan.model.tuning import Tuning, estimate_tuning

_NEUTRAL_CLARITY = 0.25  # says neither; a few seconds have too few peaks to tell theirs
Floats = npt.NDArray[np.float64]
Range = tuple[int, int]
"""Blocks from the first to before the second."""


@dataclass(frozen=True, eq=False)
class Judgement:
    """Of some parts of a track together.

    ``probabilities``: of the 24 keys, ``(24,)``, if there is a key; ``tonality``: the probability,
    0 to 1, that there is one.
    """

    probabilities: Floats
    tonality: float
    tuning: Tuning

    @property
    def tonal(self) -> bool:
        return self.tonality >= 0.5


class Blocks:
    """The blocks of a track of ``frames`` frames; ``edges[n]`` is the frame at which ``n`` starts.

    A track that ``KeyModel.to_input`` has repeated is one block.
    """

    def __init__(self, model: KeyModel, x: Tensor, inference: Inference, frames: int) -> None:
        """``inference``: of ``x``."""
        self._model, self._x, self._whole = model, x, inference
        self._sums = inference.blocks
        self._judged: dict[tuple[Range, ...], Judgement] = {}  # parts are judged more than once
        if frames < x.shape[-1]:
            self._sums = tuple(sums.sum(0, keepdim=True) for sums in self._sums)
        self.edges = np.append(np.arange(len(self)) * BLOCK_FRAMES, frames)

    def __len__(self) -> int:
        return len(self._sums[0])

    def frames(self, part: Range) -> int:
        """How many frames a part has."""
        return int(self.edges[part[1]] - self.edges[part[0]])

    def log_probabilities(self) -> Floats:
        """Of the keys in each block alone, ``(blocks, 24)``."""
        temperatures = [self._model.temperature.at(int(n)) for n in np.diff(self.edges)]
        return _log_softmax(self._model.classify(self._sums) / np.array(temperatures)[:, None])

    def tonality(self) -> Floats:
        """The log odds of a key in each block alone, ``(blocks,)``."""
        embeddings = self._model.network.embed(self._sums)
        if self._model.tonality is None or embeddings is None:
            return np.full(len(self), np.inf)
        tonality = self._model.tonality
        return tonality.log_odds(embeddings.cpu().numpy()) + tonality.clarity * _NEUTRAL_CLARITY

    def judge(self, ranges: Sequence[Range]) -> Judgement:
        """The blocks of ``ranges``, which do not overlap, as one track."""
        key = tuple(ranges)
        if key not in self._judged:
            self._judged[key] = self._judge(key)
        return self._judged[key]

    def _judge(self, ranges: Sequence[Range]) -> Judgement:
        frames = sum(map(self.frames, ranges))
        if frames == self.edges[-1]:
            whole = self._whole
            return self._judgement(whole.logits, whole.embedding, whole.tuning, frames)
        rows = np.concatenate([np.arange(*part) for part in ranges])
        sums = tuple(values[rows].sum(0, keepdim=True) for values in self._sums)
        parts = [self._x[0, :, self.edges[first] : self.edges[end]] for first, end in ranges]
        tuning = estimate_tuning(torch.cat(parts, dim=1))
        embedding = self._model.network.embed(sums)
        return self._judgement(
            self._model.classify(sums)[0],
            None if embedding is None else embedding[0].cpu().numpy(),
            tuning,
            frames,
        )

    def _judgement(
        self,
        logits: npt.NDArray[np.float32],
        embedding: npt.NDArray[np.float32] | None,
        tuning: Tuning,
        frames: int,
    ) -> Judgement:
        model, tonality = self._model, 1.0
        if model.tonality is not None and embedding is not None:
            tonality = model.tonality.probability(embedding, tuning.clarity)
        scaled = logits[None].astype(np.float64) / model.temperature.at(frames)
        return Judgement(np.exp(_log_softmax(scaled))[0], tonality, tuning)


def _log_softmax(rows: Floats) -> Floats:
    rows = rows - rows.max(axis=1, keepdims=True)
    result: Floats = rows - np.log(np.exp(rows).sum(axis=1, keepdims=True))
    return result
