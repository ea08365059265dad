"""The key over time: the network's blocks are joined into parts, in a key or not tonal.

A hidden Markov model has 25 states: the 24 keys, and drums, speech or noise alone. A block of 3.2
seconds gives the emission probabilities, and all changes have one cost. Viterbi's algorithm finds
the most probable path (Rabiner, "A tutorial on hidden Markov models", 1989). Wider, overlapping
windows located changes of key less exactly, at any cost of a change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise

import numpy as np
import numpy.typing as npt

from keyscan.analysis import Segment, Timeline
from keyscan.keys import KEYS
from keyscan.model.blocks import Blocks, Floats, Judgement, Range
from keyscan.spectrogram.constant_q import FRAMES_PER_SECOND

CHANGE_COST = 8.0
"""In nats; chosen on synthetic tracks with known changes (``training.modulations.evaluate``)."""
HOME_SHARE = 0.5
"""How likely a part is to be in the key of the whole track, before that part is judged."""
END_SECONDS = 30.0
"""The length of the intro and of the outro."""
_NOT_TONAL = len(KEYS)  # the state after the keys
_SUREST_NOISE = 4.0  # nats: the most that the timbre of one block says against a key
_SUREST_MUSIC = 8.0  # and for a key: two blocks of music are enough
_LEAST_SECONDS = 10.0  # of silence at an end: less belongs to the music
_LEAST_FRAMES = 48  # fewer of drums, speech or noise belong to the music beside them
_DROPPED_SECONDS = 0.5  # at most, by the front end at a track's end


@dataclass(frozen=True, eq=False)
class Part:
    """Some blocks of a track, in a key (its ``class_id``) or not tonal (None)."""

    blocks: Range
    key: int | None
    judgement: Judgement

    @property
    def confidence(self) -> float:
        """The probability, 0 to 1, of the key, if there is one; 0 without."""
        return 0.0 if self.key is None else float(self.judgement.probabilities[self.key])


def find_parts(blocks: Blocks, change_cost: float = CHANGE_COST) -> list[Part]:
    """The parts of a track, neighbours in different keys; ``change_cost`` in nats.

    Less than ten seconds of drums, speech or noise belong to the music beside them, but a few
    seconds of music lend no key to more of them.
    """
    keys = blocks.log_probabilities()
    for_a_key = np.clip(blocks.tonality(), -_SUREST_NOISE, _SUREST_MUSIC)
    states = np.column_stack([keys, keys.max(axis=1) - for_a_key])
    path = _most_probable_path(states, change_cost)
    ranges = _runs(path.tolist())
    # a part of noise beside music is not judged again: a little of the music would make it tonal
    candidates = [part for part in ranges if path[part[0]] != _NOT_TONAL]
    if not candidates:
        candidates = [_short_music(blocks, for_a_key)]
    judged = [(part, judgement) for part in candidates if (judgement := blocks.judge([part])).tonal]
    home = blocks.judge([part for part, _ in judged] or ranges).probabilities
    prior = HOME_SHARE * home + (1 - HOME_SHARE) / len(KEYS)
    found = np.full(len(blocks), _NOT_TONAL)
    for (first, end), judgement in judged:
        found[first:end] = (judgement.probabilities * prior).argmax()
    for first, end in _runs(found.tolist()):
        short = blocks.frames((first, end)) < _LEAST_FRAMES and end - first < len(found)
        if found[first] == _NOT_TONAL and short:
            found[first:end] = found[first - 1] if first else found[end]
    return [
        Part(
            part,
            None if found[part[0]] == _NOT_TONAL else int(found[part[0]]),
            blocks.judge([part]),
        )
        for part in _runs(found.tolist())
    ]


def _short_music(blocks: Blocks, for_a_key: Floats) -> Range:
    """The music of a track whose most probable path has none.

    Six seconds may not pay for a change of state, but would make minutes of applause tonal. So the
    music is the most tonal part if the rest is not tonal, and the whole track if it is.
    """
    whole = (0, len(blocks))
    sums = np.append(0.0, np.cumsum(for_a_key))
    end = int((sums - np.minimum.accumulate(sums)).argmax())  # of the part with the largest sum
    first = int(sums[: end + 1].argmin())
    rest = [part for part in ((0, first), (end, len(blocks))) if first < end and part[0] < part[1]]
    if not rest or not blocks.judge([whole]).tonal or blocks.judge(rest).tonal:
        return whole
    return first, end


def to_timeline(
    parts: Sequence[Part], blocks: Blocks, doubt: float, first: int, end: float
) -> Timeline:
    """The timeline of a track.

    Less than ten seconds of silence at an end belong to the segment next to them; more has no key.

    Args:
        parts: of the track without the silence at its ends.
        blocks: of the same.
        doubt: the probability, 0 to 0.5, that all keys are a semitone off.
        first: the frame at which the blocks start.
        end: the end of the track in seconds.
    """
    starts = [part.blocks[0] for part in parts]
    times = (first + blocks.edges[[*starts, -1]]) / FRAMES_PER_SECOND
    start, stop = float(times[0]), float(times[-1])
    stop = end if end - stop < _DROPPED_SECONDS else stop
    times[0], times[-1] = 0.0, end
    segments = [
        _segment(float(low), float(high), part, doubt)
        for (low, high), part in zip(pairwise(times), parts, strict=True)
    ]
    sounding = [
        Segment(max(s.start, start), min(s.end, stop), s.key, s.confidence) for s in segments
    ]
    intro, outro = _first_half_minute(sounding), _last_half_minute(sounding)
    if start > _LEAST_SECONDS and segments[0].tonal:
        segments[0] = replace(segments[0], start=start)
        segments.insert(0, Segment(0.0, start, None, 0.0))
    if end - stop > _LEAST_SECONDS and segments[-1].tonal:
        segments[-1] = replace(segments[-1], end=stop)
        segments.append(Segment(stop, end, None, 0.0))
    return Timeline(tuple(segments), intro, outro)


def _segment(start: float, end: float, part: Part, doubt: float) -> Segment:
    if part.key is None:
        return Segment(start, end, None, 0.0)
    tonality = part.judgement.tonality
    confidence = tonality * (1 - doubt) * part.confidence + (1 - tonality) / len(KEYS)
    return Segment(start, end, KEYS[part.key], confidence)


def _first_half_minute(segments: Sequence[Segment]) -> Segment:
    """Of music, in the key of the segment that has most of it; without music it has no key."""
    missing, pieces = END_SECONDS, []
    for segment in [s for s in segments if s.tonal] or segments:
        length = min(segment.end - segment.start, missing)
        if length > 0:
            pieces.append(replace(segment, end=segment.start + length))
        missing -= length
    most = max(pieces, key=lambda piece: piece.end - piece.start)
    return replace(most, start=pieces[0].start, end=pieces[-1].end)


def _last_half_minute(segments: Sequence[Segment]) -> Segment:
    """As the first, in reversed time."""
    mirrored = [replace(s, start=-s.end, end=-s.start) for s in reversed(segments)]
    found = _first_half_minute(mirrored)
    return replace(found, start=0.0 - found.end, end=0.0 - found.start)


def _runs(states: Sequence[int]) -> list[Range]:
    """Where neighbours are equal."""
    lengths = [len(list(run)) for _, run in groupby(states)]
    ends = np.cumsum(lengths).tolist()
    return [(end - length, end) for end, length in zip(ends, lengths, strict=True)]


def _most_probable_path(log_probabilities: Floats, change_cost: float) -> npt.NDArray[np.int64]:
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
