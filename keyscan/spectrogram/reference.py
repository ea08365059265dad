"""The constant-Q of librosa itself: the reference for ours.

librosa imports numba, joblib and pooch, which its constant-Q can do without: they are replaced by
stand-ins. numba would compile librosa's helpers at the first call, for many seconds, and again for
every new exe; without it the result is the same bit for bit. joblib caches results on disk, and
pooch downloads examples.
"""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
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


def _leave_as_it_is(*arguments: Any, **options: Any) -> Any:
    """A decorator, with or without options, that returns the function."""
    if len(arguments) == 1 and callable(arguments[0]):
        return arguments[0]
    return lambda function: function


def _memory(*arguments: Any, **options: Any) -> SimpleNamespace:
    """``joblib.Memory`` without a folder."""
    return SimpleNamespace(location=None)


def _registry(*arguments: Any, **options: Any) -> SimpleNamespace:
    """The result of ``pooch.create``, with nothing to download."""
    return SimpleNamespace(registry={}, load_registry=lambda file: None)


_DECORATORS = ("jit", "njit", "vectorize", "guvectorize", "stencil")
_STAND_INS: dict[str, dict[str, Any]] = {
    "numba": dict.fromkeys(_DECORATORS, _leave_as_it_is),
    "joblib": {"Memory": _memory},
    "pooch": {"create": _registry, "os_cache": str},
}
if "librosa" not in sys.modules:  # else it has found the real modules
    for _name, _contents in _STAND_INS.items():
        _module = ModuleType(_name)
        vars(_module).update(_contents)
        sys.modules.setdefault(_name, _module)

import librosa  # noqa: E402


class LibrosaConstantQ:
    """``log1p(|librosa.cqt|)`` of a whole track at 44.1 kHz, as the KeyNet family computes it."""

    sample_rate = 44100

    def __init__(self) -> None:
        self._blocks: list[FloatArray] = []

    def push(self, samples: FloatArray) -> None:
        """Take the next block, shape ``(n,)``."""
        self._blocks.append(samples)

    def finish(self) -> FloatArray:
        """The spectrogram, shape ``(105, frames)``."""
        transform = librosa.cqt(
            np.concatenate(self._blocks),
            sr=self.sample_rate,
            hop_length=self.sample_rate // FRAMES_PER_SECOND,
            n_bins=N_BINS,
            bins_per_octave=BINS_PER_OCTAVE,
            fmin=FMIN,
        )
        spectrogram = np.log1p(np.abs(transform[:, :-DROPPED_FRAMES]))
        return np.ascontiguousarray(spectrogram, np.float32)
