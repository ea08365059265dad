"""What a worker answers, without a process around it."""

from __future__ import annotations

import multiprocessing
import threading
from contextlib import contextmanager

import numpy as np
import pytest
import soundfile

from keyscan.engine import worker_process
from keyscan.engine.pipe import receive, send
from keyscan.engine.worker_process import Enough, Failure, Stop, Work, _analyse
from keyscan.spectrogram import features
from keyscan.spectrogram.constant_q import FRAMES_PER_SECOND, Features
from keyscan.spectrogram.features import extract_features
from keyscan.spectrogram.pieces import Cuts, FileStamp, Piece, Seam
from tests.audio_files import music

RATE = 22050
SECONDS = 70


@pytest.fixture(scope="module")
def long_file(tmp_path_factory):
    """Music of more than twice the shortest piece."""
    path = tmp_path_factory.mktemp("long") / "long.wav"
    soundfile.write(path, np.tile(music(RATE, 10.0), (SECONDS // 10, 1)), RATE)
    return path


@pytest.fixture
def connection():
    """The worker's end of the pipe, and the server's."""
    ours, theirs = multiprocessing.Pipe()
    with ours, theirs:
        yield theirs, ours


@contextmanager
def heard(connection):
    """What the worker says while the block runs; the list is complete behind it."""
    worker, server = connection
    said = []

    def listen():
        while (message := receive(server)) is not None:
            said.append(message)

    thread = threading.Thread(target=listen)
    thread.start()
    try:
        yield said
    finally:
        send(worker, None)
        thread.join()


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
    monkeypatch.setattr(features, "extract_features", lambda *_, ahead, **__: asked.append(ahead))
    _analyse(Work("/a.mp3", alone=alone), "matrix", connection[0])
    assert asked == [alone and cores == 2]


@pytest.mark.parametrize(("hands", "shares"), [(1, False), (2, True), (5, True)])
def test_helpers_are_only_there_with_other_hands(hands, shares, connection, monkeypatch):
    given = []
    monkeypatch.setattr(
        features, "extract_features", lambda *_, helpers, **__: given.append(helpers)
    )
    _analyse(Work("/a.mp3", alone=True, hands=hands), "matrix", connection[0])
    assert [helpers is not None and helpers.hands for helpers in given] == [shares and hands]


def test_a_file_for_one_pair_of_hands_is_not_cut(connection, long_file):
    worker = connection[0]
    with heard(connection) as said:
        answer = _analyse(Work(str(long_file), alone=True), "matrix", worker)
    assert isinstance(answer, Features)
    assert answer.duration == pytest.approx(SECONDS)
    assert said == []


def test_a_long_file_is_cut_and_decoded_whole_if_nobody_helps(connection, long_file):
    worker = connection[0]
    with heard(connection) as said:
        answer = _analyse(Work(str(long_file), alone=True, hands=2), "matrix", worker)
    cuts, seam = said
    assert isinstance(cuts, Cuts)
    assert cuts.stamp == FileStamp.of(long_file.stat())
    assert isinstance(seam, Seam)
    assert cuts.seconds == (seam.second,) == (SECONDS // 2,)
    assert isinstance(answer, Features)
    assert answer.duration == pytest.approx(SECONDS)
    whole = extract_features(long_file).spectrogram
    np.testing.assert_allclose(answer.spectrogram, whole, atol=1e-5)


def test_enough_ends_a_file_behind_its_first_cut(connection, long_file):
    worker, server = connection
    send(server, Enough())
    with heard(connection) as said:
        answer = _analyse(Work(str(long_file), alone=True, hands=2), "matrix", worker)
    assert [type(message) for message in said] == [Cuts, Seam]
    assert isinstance(answer, Features)
    cut, frames = SECONDS // 2 * FRAMES_PER_SECOND, answer.spectrogram.shape[1]
    assert cut <= frames < cut + 10 * FRAMES_PER_SECOND
    whole = extract_features(long_file).spectrogram
    np.testing.assert_allclose(answer.spectrogram, whole[:, :frames], atol=1e-5)


def test_enough_means_nothing_for_a_file_of_one_s_own(connection, long_file):
    worker, server = connection
    send(server, Enough())
    answer = _analyse(Work(str(long_file)), "matrix", worker)
    assert isinstance(answer, Features)
    assert answer.duration == pytest.approx(SECONDS)


@pytest.mark.parametrize(("start", "end"), [(32, None), (20, 50)])
def test_a_piece_is_answered_with_its_frames_and_its_seams(start, end, connection, long_file):
    worker = connection[0]
    piece = Piece(start, end, FileStamp.of(long_file.stat()))
    with heard(connection) as said:
        answer = _analyse(Work(str(long_file), piece=piece), "matrix", worker)
    assert [seam.second for seam in said] == [start] if end is None else [start, end]
    assert isinstance(answer, Features)
    whole = extract_features(long_file).spectrogram
    last = whole.shape[1] if end is None else end * FRAMES_PER_SECOND
    expected = whole[:, start * FRAMES_PER_SECOND : last]
    np.testing.assert_allclose(answer.spectrogram, expected, atol=1e-3)


def test_a_piece_of_another_file_is_refused(connection, long_file):
    stamp = FileStamp.of(long_file.stat())
    other = FileStamp(stamp.device, stamp.inode, stamp.size, stamp.modified_ns - 1)
    answer = _analyse(Work(str(long_file), piece=Piece(32, None, other)), "matrix", connection[0])
    assert isinstance(answer, Failure)
    assert answer.code == "read_failed"


def test_a_stop_is_noticed_in_a_piece(connection, long_file):
    worker, server = connection
    piece = Piece(32, None, FileStamp.of(long_file.stat()))
    send(server, Stop())
    answer = _analyse(Work(str(long_file), piece=piece), "matrix", worker)
    assert answer == Failure("cancelled", "cancelled")


def test_a_stop_is_noticed_behind_an_enough_that_came_too_early(connection, long_file):
    worker, server = connection
    send(server, Enough())
    send(server, Stop())
    with heard(connection):
        answer = _analyse(Work(str(long_file), alone=True, hands=2), "matrix", worker)
    assert answer == Failure("cancelled", "cancelled")


def test_a_stop_is_noticed_between_blocks(connection, monkeypatch):
    worker, server = connection
    monkeypatch.setattr(features, "AudioStream", EndlessStream)
    send(server, Stop())
    assert _analyse(Work("/a.mp3"), "matrix", worker) == Failure("cancelled", "cancelled")


class EndlessStream:
    """An audio stream that would never end."""

    def __init__(self, path, sample_rate, stages, *, ahead):
        self.block = np.zeros(sample_rate, np.float32)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        return None

    def __iter__(self):
        while True:
            yield self.block
