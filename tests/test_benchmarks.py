"""A benchmark without a comparison says so, and does not call it a success."""

from __future__ import annotations

import subprocess
import sys

import pytest

from benchmarks.processes import Usage
from benchmarks.soak_report import Sample, Verdict, verdict
from tests.server_process import ROOT


def samples(count, grows_by=0):
    """A sample a second, in which the server grows by ``grows_by`` MB."""
    return [
        Sample(second, 10 * second, usage(second, 10**8 + grows_by * 10**6 * second))
        for second in range(count)
    ]


def usage(second, server_bytes):
    return Usage(
        server_bytes=server_bytes,
        worker_bytes=10**8,
        descriptors=20,
        threads=5,
        children=2,
        processor_seconds=0.5 * second,
    )


@pytest.mark.parametrize("count", [0, 1, 7])
def test_a_soak_of_a_few_seconds_is_too_short_to_tell(count, capsys):
    assert verdict(samples(count)) is Verdict.TOO_SHORT
    assert "too short to tell" in capsys.readouterr().out


def test_a_soak_is_flat_or_not(capsys):
    assert verdict(samples(100)) is Verdict.HELD
    assert verdict(samples(100, grows_by=1)) is Verdict.MISSED
    assert "too short" not in capsys.readouterr().out


def test_memory_is_not_said_to_be_flat_where_nothing_was_compared():
    command = [sys.executable, "-m", "benchmarks.memory", "--lengths", "1m", "--formats", "mp3",
               "--queues"]  # fmt: skip
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240)
    assert result.returncode == 0, result.stderr
    assert "| 1m | MP3 |" in result.stdout
    assert "not measured" in result.stdout
    assert "kept" not in result.stdout


def test_what_the_cache_saves_is_measured_on_files_that_differ():
    command = [sys.executable, "-m", "benchmarks.cache", "--tracks", "3", "--seconds", "20",
               "--rows", "50"]  # fmt: skip
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240)
    assert result.returncode == 0, result.stderr
    rows = [line.split("|")[1].strip() for line in result.stdout.splitlines() if "|" in line]
    assert rows[2:6] == ["no cache", "an empty cache", "unchanged", "moved"]
    assert rows[-1] == "50"
