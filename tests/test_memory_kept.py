"""What is freed is used again."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.server_process import ROOT

FAULTS = """
import resource, sys
import numpy as np
from keyscan.runtime import keep_freed_memory
if sys.argv[1] == "kept":
    assert keep_freed_memory()
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def track():  # a large block below a larger one
    return [np.ones(size << 18, np.float32).sum() for size in (4, 7, 9, 3)]
track()
before = faults()
for _ in range(20):
    track()
print(faults() - before)
"""


FREED = """
import psutil
from keyscan.runtime import give_back_freed_memory, keep_freed_memory
def resident():
    return psutil.Process().memory_info().rss
keep_freed_memory()
blocks = [bytearray(1 << 20) for _ in range(20)]
last = bytearray(1 << 20)  # nothing below it is at the heap's end
del blocks
before = resident()
assert give_back_freed_memory()
print(before - resident())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator")
def test_a_second_track_needs_no_new_pages():
    def faults(mode):
        command = [sys.executable, "-c", FAULTS, mode]
        result = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=60, check=True)
        return int(result.stdout)

    given_back, kept = faults("given back"), faults("kept")
    assert kept < 100 < 500 < given_back


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator")
def test_what_was_freed_can_be_given_back():
    command = [sys.executable, "-c", FREED]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=60, check=True)
    assert int(result.stdout) > 15 << 20
