"""The key over time: the network's blocks are joined into segments.

A hidden Markov model has the 24 keys as its states: a block of 3.2 seconds gives the emission
probabilities, and all changes of key have one cost. Viterbi's algorithm finds the most probable
path (Rabiner, "A tutorial on hidden Markov models", 1989). Wider, overlapping windows located
changes of key less exactly, at any cost of a change.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import torch

from keyscan.analysis import Segment, Timeline
from keyscan.keys import KEYS
from keyscan.model.checkpoint import BLOCK_FRAMES, KeyModel
from keyscan.model.network import Pooled
from keyscan.spectrogram.constant_q import FRAMES_PER_SECOND

CHANGE_COST = 6.0
"""In nats; chosen on synthetic tracks with known changes (``training.modulations.evaluate``)."""
END_SECONDS = 30.0
"""The length of the intro and of the outro."""
_DROPPED_SECONDS = 0.5  # at most, by the front end at a track's end

_Floats = npt.NDArray[np.float64]


def key_timeline(
    model: KeyModel,
    blocks: Pooled,
    *,
    first: int,
    frames: int,
    end: float,
    change_cost: float = CHANGE_COST,
) -> Timeline:
    """The key over time of a track; silence at its ends belongs to the segment next to it.

    Args:
        model: the model that gave the blocks.
        blocks: ``Inference.blocks`` of the track without the silence at its ends.
        first: the frame at which the blocks start.
        frames: the number of frames in the blocks.
        end: the end of the track in seconds.
        change_cost: the cost of a change of key, in nats.
    """
    edges = np.minimum(np.arange(len(blocks[0]) + 1) * BLOCK_FRAMES, frames)
    path = _most_probable_path(_log_probabilities(model, blocks, edges), change_cost)
    cuts = np.flatnonzero(np.diff(path, prepend=-1, append=-1))  # with the track's ends
    # the network is more accurate on a whole segment than on single blocks
    keys = _log_probabilities(model, _sums(blocks, cuts), edges[cuts]).argmax(axis=1)
    kept = np.flatnonzero(np.diff(keys, prepend=-1))
    cuts = np.append(cuts[kept], len(path))
    whole = _log_probabilities(model, _sums(blocks, cuts), edges[cuts])
    times = (first + edges[cuts]) / FRAMES_PER_SECOND
    times[0], times[-1] = 0.0, end
    segments = tuple(
        Segment(float(start), float(stop), KEYS[key], float(np.exp(row[key])))
        for (start, stop), key, row in zip(pairwise(times), keys[kept], whole, strict=True)
    )
    start, stop = first / FRAMES_PER_SECOND, (first + frames) / FRAMES_PER_SECOND
    stop = end if end - stop < _DROPPED_SECONDS else stop
    return Timeline(
        segments,
        _part(segments, start, min(stop, start + END_SECONDS)),
        _part(segments, max(start, stop - END_SECONDS), stop),
    )


def _log_probabilities(model: KeyModel, sums: Pooled, edges: npt.NDArray[np.int64]) -> _Floats:
    """Of the rows of ``sums``, each from one of the ``edges`` to the next: ``(rows, 24)``."""
    temperatures = np.array([model.temperature.at(int(n)) for n in np.diff(edges)])
    scaled = model.classify(sums).astype(np.float64) / temperatures[:, None]
    scaled -= scaled.max(axis=1, keepdims=True)
    result: _Floats = scaled - np.log(np.exp(scaled).sum(axis=1, keepdims=True))
    return result


def _most_probable_path(log_probabilities: _Floats, change_cost: float) -> npt.NDArray[np.int64]:
    """Viterbi's algorithm with one cost for all changes: the state of each row."""
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


def _sums(blocks: Pooled, cuts: npt.NDArray[np.int64]) -> Pooled:
    """The sums over the blocks from cut to cut."""
    return tuple(torch.stack([sums[a:b].sum(dim=0) for a, b in pairwise(cuts)]) for sums in blocks)


def _part(segments: tuple[Segment, ...], start: float, end: float) -> Segment:
    """From ``start`` to ``end``, with the key of the segment that covers most of it."""
    most = max(segments, key=lambda s: min(s.end, end) - max(s.start, start))
    return Segment(start, end, most.key, most.confidence)
