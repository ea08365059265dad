"""Line splitting and the writing thread, on in-memory streams."""

from __future__ import annotations

import json
import os
import threading
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from keyscan.server.protocol import OversizedLine
from keyscan.server.streams import LineWriter, read_lines
from keyscan.stdio import write_all


def reader(chunks):
    """A ``read(n)`` that returns the chunks one by one, then nothing."""
    remaining = iter([chunk for chunk in chunks if chunk])
    return lambda n: next(remaining, b"")


@given(st.binary(max_size=200), st.lists(st.integers(0, 200)))
def test_lines_do_not_depend_on_where_the_stream_is_cut(data, cuts):
    edges = [0, *sorted(min(c, len(data)) for c in cuts), len(data)]
    chunks = [data[a:b] for a, b in pairwise(edges)]
    stripped = [line.strip(b" \t\r\n") for line in data.split(b"\n")]
    expected = [line for line in stripped if line]
    assert list(read_lines(reader(chunks))) == expected


def test_line_ends_of_every_system_and_no_end_at_all():
    assert list(read_lines(reader([b"a\r\nb\n\n  \nc"]))) == [b"a", b"b", b"c"]


def test_a_long_line_costs_no_memory_and_not_the_next_line():
    chunks = [b"x" * 60_000] * 50 + [b"y\nnext\n"]
    lines = list(read_lines(reader(chunks), limit=1000))
    assert lines == [OversizedLine(3_000_001), b"next"]


def test_a_long_last_line_without_an_end():
    assert list(read_lines(reader([b"x" * 5000]), limit=1000)) == [OversizedLine(5000)]


def test_writer_keeps_the_order_and_finishes_on_close():
    lines = []
    writer = LineWriter(lines.append, heartbeat_seconds=60, on_closed=print)
    writer.start({"n": 0}, list)
    for number in range(1, 500):
        writer.send({"n": number})
    writer.close()
    assert writer.join(30)
    assert [json.loads(line)["n"] for line in lines] == list(range(500))


def test_what_follows_the_first_line_comes_once():
    done = []
    writer = LineWriter(done.append, heartbeat_seconds=60, on_closed=print)
    writer.send({"n": 1})
    writer.start({"n": 0}, lambda: done.append("first"))
    writer.send({"n": 2})
    writer.close()
    assert writer.join(30)
    assert done == [b'{"n": 0}\n', "first", b'{"n": 1}\n', b'{"n": 2}\n']


def test_heartbeats_come_when_nothing_else_does():
    beats = threading.Semaphore(0)

    def write(line):
        if line != b'{"n": 1}\n':
            assert json.loads(line) == {"type": "heartbeat"}
            beats.release()

    writer = LineWriter(write, heartbeat_seconds=0.01, on_closed=print)
    writer.start({"n": 1}, list)
    for _ in range(3):
        assert beats.acquire(timeout=30)
    writer.close()
    assert writer.join(30)


def test_heartbeats_can_be_quickened_while_waiting_for_one():
    beats = threading.Semaphore(0)
    writer = LineWriter(lambda line: beats.release(), heartbeat_seconds=3600, on_closed=print)
    writer.start({"n": 1}, list)
    assert beats.acquire(timeout=30)
    assert not beats.acquire(timeout=0.2)
    writer.beat_every(0.01)
    for _ in range(3):
        assert beats.acquire(timeout=30)
    writer.close()
    assert writer.join(30)


def test_a_reader_that_is_gone_is_reported_once():
    closed = []
    read_end, write_end = os.pipe()
    os.close(read_end)
    writer = LineWriter(
        lambda line: write_all(write_end, line),
        heartbeat_seconds=60,
        on_closed=closed.append,
    )
    writer.start({"n": 1}, list)
    writer.send({"n": 2})
    writer.close()
    assert writer.join(30)
    os.close(write_end)
    assert [type(error) for error in closed] == [BrokenPipeError]


def test_write_all_writes_more_than_a_pipe_holds():
    read_end, write_end = os.pipe()
    data = os.urandom(1 << 20)
    received = bytearray()

    def drain():
        while chunk := os.read(read_end, 4096):
            received.extend(chunk)

    thread = threading.Thread(target=drain)
    thread.start()
    write_all(write_end, data)
    os.close(write_end)
    thread.join(30)
    os.close(read_end)
    assert bytes(received) == data
