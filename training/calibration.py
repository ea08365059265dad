"""Calibration: whether answers with a confidence of 90 % are right nine times out of ten.

Source: Guo et al., "On calibration of modern neural networks" (ICML 2017): the reliability table
and the expected calibration error over equal-width bins of the top probability, and temperature
scaling. The paper uses one temperature; here it depends on the track's length: see ``Temperature``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from numpy.typing import ArrayLike
from scipy.optimize import minimize_scalar

from keyscan.keys import KEYS
from keyscan.model.confidence import Temperature

FloatArray = npt.NDArray[np.float64]

BINS = 10  # of equal width, closed at the upper end: (0, 0.1], ..., (0.9, 1]
_TEMPERATURES = (0.05, 20.0)  # search range: outside it the softmax is a step or flat
_MOST_FRAMES = 1000.0  # 200 seconds: with a larger value, every track would count as short
_MOST_SHORTEST = 100.0  # 20 seconds: longer tracks are the business of the other two
_DRAWS = 2000
_NONE_IS_BEST = (
    f"no temperature between {_TEMPERATURES[0]:g} and {_TEMPERATURES[1]:g} is best: "
    "more recordings are needed, right and wrong answers among them"
)


@dataclass(frozen=True)
class ReliabilityBin:
    """The answers with a confidence in (``low``, ``high``]; the means of an empty bin are NaN.

    ``confidence`` is the mean top probability, ``accuracy`` the share of exact answers.
    """

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


def _bin_of(confidences: FloatArray) -> npt.NDArray[np.int64]:
    return np.clip(np.ceil(confidences * BINS).astype(np.int64) - 1, 0, BINS - 1)


def reliability(confidences: ArrayLike, exact: ArrayLike) -> tuple[ReliabilityBin, ...]:
    """The reliability table of answers with these top probabilities, ``BINS`` rows from 0 to 1.

    Raises:
        ValueError: no answers, an answer without a verdict, or a confidence outside 0 to 1.
    """
    sure, right = _checked(confidences, exact)
    bins = _bin_of(sure)
    rows = []
    for number in range(BINS):
        inside = bins == number
        count = int(inside.sum())
        means = (sure[inside].mean(), right[inside].mean()) if count else (math.nan, math.nan)
        rows.append(ReliabilityBin(number / BINS, (number + 1) / BINS, count, *map(float, means)))
    return tuple(rows)


def expected_calibration_error(confidences: ArrayLike, exact: ArrayLike) -> float:
    """The mean of |mean confidence - accuracy| of the bins, weighted by their answers, 0-1.

    Raises:
        ValueError: see ``reliability``.
    """
    sure, right = _checked(confidences, exact)
    return float(_gaps(_bin_of(sure), (sure - right)[np.newaxis])[0])


def chance_calibration_error(confidences: ArrayLike, seed: int = 0) -> float:
    """The mean expected calibration error of a perfectly calibrated model on these confidences.

    It is above 0 because the accuracy of a bin with few answers varies by chance.

    Raises:
        ValueError: no answers, or a confidence outside 0 to 1.
    """
    sure, _ = _checked(confidences, np.ones_like(confidences))
    draws = np.random.default_rng(seed).random((_DRAWS, len(sure))) < sure
    return float(_gaps(_bin_of(sure), sure - draws).mean())


def _gaps(bins: npt.NDArray[np.int64], differences: FloatArray) -> FloatArray:
    """The calibration error of each row of confidences minus verdicts, ``(rows, answers)``."""
    member = (bins[:, np.newaxis] == np.arange(BINS)).astype(np.float64)
    gaps: FloatArray = np.abs(differences @ member).sum(axis=1) / len(bins)
    return gaps


def _checked(confidences: ArrayLike, exact: ArrayLike) -> tuple[FloatArray, FloatArray]:
    sure, right = np.asarray(confidences, np.float64), np.asarray(exact, np.float64)
    if not sure.size:
        raise ValueError("no answers with a confidence")
    if sure.ndim != 1 or sure.shape != right.shape:
        raise ValueError(f"confidences {sure.shape} for answers {right.shape}")
    if not ((sure >= 0) & (sure <= 1 + 1e-9)).all():
        raise ValueError("a confidence is not between 0 and 1")
    return sure, right


@dataclass(frozen=True, eq=False)
class Outputs:
    """The outputs of a model for recordings with known keys.

    ``logits``: (recordings, 24), in the order of ``class_id``; ``classes``: the true ones;
    ``frames``: the length of each recording.
    """

    logits: FloatArray
    classes: npt.NDArray[np.int64]
    frames: npt.NDArray[np.int64]

    def __post_init__(self) -> None:
        """Raises ValueError if the shapes do not fit, or a logit is not finite."""
        count = len(self.classes)
        if self.logits.shape != (count, len(KEYS)) or len(self.frames) != count:
            raise ValueError(f"logits {self.logits.shape} for {count} recordings")
        if not np.isfinite(self.logits).all():
            raise ValueError("a logit is not finite")

    @classmethod
    def joined(cls, parts: Sequence[Outputs]) -> Outputs:
        """The recordings of all parts."""
        return cls(
            np.concatenate([part.logits for part in parts]),
            np.concatenate([part.classes for part in parts]),
            np.concatenate([part.frames for part in parts]),
        )

    @property
    def exact(self) -> npt.NDArray[np.bool_]:
        return np.asarray(self.logits.argmax(axis=1) == self.classes)

    def log_probabilities(self, temperature: Temperature) -> FloatArray:
        """Log probabilities of the 24 keys at this temperature, ``(recordings, 24)``."""
        divisors = np.array([temperature.at(int(frames)) for frames in self.frames])
        scaled = (self.logits - self.logits.max(axis=1, keepdims=True)) / divisors[:, np.newaxis]
        normalised: FloatArray = scaled - np.log(np.exp(scaled).sum(axis=1, keepdims=True))
        return normalised

    def negative_log_likelihood(self, temperature: Temperature) -> float:
        """Mean of -log(probability of the true class)."""
        of_truth = self.log_probabilities(temperature)[np.arange(len(self.classes)), self.classes]
        return float(-of_truth.mean())

    def calibration_error(self, temperature: Temperature) -> float:
        """The expected calibration error at this temperature."""
        confidences = np.exp(self.log_probabilities(temperature)).max(axis=1)
        return expected_calibration_error(confidences, self.exact)


def fit_temperature(whole: Sequence[Outputs], excerpts: Sequence[Outputs]) -> Temperature:
    """The maximum-likelihood temperature, all items, large or small, with the same weight.

    An item is the recordings of a set, or their excerpts: a set with many recordings, which may be
    easy ones, has no more weight than another. ``long`` is fitted for each ``frames``, and
    ``frames``, 0 without excerpts, for the best of these. Both searches are Brent's method.

    Raises:
        ValueError: no recordings, or no temperature is best because there are too few answers, or
            for all recordings they are right or all are wrong.
    """
    parts = [part for part in (*whole, *excerpts) if len(part.classes)]
    if not any(len(part.classes) for part in whole):
        raise ValueError("no recordings to fit a temperature to")
    if all(part.exact.all() for part in whole):  # the lower, the better
        raise ValueError(_NONE_IS_BEST)
    if not any(len(part.classes) for part in excerpts):
        return _fit_long(parts, 0.0)
    found = minimize_scalar(
        lambda frames: _mean_loss(parts, _fit_long(parts, float(frames))),
        bounds=(0.0, _MOST_FRAMES),
        method="bounded",
        options={"xatol": 0.01},
    )
    return _fit_long(parts, round(float(found.x), 1))


def fit_shortest(temperature: Temperature, short: Outputs) -> Temperature:
    """``temperature`` with the most likely ``shortest``, from excerpts of a few seconds.

    Raises:
        ValueError: no excerpts.
    """
    if not len(short.classes):
        raise ValueError("no short excerpts to fit a temperature to")
    found = minimize_scalar(
        lambda frames: short.negative_log_likelihood(replace(temperature, shortest=float(frames))),
        bounds=(0.0, _MOST_SHORTEST),
        method="bounded",
        options={"xatol": 0.01},
    )
    return replace(temperature, shortest=round(float(found.x), 1))


def _mean_loss(parts: Sequence[Outputs], temperature: Temperature) -> float:
    return float(np.mean([part.negative_log_likelihood(temperature) for part in parts]))


def _fit_long(parts: Sequence[Outputs], frames: float) -> Temperature:
    """The best ``long`` for this ``frames``, rounded to its significant digits."""
    low, high = (math.log(end) for end in _TEMPERATURES)
    found = minimize_scalar(
        lambda log: _mean_loss(parts, Temperature(math.exp(log), frames)),
        bounds=(low, high),
        method="bounded",
        options={"xatol": 1e-6},
    )
    if min(found.x - low, high - found.x) < 1e-3:
        raise ValueError(_NONE_IS_BEST)
    return Temperature(round(math.exp(found.x), 4), frames)
