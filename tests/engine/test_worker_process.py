"""What a worker answers, without a process around it."""

from __future__ import annotations

import multiprocessing

import numpy as np
import pytest

from keyscan.engine.messages import Stop, Work, send
from keyscan.engine.worker_process import _analyse
from keyscan.errors import Cancelled, InternalError, NotAFile
from keyscan.spectrogram import features


@pytest.fixture
def connection():
    """The worker's end of the pipe, and the server's."""
    ours, theirs = multiprocessing.Pipe()
    with ours, theirs:
        yield theirs, ours


def test_a_defect_is_answered_and_logged(connection, monkeypatch, capsys):
    def broken(*_, **__):
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(features, "extract_features", broken)
    answer = _analyse(Work("/a.mp3"), "matrix", connection[0], print)
    assert isinstance(answer, InternalError)
    assert str(answer) == "ZeroDivisionError: oh"
    captured = capsys.readouterr()
    assert "Traceback" in captured.err
    assert captured.out == ""


def test_what_is_wrong_with_a_file_is_an_error(connection, tmp_path):
    assert isinstance(_analyse(Work(str(tmp_path)), "matrix", connection[0], print), NotAFile)


def test_a_stop_is_noticed_between_blocks(connection, monkeypatch):
    worker, server = connection
    monkeypatch.setattr(features, "AudioStream", EndlessStream)
    send(server, Stop())
    assert isinstance(_analyse(Work("/a.mp3"), "matrix", worker, print), Cancelled)


class EndlessStream:
    """An audio stream that would never end."""

    def __init__(self, path, sample_rate, stages, **_):
        self.block = np.zeros(sample_rate, np.float32)
        self.expected_seconds = 0.0

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        return None

    def __iter__(self):
        while True:
            yield self.block
