"""Targets from teacher checkpoints, and excerpts, for a recording.

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

from keyscan.errors import AnalysisError, Silent
from keyscan.keys import KEYS, Key
from keyscan.model.checkpoint import KeyModel, load_model
from keyscan.model.estimate import trim_silence
from keyscan.spectrogram.constant_q import N_BINS, SILENCE, FloatArray
from keyscan.spectrogram.features import MIN_SECONDS
from training.excerpts import cut_excerpts, frames_of, outline_of, wide_spectrogram
from training.shards import FRAMES_PER_SECOND, MARGIN_BINS, WIDE_BINS, Target
from training.synth import SECONDS


@dataclass(frozen=True)
class Rules:
    """Rules for cutting excerpts, in seconds, and for the targets.

    ``temperature`` divides the teachers' logits: the checkpoints of ``training.train`` are not
    calibrated, and label smoothing makes them underconfident.
    """

    seconds: float = SECONDS
    per_track: int = 6
    shortest: float = 45.0
    temperature: float = 0.4

    def __post_init__(self) -> None:
        """Raises ValueError, naming the field, for a value out of range."""
        for wrong, allowed in {
            f"seconds: at least {MIN_SECONDS:g}": MIN_SECONDS <= self.seconds < math.inf,
            "per_track: at least 1": self.per_track >= 1,
            "shortest: at least the length of an excerpt": self.seconds <= self.shortest < math.inf,
            "temperature: from 0.01 to 100": 0.01 <= self.temperature <= 100,
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
    "temperature": "divisor of the teachers' logits",
}
"""Help on the options of ``training.recordings`` that are ``Rules``."""


class Heard(NamedTuple):
    """The result for a file; if it cannot be used, the arrays are empty.

    ``target``: ``(24,)``, empty without teachers; ``excerpts``: ``(excerpts, WIDE_BINS, frames)``;
    ``outline``: see ``outline_of``; ``problem``: an error's code and message, or empty.
    """

    seconds: npt.NDArray[np.float64]
    target: Target
    excerpts: npt.NDArray[np.float16]
    outline: FloatArray
    problem: npt.NDArray[np.str_]


class Verdict(NamedTuple):
    """``key``: the most probable one of the target; ``excerpts``: how many are used.

    ``outcome``: kept, copy, held out, too_short, or failed.
    """

    outcome: str
    seconds: float
    key: Key | None = None
    probability: float = 0.0
    excerpts: int = 0
    problem: str = ""


@cache
def _teachers(paths: tuple[Path, ...]) -> tuple[KeyModel, ...]:
    return tuple(load_model(path) for path in paths)


def target_of(teachers: Sequence[KeyModel], spectrogram: FloatArray, temperature: float) -> Target:
    """The mean of the teachers' probabilities for a track ``(105, frames)``.

    A temperature for soft targets is from Hinton et al., "Distilling the knowledge in a neural
    network" (2015).
    """
    logits = np.array([teacher.logits(spectrogram) for teacher in teachers], np.float64)
    powers = np.exp((logits - logits.max(1, keepdims=True)) / temperature)
    mean = (powers / powers.sum(1, keepdims=True)).mean(0)
    return np.asarray(mean, np.float16)


def hear(path: Path, teachers: tuple[Path, ...], rules: Rules) -> Heard:
    """Decode a file, run the teachers on the whole of it, and cut evenly spread excerpts.

    Silence before and after the music is left out.
    """
    nothing = Heard(
        np.zeros(1),
        np.empty(0, np.float16),
        np.empty((0, WIDE_BINS, rules.frames), np.float16),
        np.empty((WIDE_BINS, 0), np.float32),
        np.array(["", ""]),
    )
    try:
        wide, seconds = wide_spectrogram(path)
    except AnalysisError as error:
        return nothing._replace(problem=np.array([error.code, str(error)]))
    length = np.array([seconds])
    seen = wide[MARGIN_BINS : MARGIN_BINS + N_BINS]
    if seen.max(initial=0) < SILENCE:
        problem = np.array([Silent.code, f"{seconds:.1f} s"])
        return nothing._replace(seconds=length, problem=problem)
    first, end = trim_silence(seen)
    if seconds < rules.shortest or end - first < frames_of(rules.shortest):
        text = f"{seconds:.1f} s, without silence {(end - first) / FRAMES_PER_SECOND:.1f} s"
        return nothing._replace(seconds=length, problem=np.array(["too_short", text]))
    models = _teachers(teachers)
    cuts = cut_excerpts(wide[:, first:end], rules.frames, rules.per_track)
    return Heard(
        length,
        target_of(models, seen[:, first:end], rules.temperature) if models else nothing.target,
        np.stack(cuts).astype(np.float16),
        outline_of(wide),
        np.array(["", ""]),
    )


def judge(heard: Heard) -> Verdict:
    """The verdict on a file that is not a copy."""
    seconds = float(heard.seconds[0])
    code, message = heard.problem.tolist()
    if code:
        outcome = code if code == "too_short" else "failed"
        return Verdict(outcome, seconds, problem=f"{code}: {message}")
    best = int(heard.target.argmax())
    probability = float(heard.target[best])
    return Verdict("kept", seconds, KEYS[best], probability, len(heard.excerpts))
