"""The engine with real worker processes: paths in, ``Analysis`` out."""

from __future__ import annotations

import multiprocessing
import os
import queue
import threading
from dataclasses import replace
from unittest import mock

import numpy as np
import pytest

from keyscan import Analysis, api
from keyscan.blas_threads import one_blas_thread
from keyscan.engine.engine import Engine
from keyscan.engine.task import Task
from keyscan.errors import AnalysisError, NoCache, StartFailed
from keyscan.model.checkpoint import PACKAGED_CHECKPOINT
from keyscan.options import EngineOptions, ModelOptions, WorkerOptions
from keyscan.runtime import pin_threads
from keyscan.spectrogram.features import extract_features
from tests.server_process import PATIENCE, ROOT

OPTIONS = EngineOptions(ModelOptions(), WorkerOptions(), workers=2, cache=None)


class User:
    """Feeds an engine and collects its outcomes."""

    def __init__(self, options=OPTIONS):
        self.startup = {}
        self.engine = Engine(options, self.startup.__setitem__)
        self.model = self.engine.load()
        self.tasks = queue.SimpleQueue()
        self.outcomes = queue.SimpleQueue()
        self.engine.serve(self.tasks.get, lambda *done: self.outcomes.put(done))
        self.engine.grow()

    def ask(self, *tasks):
        for task in tasks:
            self.tasks.put(task)
        done = [self.outcomes.get(timeout=PATIENCE) for _ in tasks]
        return {id(task): outcome for task, outcome in done}

    def analyse(self, path, **wishes):
        task = Task(path=str(path), **wishes)
        return self.ask(task)[id(task)].result

    def close(self):
        for _ in range(2):
            self.tasks.put(None)
        self.engine.kill()
        self.engine.close(PATIENCE)


@pytest.fixture(scope="module")
def user():
    with mock.patch.dict(os.environ):
        pin_threads()  # the last bits depend on the number of BLAS threads
        user = User()
        yield user
        user.close()


def spectrogram_of(path):
    with one_blas_thread():
        return extract_features(path).spectrogram


def test_an_analysis_is_what_the_library_gives(user, track):
    found = user.analyse(track, timeline=True)
    assert found == api.analyze(track, timeline=True)
    assert found.spectrogram is None
    assert user.analyse(track) == api.analyze(track)


def test_a_spectrogram_comes_if_it_is_asked_for(user, track):
    found = user.analyse(track, spectrogram=True)
    np.testing.assert_array_equal(found.spectrogram, spectrogram_of(track))


def test_each_task_has_one_outcome(user, track, tmp_path):
    tasks = [Task(path=str(path)) for path in [track, tmp_path / "none.mp3", tmp_path] * 20]
    outcomes = user.ask(*tasks)
    assert len(outcomes) == len(tasks)
    for task in tasks:
        result = outcomes[id(task)].result
        expected = {str(track): "11A", str(tmp_path): "not_a_file"}.get(task.path, "file_not_found")
        assert expected == (result.camelot if isinstance(result, Analysis) else result.code)


def test_a_cancelled_task_ends_early(user, endless):
    cancelled = threading.Event()
    task = Task(path=str(endless), cancelled=cancelled)
    threading.Timer(0.2, cancelled.set).start()
    result = user.ask(task)[id(task)].result
    assert isinstance(result, AnalysisError)
    assert result.code == "cancelled"


def test_the_start_is_told(user):
    assert user.startup.keys() == {
        *("import torch", "other imports", "model load", "warm-up"),
        *("worker imports", "worker warm-up"),
    }
    assert user.model.name == "keyscan"


@pytest.mark.parametrize(
    ("model", "cache", "waits"),
    [(None, None, False), (PACKAGED_CHECKPOINT, None, True), (None, "keys", True)],
)
def test_the_first_files_are_decoded_before_the_model_is_there(
    model, cache, waits, track, tmp_path
):
    cache = cache and str(tmp_path / cache)
    engine = Engine(replace(OPTIONS, model=ModelOptions(path=model), cache=cache), print)
    tasks, outcomes, asked = queue.SimpleQueue(), queue.SimpleQueue(), threading.Semaphore(0)

    def next_task():  # is called again when a file is decoded
        asked.release()
        return tasks.get()

    engine.serve(next_task, lambda *done: outcomes.put(done))
    tasks.put(Task(path=str(track)))
    assert asked.acquire(timeout=PATIENCE)
    assert asked.acquire(timeout=1.0 if waits else PATIENCE) is not waits
    assert outcomes.empty()
    engine.load()
    assert outcomes.get(timeout=PATIENCE)[1].result.camelot == "11A"
    tasks.put(None)
    engine.kill()
    engine.close(PATIENCE)


def test_a_cached_answer_has_a_spectrogram_if_it_is_asked_for(track, tmp_path):
    user = User(replace(OPTIONS, workers=1, cache=str(tmp_path / "keys")))
    try:
        first = user.analyse(track)
        again = user.analyse(track, spectrogram=True)
        assert (first.cached, again.cached) == (False, True)
        assert replace(again, cached=False) == first
        np.testing.assert_array_equal(again.spectrogram, spectrogram_of(track))
        assert user.analyse(track).spectrogram is None
    finally:
        user.close()


def test_a_cached_answer_is_that_of_the_stream(film, tmp_path):
    user = User(replace(OPTIONS, workers=1, cache=str(tmp_path / "keys")))
    try:
        for cached in (False, True):
            found = [user.analyse(film, stream=number) for number in (None, 0, 1)]
            assert [one.camelot for one in found] == ["8A", "8A", "11A"]
            assert [one.stream for one in found] == [0, 0, 1]
            assert [one.cached for one in found] == [cached] * 3
        for _ in range(2):
            assert user.analyse(film, stream=2).code == "no_such_stream"
    finally:
        user.close()


def test_a_killed_engine_answers_no_more(track, endless):
    user = User(replace(OPTIONS, workers=1))
    user.tasks.put(Task(path=str(endless)))
    user.engine.kill()
    user.tasks.put(Task(path=str(track)))
    with pytest.raises(queue.Empty):
        user.outcomes.get(timeout=1.0)


def test_a_killed_engine_leaves_no_thread_and_no_process(track, endless):
    threads, processes = set(threading.enumerate()), set(multiprocessing.active_children())
    user = User()
    user.analyse(track)
    user.tasks.put(Task(path=str(endless)))
    assert len(set(threading.enumerate()) - threads) > 2
    assert len(set(multiprocessing.active_children()) - processes) == 2
    user.engine.kill()
    for _ in range(2):
        user.tasks.put(None)
    user.engine.join(PATIENCE)
    assert set(threading.enumerate()) <= threads
    assert set(multiprocessing.active_children()) <= processes


def test_what_keeps_it_from_starting(tmp_path):
    with pytest.raises(NoCache):
        Engine(replace(OPTIONS, cache=str(tmp_path)), print)
    engine = Engine(replace(OPTIONS, model=ModelOptions(path=ROOT / "README.md")), print)
    with pytest.raises(StartFailed, match=r"README\.md"):
        engine.load()
    engine.kill()
