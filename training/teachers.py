"""Predictions of teacher checkpoints for a recording and for excerpts of it.

The teachers run in one transposition only: the network is equivariant, so the other eleven give
the same result.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from keyscan.errors import AnalysisError
from keyscan.keys import KEYS, Key
from keyscan.model.checkpoint import KeyModel, load_model
from keyscan.model.estimate import estimate_key
from keyscan.spectrogram.constant_q import N_BINS, FloatArray
from keyscan.spectrogram.features import MIN_SECONDS
from training.excerpts import cut_excerpts, frames_of, outline_of, wide_spectrogram
from training.shards import MARGIN_BINS, WIDE_BINS
from training.synth import SECONDS


@dataclass(frozen=True)
class Rules:
    """Rules for cutting excerpts and accepting keys; in seconds and mean probabilities."""

    seconds: float = SECONDS
    per_track: int = 6
    shortest: float = 45.0
    track_probability: float = 0.6
    excerpt_probability: float = 0.2

    def __post_init__(self) -> None:
        """Raises ValueError, naming the field, for a value that no track can satisfy."""
        for wrong, allowed in {
            f"seconds: at least {MIN_SECONDS:g}": MIN_SECONDS <= self.seconds < math.inf,
            "per_track: at least 1": self.per_track >= 1,
            "shortest: at least the length of an excerpt": self.seconds <= self.shortest < math.inf,
            "track_probability: from 0 to 1": 0 <= self.track_probability <= 1,
            "excerpt_probability: from 0 to 1": 0 <= self.excerpt_probability <= 1,
        }.items():
            if not allowed:
                raise ValueError(wrong)

    @property
    def frames(self) -> int:
        """The frames of an excerpt, as ``constant_q`` returns for ``seconds``."""
        return frames_of(self.seconds)


RULES_HELP = {
    "seconds": "of an excerpt",
    "per_track": "most excerpts of one track",
    "shortest": "seconds of the shortest track",
    "track_probability": "least mean probability of the key over a whole track",
    "excerpt_probability": "least mean probability of that key in an excerpt",
}
"""Help on the options of ``training.recordings`` that are ``Rules``."""


class Heard(NamedTuple):
    """The result for a file; if it cannot be used, all fields but ``problem`` are empty.

    ``track``: probabilities ``(teachers, 24)`` of the whole; ``parts``: ``(excerpts, teachers,
    24)``; ``excerpts``: ``(excerpts, WIDE_BINS, frames)``; ``outline``: see
    ``outline_of``; ``problem``: an error's code and message.
    """

    seconds: npt.NDArray[np.float64]
    track: npt.NDArray[np.float64]
    parts: npt.NDArray[np.float64]
    excerpts: npt.NDArray[np.float16]
    outline: FloatArray
    problem: npt.NDArray[np.str_]


class Verdict(NamedTuple):
    """``excerpts``: indices of the kept ones; ``key``, ``probability``: from the teachers' mean.

    ``outcome``: kept, disagreed, unsure, no excerpt, copy, held out, too_short, or failed.
    """

    outcome: str
    seconds: float
    key: Key | None = None
    probability: float = 0.0
    excerpts: tuple[int, ...] = ()
    problem: str = ""


@cache
def _teachers(paths: tuple[Path, ...]) -> tuple[KeyModel, ...]:
    return tuple(load_model(path) for path in paths)


def _probabilities(teachers: Sequence[KeyModel], wide: FloatArray) -> list[tuple[float, ...]]:
    """The probabilities of each teacher for the analyser's part of a wide spectrogram."""
    seen = wide[MARGIN_BINS : MARGIN_BINS + N_BINS]
    return [estimate_key(teacher, seen).probabilities for teacher in teachers]


def hear(path: Path, teachers: tuple[Path, ...], rules: Rules) -> Heard:
    """Decode a file, cut evenly spread excerpts, and run the teachers on both.

    Without teachers the probabilities are empty.
    """
    nothing = Heard(
        np.zeros(1),
        np.empty((0, len(KEYS))),
        np.empty((0, len(teachers), len(KEYS))),
        np.empty((0, WIDE_BINS, rules.frames), np.float16),
        np.empty((WIDE_BINS, 0), np.float32),
        np.array(["", ""]),
    )
    try:
        wide, seconds = wide_spectrogram(path)
    except AnalysisError as error:
        return nothing._replace(problem=np.array([error.code, str(error)]))
    length = np.array([seconds])
    if seconds < rules.shortest or wide.shape[1] < rules.frames:
        problem = np.array(["too_short", f"{seconds:.1f} s"])
        return nothing._replace(seconds=length, problem=problem)
    cuts = cut_excerpts(wide, rules.frames, rules.per_track)
    models = _teachers(teachers)
    return Heard(
        length,
        np.array(_probabilities(models, wide)),
        np.array([_probabilities(models, cut) for cut in cuts]),
        np.stack(cuts).astype(np.float16),
        outline_of(wide),
        np.array(["", ""]),
    )


def judge(heard: Heard, rules: Rules) -> Verdict:
    """Apply the rules to the teachers' predictions, for a file that is not a copy."""
    seconds = float(heard.seconds[0])
    code, message = heard.problem.tolist()
    if code:
        outcome = code if code == "too_short" else "failed"
        return Verdict(outcome, seconds, problem=f"{code}: {message}")
    mean = heard.track.mean(0)
    best = int(mean.argmax())
    verdict = Verdict("kept", seconds, KEYS[best], float(mean[best]))
    if (heard.track.argmax(1) != best).any():
        return verdict._replace(outcome="disagreed")
    if mean[best] < rules.track_probability:
        return verdict._replace(outcome="unsure")
    heard_there = heard.parts[:, :, best].mean(1)
    excerpts = tuple(np.flatnonzero(heard_there >= rules.excerpt_probability).tolist())
    return verdict._replace(outcome="kept" if excerpts else "no excerpt", excerpts=excerpts)
