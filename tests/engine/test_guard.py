"""What blocks is ended in time, and what does not is left alone."""

from __future__ import annotations

import threading
import time

import pytest

from keyscan.engine.guard import Guard
from tests.server_process import PATIENCE, wait_for


@pytest.fixture
def acted():
    """What the guard sets."""
    return threading.Event()


@pytest.fixture
def guard(acted, guard_threads):
    """One whose thread has ended at the end of the test."""
    guard = Guard(acted.set)
    yield guard
    guard.close()
    wait_for(lambda: not guard_threads())


@pytest.fixture
def guard_threads():
    """Those that this test has started: workers of other tests may still have theirs."""

    def running():
        return {thread for thread in threading.enumerate() if thread.name == "guard"}

    before = running()
    return lambda: running() - before


def test_a_block_that_is_not_left_in_time(guard, acted):
    for _ in range(2):
        with guard.until(time.monotonic() + 0.05):
            assert acted.wait(PATIENCE)
        acted.clear()


def test_an_earlier_deadline_is_not_slept_through(guard, acted):
    with guard.until(time.monotonic() + 1000):
        pass
    with guard.until(time.monotonic() + 0.05):
        assert acted.wait(PATIENCE)


def test_a_deadline_that_has_passed(guard, acted):
    with guard.until(time.monotonic() - 1):
        assert acted.wait(PATIENCE)


def test_blocks_that_are_left_in_time_share_a_thread(guard, acted, guard_threads):
    for _ in range(100):
        with guard.until(time.monotonic() + 0.5):
            assert len(guard_threads()) == 1
    time.sleep(0.6)
    assert not acted.is_set()


def test_a_closed_guard_starts_no_thread(guard, guard_threads):
    guard.close()
    with guard.until(time.monotonic() + 1000):
        assert not guard_threads()
