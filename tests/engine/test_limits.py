"""Limits are the system's: each is tried on a real process that goes too far."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time

import pytest

from keyscan.engine import worker_process as limits
from keyscan.engine.supervisor import resident_bytes
from tests.server_process import PATIENCE, ROOT, command_line, wait_for

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="tries the limits of Linux")


def exit_code_of(work):
    process = multiprocessing.get_context("spawn").Process(target=work)
    process.start()
    process.join(PATIENCE)
    return process.exitcode


def ask_for_too_much():
    limits.limit_memory(500 << 20)
    bytearray(200 << 20)
    try:
        bytearray(600 << 20)
    except MemoryError:
        sys.exit(3)


def test_the_system_refuses_more_memory():
    assert exit_code_of(ask_for_too_much) == 3


def compute_for_ever():
    limits.limit_processor_time(0.1)
    while True:
        pass


def test_the_system_ends_what_computes_too_long():
    assert exit_code_of(compute_for_ever) == -signal.SIGXCPU


def limit_twice():
    limits.limit_processor_time(1)
    limits.limit_processor_time(1000)  # the next file has all its time again
    deadline = time.process_time() + 3
    while time.process_time() < deadline:
        pass
    sys.exit(4)


def test_the_limit_of_time_is_a_files_own():
    assert exit_code_of(limit_twice) == 4


def crash_without_a_core():
    import resource

    limits.leave_no_core()
    sys.exit(resource.getrlimit(resource.RLIMIT_CORE)[0] == 0)


def test_a_crash_leaves_no_file_behind():
    assert exit_code_of(crash_without_a_core) == 1


PARENT = """
import multiprocessing, sys, time
from tests.engine.test_limits import {work}
if __name__ == "__main__":
    process = multiprocessing.get_context("spawn").Process(target={work}, daemon=True)
    process.start()
    print(process.pid, flush=True)
    time.sleep(600)
"""


def compute_with_a_watch():
    limits.end_with_the_server()
    while True:
        pass


def sleep_with_a_watch():
    limits.end_with_the_server()
    time.sleep(600)


@pytest.mark.parametrize("work", ["compute_with_a_watch", "sleep_with_a_watch"])
def test_a_worker_that_asks_nobody_ends_with_its_server(work, tmp_path):
    script = tmp_path / "parent.py"
    script.write_text(PARENT.format(work=work))
    with subprocess.Popen(
        [sys.executable, script],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as parent:
        child = int(parent.stdout.readline())
        wait_for(lambda: b"parent.py" not in command_line(child))
        parent.kill()
        wait_for(lambda: not is_running(child))


def is_running(pid):
    return resident_bytes(pid) > 0


def test_resident_memory_is_that_of_the_process():
    before = resident_bytes(os.getpid())
    block = b"x" * (100 << 20)
    grown = resident_bytes(os.getpid()) - before
    assert len(block) * 0.9 < grown < len(block) * 1.5


def test_a_process_that_is_gone_has_no_memory():
    process = subprocess.Popen(["true"])
    process.wait()
    assert resident_bytes(process.pid) == 0
