"""Large arrays come through the pipe as they were."""

from __future__ import annotations

import multiprocessing
import threading

import numpy as np
import pytest

from keyscan.engine.pipe import receive, send
from keyscan.engine.worker_process import Failure
from keyscan.errors import AnalysisWarning
from keyscan.spectrogram.constant_q import Features


def through_a_pipe(message):
    ours, theirs = multiprocessing.Pipe()
    with ours, theirs:
        thread = threading.Thread(target=send, args=(theirs, message))
        thread.start()
        received = receive(ours)
        thread.join(30)
    return received


def test_features_larger_than_the_pipe_holds():
    spectrogram = np.random.default_rng(0).random((105, 5000), np.float32)
    sent = Features(spectrogram, 1000.0, (AnalysisWarning("truncated", "x"),), {"decode": 1.5})
    received = through_a_pipe(sent)
    np.testing.assert_array_equal(received.spectrogram, spectrogram)
    assert received.spectrogram.flags.writeable  # torch complains about arrays that are not
    assert (received.duration, received.warnings, received.seconds) == (
        sent.duration,
        sent.warnings,
        sent.seconds,
    )


def test_messages_without_arrays():
    assert through_a_pipe(Failure("silent", "nothing")) == Failure("silent", "nothing")


def test_the_other_side_is_gone():
    ours, theirs = multiprocessing.Pipe()
    theirs.close()
    with ours, pytest.raises(EOFError):
        receive(ours)
