"""The key over time: what the network sees block by block, joined into segments.

A hidden Markov model with the 24 keys as its states: a block of 3.2 seconds emits its own
probabilities, and every change of key costs the same. The most probable path is Viterbi's (Rabiner,
"A tutorial on hidden Markov models", 1989). Wider, overlapping windows were worse at finding where
the key changes, whatever a change cost.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import torch

from keyscan.analysis import Segment, Timeline
from keyscan.keys import KEYS
from keyscan.model.checkpoint import BLOCK_FRAMES, KeyModel
from keyscan.model.keynet import MapSum
from keyscan.model.network import Summary
from keyscan.spectrogram.constant_q import FRAMES_PER_SECOND

CHANGE_COST = 6.0
"""In nats; chosen on synthesised tracks whose changes are known (``training.timeline``)."""
END_SECONDS = 30.0
"""Of the intro and of the outro."""
_LEFT_OUT = 0.5  # seconds at a track's end, at most, by the front end

_Floats = npt.NDArray[np.float64]


def key_timeline(
    model: KeyModel,
    blocks: Summary | MapSum,
    *,
    first: int,
    frames: int,
    end: float,
    change_cost: float = CHANGE_COST,
) -> Timeline:
    """The keys of a track, of which the model saw ``frames`` frames from ``first`` on.

    ``blocks`` are ``Inference.blocks``; ``end`` is that of the track, in seconds. Its silent ends
    belong to the music beside them.
    """
    count = len(blocks[0])
    edges = np.minimum(np.arange(count + 1) * BLOCK_FRAMES, frames)
    single = _log_probabilities(model, blocks, np.diff(edges))
    cuts = _cuts(_most_probable_path(single, change_cost))
    # of a segment as a whole the network knows more than of its blocks one by one
    whole = _log_probabilities(model, _sums(blocks, cuts), np.diff(edges[cuts]))
    keys = whole.argmax(axis=1)
    kept = np.concatenate([[True], keys[1:] != keys[:-1]])
    cuts = np.append(cuts[:-1][kept], count)
    if not kept.all():
        whole = _log_probabilities(model, _sums(blocks, cuts), np.diff(edges[cuts]))
    times = (first + edges[cuts]) / FRAMES_PER_SECOND
    times[0], times[-1] = 0.0, end
    segments = tuple(
        Segment(float(start), float(stop), KEYS[key], float(np.exp(row[key])))
        for (start, stop), key, row in zip(pairwise(times), keys[kept], whole, strict=True)
    )
    start, stop = first / FRAMES_PER_SECOND, (first + frames) / FRAMES_PER_SECOND
    if end - stop < _LEFT_OUT:
        stop = end
    return Timeline(
        segments,
        _part(segments, start, min(stop, start + END_SECONDS)),
        _part(segments, max(start, stop - END_SECONDS), stop),
    )


def _log_probabilities(
    model: KeyModel, sums: Summary | MapSum, frames: npt.NDArray[np.int64]
) -> _Floats:
    """``(parts, 24)``, calibrated for parts of so many frames."""
    temperatures = np.array([model.temperature.at(int(n)) for n in frames])
    scaled = model.conclude(sums).astype(np.float64) / temperatures[:, None]
    scaled -= scaled.max(axis=1, keepdims=True)
    result: _Floats = scaled - np.log(np.exp(scaled).sum(axis=1, keepdims=True))
    return result


def _most_probable_path(log_probabilities: _Floats, change_cost: float) -> npt.NDArray[np.int64]:
    """Viterbi: a state for each row; every change to another state costs the same."""
    steps, states = log_probabilities.shape
    best = log_probabilities[0]
    came_from = np.zeros((steps, states), np.int64)
    for step in range(1, steps):
        changed = best.max() - change_cost
        came_from[step] = np.where(best >= changed, np.arange(states), best.argmax())
        best = np.maximum(best, changed) + log_probabilities[step]
    path = [int(best.argmax())]
    for step in range(steps - 1, 0, -1):
        path.append(int(came_from[step, path[-1]]))
    return np.array(path[::-1])


def _cuts(path: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The first block of every segment, and behind the last."""
    changes = np.flatnonzero(np.diff(path)) + 1
    return np.concatenate([[0], changes, [len(path)]])


def _sums(blocks: Summary | MapSum, cuts: npt.NDArray[np.int64]) -> Summary | MapSum:
    """What the network summed up from cut to cut."""
    parts = (torch.stack([field[a:b].sum(dim=0) for a, b in pairwise(cuts)]) for field in blocks)
    return type(blocks)(*parts)


def _part(segments: tuple[Segment, ...], start: float, end: float) -> Segment:
    """From ``start`` to ``end``, in the key that most of it is in."""
    most = max(segments, key=lambda s: min(s.end, end) - max(s.start, start))
    return Segment(start, end, most.key, most.confidence)
