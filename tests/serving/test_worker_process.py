"""What a worker answers, without a process around it."""

from __future__ import annotations

import multiprocessing

import pytest

from keyscan.analysis import features
from keyscan.serving import worker_process
from keyscan.serving.pipe import send
from keyscan.serving.worker_process import Failure, Stop, Work, _analyse


@pytest.fixture
def connection():
    """The worker's end of the pipe, and the server's."""
    ours, theirs = multiprocessing.Pipe()
    with ours, theirs:
        yield theirs, ours


def test_a_defect_of_ours_is_answered_and_logged(connection, monkeypatch, capsys):
    def broken(*_, **__):
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(features, "extract_features", broken)
    answer = _analyse(Work("/a.mp3"), "matrix", connection[0])
    assert answer == Failure("internal_error", "ZeroDivisionError: oh")
    captured = capsys.readouterr()
    assert "Traceback" in captured.err
    assert captured.out == ""


def test_what_is_wrong_with_a_file_is_a_code(connection, tmp_path):
    answer = _analyse(Work(str(tmp_path)), "matrix", connection[0])
    assert isinstance(answer, Failure)
    assert answer.code == "not_a_file"


@pytest.mark.parametrize("alone", [True, False])
@pytest.mark.parametrize("cores", [1, 2])
def test_a_file_that_is_alone_is_decoded_ahead_where_a_core_is_free(
    alone, cores, connection, monkeypatch
):
    asked = []
    monkeypatch.setattr(worker_process, "usable_cores", lambda: cores)
    monkeypatch.setattr(features, "extract_features", lambda *_, ahead: asked.append(ahead))
    _analyse(Work("/a.mp3", alone=alone), "matrix", connection[0])
    assert asked == [alone and cores == 2]


def test_a_stop_is_noticed_between_blocks(connection, monkeypatch):
    worker, server = connection
    monkeypatch.setattr(features, "AudioStream", EndlessStream)
    send(server, Stop())
    assert _analyse(Work("/a.mp3"), "matrix", worker) == Failure("cancelled", "cancelled")


class EndlessStream:
    """An audio stream that would never end."""

    def __init__(self, path, sample_rate, stages, *, ahead):
        self.block = features.np.zeros(sample_rate, features.np.float32)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        return None

    def __iter__(self):
        while True:
            yield self.block
