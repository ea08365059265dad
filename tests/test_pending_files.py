"""The queue between the callers of an ``Analyzer`` and its engine, without an engine."""

from __future__ import annotations

import threading
from concurrent.futures import CancelledError, wait

import pytest

from keyscan.analysis import Analysis, Segment, Timeline
from keyscan.engine.task import Outcome
from keyscan.errors import Silent
from keyscan.keys import Key
from keyscan.pending_files import FileTask, PendingFiles
from tests.server_process import PATIENCE, wait_for

PART = Segment(0.0, 1.0, Key(9, "minor"), 1.0)
ANALYSIS = Analysis(
    path="/music/a.mp3",
    key=Key(9, "minor"),
    probabilities=(1 / 24,) * 24,
    tuning_cents=None,
    duration=1.0,
    timeline=Timeline((PART,), PART, PART),
)


@pytest.fixture
def files():
    return PendingFiles()


def file(**wishes):
    return FileTask(path="/music/a.mp3", given="a.mp3", **wishes)


def done(files, task, result=ANALYSIS):
    files.done(task, Outcome(result, {}, 0.0))


def test_first_in_first_out_and_an_answer_each(files):
    first, second = file(timeline=True), file()
    assert [files.add(first), files.add(second)] == [True, True]
    assert [files.next_task(), files.next_task()] == [first, second]
    done(files, second)
    done(files, first)
    assert (first.future.result().path, first.future.result().timeline is None) == ("a.mp3", False)
    assert second.future.result().timeline is None


def test_a_failure_names_the_path_as_given(files):
    task = file()
    files.add(task)
    done(files, files.next_task(), Silent("nothing"))
    assert task.future.exception().path == "a.mp3"


def test_it_tells_whether_a_worker_is_idle(files):
    taken = []
    thread = threading.Thread(target=lambda: taken.append(files.next_task()), daemon=True)
    thread.start()
    wait_for(lambda: files._idle_workers)
    assert [files.add(file()), files.add(file())] == [False, True]
    thread.join(PATIENCE)
    assert len(taken) == 1


def test_a_cancelled_file_goes_to_no_worker(files):
    first, second = file(), file()
    files.add(first)
    files.add(second)
    assert first.future.cancel()
    assert files.next_task() is second
    assert second.future.cancel()
    assert second.cancelled.is_set()
    done(files, second)  # the worker was too late
    assert wait([first.future, second.future], 0).not_done == set()
    assert second.future.cancelled()


def test_closing_cancels_what_waits_and_what_runs(files):
    tasks = [file() for _ in range(3)]
    for task in tasks:
        files.add(task)
    running = files.next_task()
    answered = files.next_task()
    done(files, answered)
    files.close()
    done(files, running)
    assert [task.future.cancelled() for task in tasks] == [True, False, True]
    assert running.cancelled.is_set()
    assert files.next_task() is None
    with pytest.raises(CancelledError):
        running.future.result()
    with pytest.raises(RuntimeError, match="closed"):
        files.add(file())
    files.close()


def test_closing_wakes_the_workers(files):
    threads = [threading.Thread(target=files.next_task, daemon=True) for _ in range(3)]
    for thread in threads:
        thread.start()
    files.close()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()


def test_a_file_may_be_added_when_another_is_done(files):
    first, second = file(), file()
    first.future.add_done_callback(lambda _: files.add(second))
    files.add(first)
    done(files, files.next_task())
    assert files.next_task() is second
