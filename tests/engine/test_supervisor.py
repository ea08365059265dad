"""The one thread that watches all workers."""

from __future__ import annotations

import multiprocessing
import threading

import pytest

from keyscan.engine.supervisor import Supervisor, Watch
from keyscan.options import WorkerOptions
from tests.server_process import wait_for


class Looked:
    """A watch that counts how often it is looked at, and may fail."""

    def __init__(self, error=None):
        self.count, self.error = 0, error

    def look(self):
        self.count += 1
        if self.error is not None:
            raise self.error


def test_a_watch_that_fails_does_not_end_the_others(caplog):
    supervisor, broken, good = Supervisor(), Looked(MemoryError()), Looked()
    with supervisor.watching(broken), supervisor.watching(good):
        wait_for(lambda: good.count > 2 and broken.count > 2)
    assert "could not be watched" in caplog.text


def test_a_watch_that_has_ended_is_looked_at_no_more():
    supervisor, first, second = Supervisor(), Looked(), Looked()
    with supervisor.watching(first):
        wait_for(lambda: first.count)
    seen = first.count
    with supervisor.watching(second):
        wait_for(lambda: second.count > 2)
    assert first.count == seen


def test_its_thread_ends_when_it_is_closed():
    before = set(threading.enumerate())
    supervisor = Supervisor()
    supervisor.close()
    with supervisor.watching(Looked()):
        assert len(set(threading.enumerate()) - before) == 1
    supervisor.close()
    assert set(threading.enumerate()) <= before


@pytest.mark.parametrize(("timeout", "text"), [(0.300001, "0.3"), (1.0, "1")])
def test_the_time_limit_is_told_in_round_seconds(timeout, text):
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=theirs.recv)
    process.start()
    watch = Watch(process, ours, WorkerOptions(timeout=timeout), threading.Event())
    while watch.verdict is None:
        watch.look()
    process.join()
    assert str(watch.verdict) == f"no answer within {text} seconds; the file is given up"
