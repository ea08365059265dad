"""The constant-Q of librosa itself: the reference for ours.

librosa imports numba, joblib and pooch, which its constant-Q can do without: they are replaced by
stand-ins. numba would compile librosa's helpers at the first call, for many seconds, and again for
every new exe; without it the result is the same bit for bit. joblib caches results on disk, and
pooch downloads examples.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from keyscan.spectrogram.constant_q import (
    BINS_PER_OCTAVE,
    DROPPED_FRAMES,
    FMIN,
    FRAMES_PER_SECOND,
    N_BINS,
    FloatArray,
)

SAMPLE_RATE = 44100


def _leave_as_it_is(*arguments: Any, **options: Any) -> Any:
    """A decorator, with or without options, that returns the function."""
    if len(arguments) == 1 and callable(arguments[0]):
        return arguments[0]
    return _unchanged


def _unchanged(function: Callable[..., Any]) -> Callable[..., Any]:
    return function


class _Memory:
    """``joblib.Memory`` without a folder."""

    location = None

    def __init__(self, *arguments: Any, **options: Any) -> None:
        pass


class _Registry:
    """The result of ``pooch.create``, with nothing to download."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.registry: dict[str, str | None] = {}

    def load_registry(self, file: str) -> None:
        pass


_DECORATORS = ("jit", "njit", "vectorize", "guvectorize", "stencil")
_STAND_INS: dict[str, dict[str, Any]] = {
    "numba": dict.fromkeys(_DECORATORS, _leave_as_it_is),
    "joblib": {"Memory": _Memory},
    "pooch": {"create": _Registry, "os_cache": str},
}


def _install_stand_ins() -> None:
    """Put the stand-ins where librosa finds them, unless it has the real modules already."""
    if "librosa" in sys.modules:
        return
    for name, contents in _STAND_INS.items():
        module = ModuleType(name)
        vars(module).update(contents)
        sys.modules.setdefault(name, module)


_install_stand_ins()

import librosa  # noqa: E402


def librosa_constant_q(samples: FloatArray) -> FloatArray:
    """``log1p(|librosa.cqt|)`` of mono audio at 44.1 kHz, shape ``(105, frames)``."""
    transform = librosa.cqt(
        samples,
        sr=SAMPLE_RATE,
        hop_length=SAMPLE_RATE // FRAMES_PER_SECOND,
        n_bins=N_BINS,
        bins_per_octave=BINS_PER_OCTAVE,
        fmin=FMIN,
    )
    spectrogram = np.log1p(np.abs(transform[:, :-DROPPED_FRAMES]))
    return np.ascontiguousarray(spectrogram, np.float32)
