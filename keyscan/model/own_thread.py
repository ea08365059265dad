"""A model that runs in a thread of its own, on one core, inside any program."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import torch

from keyscan.analysis import Analysis
from keyscan.model.checkpoint import KeyModel, load_model
from keyscan.model.estimate import estimate_key
from keyscan.model.stretches import Heard, hear_stretches
from keyscan.spectrogram.constant_q import Features

_STARTING = threading.Lock()


class ModelThread:
    """A model and the one thread that calls torch for it, on one core."""

    def __init__(self, path: Path | None) -> None:
        """Load the checkpoint at ``path``; None is the packaged one.

        Raises:
            ModelError: the checkpoint cannot be used.
        """
        self._thread = ThreadPoolExecutor(1, "keyscan model")
        self._thread.submit(use_one_core).result()
        self._model: KeyModel = self._thread.submit(load_model, path).result()

    @property
    def mean_only(self) -> bool:
        """As of ``KeyModel``."""
        return self._model.mean_only

    def hear_stretches(self, features: Features, path: str) -> Heard:
        """As the function of that name; for any thread."""
        return self._thread.submit(hear_stretches, self._model, features, path).result()

    def estimate(
        self, features: Features, path: str, *, timeline: bool, keep_spectrogram: bool
    ) -> Analysis:
        """``estimate_key`` for the features of a file; for any thread."""
        return self._thread.submit(
            estimate_key,
            self._model,
            features.spectrogram,
            path=path,
            duration=features.duration,
            warnings=features.warnings,
            stream=features.stream,
            timeline=timeline,
            keep_spectrogram=keep_spectrogram,
        ).result()


def use_one_core() -> None:
    """Give torch one core in the thread that calls this; all others keep what they have.

    torch has a number of threads for each thread that calls it, and ``torch.set_num_threads`` also
    sets the default of threads to come, which another thread restores.
    """
    with _STARTING, ThreadPoolExecutor(1) as other:
        default = other.submit(torch.get_num_threads).result()
        torch.get_num_threads()  # torch sets the default when a thread first needs it
        torch.set_num_threads(1)
        other.submit(torch.set_num_threads, default).result()


def model_thread(path: Path | None) -> ModelThread:
    """The thread for a checkpoint, which it loads at the first call.

    Raises:
        ModelError: the checkpoint cannot be used.
    """
    return _model_thread(path, os.getpid())


@cache
def _model_thread(path: Path | None, process: int) -> ModelThread:
    """One for each process: a forked one has none of its parent's threads."""
    return ModelThread(path)
