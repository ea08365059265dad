"""Is an answer that is given with 90 % right nine times out of ten?

Source: Guo et al., "On calibration of modern neural networks" (ICML 2017): the reliability table
and the expected calibration error over equal-width bins of the top probability, and temperature
scaling. What they scale by one number depends on the track's length here: see ``Temperature``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numpy.typing import ArrayLike
from scipy.optimize import minimize_scalar

from keyscan.keys import KEYS
from keyscan.model.confidence import Temperature

FloatArray = npt.NDArray[np.float64]

BINS = 10  # of equal width, each with its upper end: (0, 0.1], ..., (0.9, 1]
_TEMPERATURES = (0.05, 20.0)  # what is searched: beyond, the softmax is a step or flat
_MOST_FRAMES = 1000.0  # 200 seconds: beyond, no track would be long
_DRAWS = 2000


@dataclass(frozen=True)
class ReliabilityBin:
    """The answers whose confidence is in (``low``, ``high``]; means are NaN where there are none.

    ``confidence`` is their mean top probability, ``accuracy`` the share of them that are exact.
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
        ValueError: there are no answers, one has no verdict, or a confidence is no probability.
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
    """The mean over all answers of |mean confidence - accuracy| of an answer's bin, 0-1.

    Raises:
        ValueError: see ``reliability``.
    """
    sure, right = _checked(confidences, exact)
    return float(_gaps(_bin_of(sure), (sure - right)[np.newaxis])[0])


def chance_calibration_error(confidences: ArrayLike, seed: int = 0) -> float:
    """The mean expected calibration error of a model that is honest about these confidences.

    It is above 0 because the accuracy of a bin with few answers differs from the truth by chance.

    Raises:
        ValueError: there are no answers, or a confidence is no probability.
    """
    sure, _ = _checked(confidences, np.ones_like(confidences))
    draws = np.random.default_rng(seed).random((_DRAWS, len(sure))) < sure
    return float(_gaps(_bin_of(sure), sure - draws).mean())


def _gaps(bins: npt.NDArray[np.int64], differences: FloatArray) -> FloatArray:
    """The calibration error of each row of confidences less verdicts, ``(rows, answers)``."""
    member = (bins[:, np.newaxis] == np.arange(BINS)).astype(np.float64)
    gaps: FloatArray = np.abs(differences @ member).sum(axis=1) / len(bins)
    return gaps


def _checked(confidences: ArrayLike, exact: ArrayLike) -> tuple[FloatArray, FloatArray]:
    sure, right = np.asarray(confidences, np.float64), np.asarray(exact, np.float64)
    if not sure.size:
        raise ValueError("no answers to judge the confidence of")
    if sure.ndim != 1 or sure.shape != right.shape:
        raise ValueError(f"confidences {sure.shape} for answers {right.shape}")
    if not ((sure >= 0) & (sure <= 1 + 1e-9)).all():
        raise ValueError("a confidence is not between 0 and 1")
    return sure, right


@dataclass(frozen=True, eq=False)
class Outputs:
    """What a model said of recordings whose keys are known.

    ``logits``: (recordings, 24), in the order of ``class_id``; ``classes``: the true ones;
    ``frames``: how long each recording is.
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

    @property
    def exact(self) -> npt.NDArray[np.bool_]:
        return np.asarray(self.logits.argmax(axis=1) == self.classes)

    def log_probabilities(self, temperature: Temperature) -> FloatArray:
        """Of the 24 keys, at this temperature: ``(recordings, 24)``."""
        divisors = temperature.long * (1 + temperature.frames / self.frames)
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


def fit_temperature(whole: Outputs, excerpts: Outputs) -> Temperature:
    """The temperature that makes the true keys most likely.

    ``long`` is fitted to the whole recordings alone, whatever ``frames`` is; ``frames`` to the
    excerpts, 0 without any. Each is a one-dimensional search by Brent's method.

    Raises:
        ValueError: there are no recordings, or their answers are so few or so alike (all right, or
            all wrong) that no temperature is best.
    """
    if not len(whole.classes):
        raise ValueError("no recordings to fit a temperature to")
    if not len(excerpts.classes):
        return _fit_long(whole, 0.0)
    found = minimize_scalar(
        lambda frames: excerpts.negative_log_likelihood(_fit_long(whole, float(frames))),
        bounds=(0.0, _MOST_FRAMES),
        method="bounded",
        options={"xatol": 0.01},
    )
    return _fit_long(whole, round(float(found.x), 1))


def _fit_long(whole: Outputs, frames: float) -> Temperature:
    """The best ``long`` for this ``frames``; digits that would be noise are rounded off."""
    low, high = (math.log(end) for end in _TEMPERATURES)
    found = minimize_scalar(
        lambda log: whole.negative_log_likelihood(Temperature(math.exp(log), frames)),
        bounds=(low, high),
        method="bounded",
        options={"xatol": 1e-6},
    )
    flat = bool(whole.exact.all())  # then the colder the better, until all is certain
    if flat or min(found.x - low, high - found.x) < 1e-3:
        raise ValueError(
            f"no temperature between {_TEMPERATURES[0]:g} and {_TEMPERATURES[1]:g} is best: "
            "more recordings are needed, right and wrong answers among them"
        )
    return Temperature(round(math.exp(found.x), 4), frames)
