"""Processes that write to one cache at once, lock it, or are killed."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from keyscan.errors import CacheBusy
from tests.cache.rows import ROWS, SETTINGS, file_row, names, result_row
from tests.server_process import PATIENCE, ROOT

WRITER = """
import sys
from keyscan.cache.database import Database
from tests.cache.rows import ROWS, SETTINGS, STAMP, file_row, result_row
path, who = sys.argv[1:]
cache = Database(path, lambda text: print(text, file=sys.stderr), 60.0)
print("ready", flush=True)
sys.stdin.readline()
for number in range(ROWS):
    name = f"{who} {number}".encode()
    cache.store([file_row(name, digest=name)], [result_row(name * 100, name)])
    if number % 10 == 0:
        assert cache.record_of(name, SETTINGS) == name * 100
    print(number, flush=True)
"""


class Writer:
    """Another process that stores ``ROWS`` rows, one at a time, and says which are stored."""

    def __init__(self, path, who):
        self.who = who
        self.process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), str(who)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        assert self.process.stdout.readline() == "ready\n"

    def begin(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def rest(self):
        output, errors = self.process.communicate(timeout=PATIENCE)
        return output.split(), errors


def stored(cache, who, numbers):
    found = [cache.record_of(f"{who} {number}".encode(), SETTINGS) for number in numbers]
    return [number for number, record in zip(numbers, found, strict=True) if record]


def test_processes_that_write_at_once(cache, path, warnings):
    writers = [Writer(path, who) for who in range(4)]
    for writer in writers:
        writer.begin()
    for writer in writers:
        output, errors = writer.rest()
        assert (len(output), errors, writer.process.returncode) == (ROWS, "", 0)
    for writer in writers:
        assert stored(cache, writer.who, range(ROWS)) == [*range(ROWS)]
    assert warnings == []


def test_processes_that_find_the_same_damage_at_once(cache, path):
    """It is set aside once, and no rows of another process go with it."""
    cache.check()
    cache.close()
    os.truncate(path, 5000)
    writers = [Writer(path, who) for who in range(4)]
    for writer in writers:
        writer.begin()
    said = []
    for writer in writers:
        output, errors = writer.rest()
        assert (len(output), writer.process.returncode) == (ROWS, 0)
        said += errors.splitlines()
    assert len(said) == 1
    assert names(path) == ["keys.sqlite", "keys.sqlite.corrupt-1"]
    for writer in writers:
        assert stored(cache, writer.who, range(ROWS)) == [*range(ROWS)]


def test_a_process_that_is_killed_while_it_writes(cache, path, warnings):
    """What it said was stored is there, and the file is sound."""
    writer = Writer(path, "victim")
    writer.begin()
    said = [int(writer.process.stdout.readline()) for _ in range(50)]
    writer.process.send_signal(signal.SIGKILL)
    said += [int(line) for line in writer.rest()[0]]
    assert stored(cache, "victim", said) == said
    cache.store([file_row()], [result_row()])
    assert cache.record_of(b"digest", SETTINGS) == b"record"
    cache.close()
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()
    assert warnings == []


@pytest.fixture
def locked(path, cache):
    """The database while another program writes to it, without an end."""
    cache.store([file_row()], [result_row()])
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    yield connection
    connection.close()


def test_who_writes_waits_for_who_has_it_locked_and_who_reads_does_not(cache, locked):
    cache.patience = 0.1
    with pytest.raises(CacheBusy, match="another program keeps it locked"):
        cache.store([], [result_row(b"new", b"other")])
    assert cache.record_of(b"digest", SETTINGS) == b"record"
    locked.execute("ROLLBACK")
    cache.store([], [result_row(b"new", b"other")])
    assert cache.record_of(b"other", SETTINGS) == b"new"


def test_who_opens_it_waits_for_who_opens_it(open_cache, path):
    connection = sqlite3.connect(f"{path}-lock", isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    cache = open_cache(patience=0.1)
    with pytest.raises(CacheBusy):
        cache.check()
    connection.close()
    cache.check()


@pytest.mark.parametrize("rubbish", [b"", b"rubbish" * 1000])
def test_a_lock_that_is_no_lock_is_not_needed(open_cache, path, rubbish):
    Path(f"{path}-lock").write_bytes(rubbish)
    cache = open_cache()
    cache.store([], [result_row()])
    assert cache.record_of(b"digest", SETTINGS) == b"record"
