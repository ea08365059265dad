"""Scores of key timelines: boundaries, and the share of time in the right key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import mir_eval
import numpy as np
import numpy.typing as npt

from keyscan.analysis import Segment
from training.scoring import WEIGHTS, Interval, bootstrap

WINDOW_SECONDS = 3.0


@dataclass(frozen=True)
class Boundaries:
    """Precision and recall, 0 to 1, of the boundaries of a track with key changes, with a tolerance
    of ``WINDOW_SECONDS``; ``f`` is their harmonic mean.
    """

    precision: float
    recall: float
    f: float


@dataclass(frozen=True)
class TrackScores:
    """``exact``: the share of time in the right key; ``weighted``: by MIREX's weights.

    ``boundaries``: None for a track in one key. ``changes``: the number found; ``surplus``: that
    number minus the true one.
    """

    boundaries: Boundaries | None
    exact: float
    weighted: float
    changes: int
    surplus: int


def score_track(truth: Sequence[Segment], found: Sequence[Segment]) -> TrackScores:
    """Compare a timeline with the true one; adjacent segments in one key count as one.

    Boundaries are matched as in MIREX's structural segmentation task, without the start and the end
    (``mir_eval.segment.detection``, ``trim=True``). The found timeline is extended to the end of
    the truth: a spectrogram is two frames shorter than the sound.

    Raises:
        ValueError: a timeline is empty, does not start at 0, or has a gap.
    """
    truth = joined(truth)
    found = _ending_at(joined(found), truth[-1].end)
    true_intervals, found_intervals = _intervals(truth), _intervals(found)
    times, true_keys, found_keys = mir_eval.util.merge_labeled_intervals(
        true_intervals,
        [segment.key for segment in truth],
        found_intervals,
        [segment.key for segment in found],
    )
    relations = [b.relation_to(a) for a, b in zip(true_keys, found_keys, strict=True)]
    seconds = np.diff(times, axis=1)[:, 0]
    matched = (0.0, 0.0, 0.0)
    if len(truth) > 1 and len(found) > 1:
        matched = mir_eval.segment.detection(
            true_intervals, found_intervals, window=WINDOW_SECONDS, trim=True
        )
    return TrackScores(
        boundaries=Boundaries(*matched) if len(truth) > 1 else None,
        exact=float(np.average([r == "exact" for r in relations], weights=seconds)),
        weighted=float(np.average([WEIGHTS[r] for r in relations], weights=seconds)),
        changes=len(found) - 1,
        surplus=len(found) - len(truth),
    )


def joined(segments: Sequence[Segment]) -> list[Segment]:
    """The same timeline with adjacent segments in one key merged.

    Raises:
        ValueError: no segments, a start other than 0, or a gap.
    """
    if not segments or segments[0].start != 0:
        raise ValueError("a timeline starts at 0")
    result = [segments[0]]
    for segment in segments[1:]:
        last = result[-1]
        if segment.start != last.end:
            raise ValueError(f"a timeline has no gaps: {last.end:g} s to {segment.start:g} s")
        if segment.key == last.key:
            result[-1] = Segment(last.start, segment.end, last.key, last.confidence)
        else:
            result.append(segment)
    return result


def _ending_at(segments: Sequence[Segment], end: float) -> list[Segment]:
    kept = [segment for segment in segments if segment.start < end]
    last = kept[-1]
    return [*kept[:-1], Segment(last.start, end, last.key, last.confidence)]


def _intervals(segments: Sequence[Segment]) -> npt.NDArray[np.float64]:
    return np.array([(segment.start, segment.end) for segment in segments])


@dataclass(frozen=True)
class Summary:
    """Means over tracks with their 95 % bootstrap intervals; ``tracks``: how many.

    ``as_many``: the share of tracks with the true number of changes.
    """

    tracks: int
    precision: Interval | None
    recall: Interval | None
    f: Interval | None
    exact: Interval
    weighted: Interval
    changes: Interval
    as_many: Interval


def summarise(scores: Sequence[TrackScores]) -> Summary:
    """The summary of some scores; ``boundaries`` is None without tracks that have any.

    Raises:
        ValueError: there are no scores.
    """
    boundaries = [score.boundaries for score in scores if score.boundaries is not None]
    return Summary(
        tracks=len(scores),
        precision=bootstrap([b.precision for b in boundaries]) if boundaries else None,
        recall=bootstrap([b.recall for b in boundaries]) if boundaries else None,
        f=bootstrap([b.f for b in boundaries]) if boundaries else None,
        exact=bootstrap([score.exact for score in scores]),
        weighted=bootstrap([score.weighted for score in scores]),
        changes=bootstrap([score.changes for score in scores]),
        as_many=bootstrap([float(score.surplus == 0) for score in scores]),
    )
