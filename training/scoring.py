"""Scores of key estimates, as in the MIREX Audio Key Detection task.

| estimate                                   | weight |
| ------------------------------------------ | ------ |
| the same tonic and mode                    | 1.0    |
| a perfect fifth away, same mode            | 0.5    |
| the relative key                           | 0.3    |
| the parallel key (same tonic, other mode)  | 0.2    |
| any other                                  | 0.0    |

Source: MIREX, "Audio Key Detection". Some evaluations count a fifth in either direction, others
(``mir_eval.key`` without ``allow_descending_fifths``) only the fifth above: both sums are given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from keyscan.keys import Key, Mode, Relation
from training.calibration import expected_calibration_error

WEIGHTS: dict[Relation, float] = {
    "exact": 1.0,
    "fifth_up": 0.5,
    "fifth_down": 0.5,
    "relative": 0.3,
    "parallel": 0.2,
    "other": 0.0,
}
WEIGHTS_FIFTH_UP_ONLY: dict[Relation, float] = WEIGHTS | {"fifth_down": 0.0}
_RESAMPLES = 2000


@dataclass(frozen=True)
class Answer:
    """The estimate for a track with a known key; ``confidence``: its probability, 0-1."""

    reference: Key
    estimate: Key
    confidence: float | None = None

    @property
    def relation(self) -> Relation:
        return self.estimate.relation_to(self.reference)


@dataclass(frozen=True)
class Interval:
    """A mean, or a difference of means, with its 95 % bootstrap interval (percentile method)."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Scores:
    """Shares of a set of answers, 0-1.

    ``calibration_error``: the expected calibration error; None if an answer has no confidence.
    """

    tracks: int
    shares: dict[Relation, float]
    exact: Interval
    weighted: Interval
    weighted_fifth_up_only: Interval
    calibration_error: float | None


def bootstrap(values: Sequence[float], seed: int = 0) -> Interval:
    """The mean of ``values`` and the 2.5 and 97.5 percentiles of means of resamples.

    Raises:
        ValueError: there are no values.
    """
    if not values:
        raise ValueError("no answers to score")
    sample: npt.NDArray[np.float64] = np.asarray(values, dtype=np.float64)
    means = _resampled_means(sample, np.random.default_rng(seed))
    low, high = np.percentile(means, (2.5, 97.5))
    return Interval(float(sample.mean()), float(low), float(high))


def _resampled_means(
    sample: npt.NDArray[np.float64], rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    draws = rng.integers(0, len(sample), (_RESAMPLES, len(sample)))
    means: npt.NDArray[np.float64] = sample[draws].mean(axis=1)
    return means


def score(answers: Sequence[Answer]) -> Scores:
    """Count and weight the relations.

    Raises:
        ValueError: there are no answers.
    """
    relations = [answer.relation for answer in answers]
    confidences = [a.confidence for a in answers if a.confidence is not None]
    exact = [relation == "exact" for relation in relations]
    return Scores(
        tracks=len(answers),
        exact=bootstrap([float(right) for right in exact]),
        weighted=bootstrap([WEIGHTS[relation] for relation in relations]),
        weighted_fifth_up_only=bootstrap([WEIGHTS_FIFTH_UP_ONLY[r] for r in relations]),
        shares={relation: relations.count(relation) / len(relations) for relation in WEIGHTS},
        calibration_error=(
            expected_calibration_error(confidences, exact)
            if len(confidences) == len(answers)
            else None
        ),
    )


def recall_gap(answers: Sequence[Answer], seed: int = 0) -> Interval | None:
    """The recall of major tracks minus that of minor ones; None unless both modes occur.

    The recall of a mode is the share of exact answers among the tracks in it. The bootstrap
    resamples each mode separately.
    """
    modes: tuple[Mode, ...] = ("major", "minor")
    samples = [
        np.array([a.relation == "exact" for a in answers if a.reference.mode == mode], np.float64)
        for mode in modes
    ]
    if not all(map(len, samples)):
        return None
    rng = np.random.default_rng(seed)
    major, minor = (_resampled_means(sample, rng) for sample in samples)
    low, high = np.percentile(major - minor, (2.5, 97.5))
    return Interval(float(samples[0].mean() - samples[1].mean()), float(low), float(high))


def score_modes(answers: Sequence[Answer]) -> dict[Mode, Scores]:
    """The scores of the major and of the minor tracks; a mode without tracks is left out.

    The mode is that of the true key.
    """
    modes: tuple[Mode, ...] = ("major", "minor")
    parts = {mode: [a for a in answers if a.reference.mode == mode] for mode in modes}
    return {mode: score(part) for mode, part in parts.items() if part}
