"""The Python client over the real server, and over servers that end or write nonsense."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import CancelledError, ThreadPoolExecutor, wait
from pathlib import Path

import psutil
import pytest

from keyscan import AnalysisError
from keyscan.client import Client, ServerEnded
from keyscan.errors import FileNotFound, InvalidPath, NoSuchStream, TooShort
from keyscan.server.protocol import MAX_LINE_BYTES
from tests.audio_files import valid
from tests.messages import check_request, replies
from tests.server_process import COMMAND, PATIENCE, ROOT, wait_for

READY = """print('{"type": "ready", "version": "1"}', flush=True)\n"""


class CheckedClient(Client):
    """A client of the real server: every message is checked against the schema of the protocol."""

    def __init__(self, *options):
        self.received = []
        super().__init__(*options, command=COMMAND)

    def _send(self, message):
        super()._send(check_request(message))

    def _receive(self, line):
        self.received.append(line)
        super()._receive(line)

    def __exit__(self, *exception):
        super().__exit__(*exception)
        replies(self.received)


@pytest.fixture(scope="module")
def client():
    with CheckedClient("--workers", "2") as client:
        yield client


@pytest.fixture
def alone():
    """A client for a test that ends or blocks its server."""
    with CheckedClient("--workers", "1") as client:
        yield client


@pytest.fixture
def nothing_left():
    """No thread and no process of the test is left behind."""
    threads, children = set(threading.enumerate()), set(psutil.Process().children(True))
    yield
    assert set(threading.enumerate()) <= threads
    assert set(psutil.Process().children(True)) <= children


def script(code, **options):
    """A client of a Python program instead of the server."""
    return Client(command=[sys.executable, "-c", code], **options)


def test_one_file(client, track):
    reply = client.analyze(track)
    assert (reply["camelot"], reply["filename"]) == ("11A", track.name)
    assert "timeline" not in reply
    assert client.ready["workers"] == 2
    assert "priority" in client.ready["features"]


def test_the_server_of_this_python_is_the_default(track, monkeypatch):
    monkeypatch.chdir(ROOT)
    with Client("--workers", "1", "--notation", "camelot") as client:
        assert client.analyze(track)["key"] == "11A"


def test_the_key_over_time(client, track):
    reply = client.analyze(str(track), timeline=True)
    assert reply["timeline"][0]["camelot"] == reply["intro_key"]["camelot"] == "11A"


def test_one_of_several_streams(client, film):
    assert client.analyze(film)["camelot"] == "8A"
    reply = client.analyze(film, stream=1)
    assert (reply["camelot"], reply["stream"]) == ("11A", 1)
    with pytest.raises(NoSuchStream, match="no audio stream 2"):
        client.analyze(film, stream=2)


def test_relative_paths_are_those_of_the_caller(client, track, monkeypatch):
    monkeypatch.chdir(track.parent)
    assert client.analyze(track.name)["camelot"] == "11A"


def test_a_file_without_a_key_raises_the_error_of_its_code(client, tmp_path):
    with pytest.raises(FileNotFound, match="no file") as caught:
        client.analyze(tmp_path / "missing.mp3")
    assert caught.value.code == "file_not_found"
    with pytest.raises(InvalidPath):
        client.analyze("x" * MAX_LINE_BYTES)


def test_an_error_tells_what_is_damaged(client, tmp_path):
    data = valid("mp3", 24.0)
    (tmp_path / "part.mp3").write_bytes(data[: len(data) // 20])
    with pytest.raises(TooShort, match="decoded of 24 s") as caught:
        client.analyze(tmp_path / "part.mp3")
    assert [warning.code for warning in caught.value.warnings] == ["truncated"]


def test_an_error_of_another_version_keeps_its_code():
    reply = """print('{"id": 1, "status": "error", "code": "new", "error": "why"}', flush=True)\n"""
    with script(READY + "input()\n" + reply + "input()") as client:
        with pytest.raises(AnalysisError, match="why") as caught:
            client.analyze("a.mp3")
        assert (caught.value.code, AnalysisError.code) == ("new", "internal_error")


def test_many_files_come_as_they_are_ready(client, track, tmp_path):
    paths = [tmp_path / f"{number}.mp3" for number in range(3000)]
    paths[1000] = track
    replies = dict(client.analyze_all(iter(paths)))
    assert set(replies) == set(paths)
    assert replies.pop(track)["camelot"] == "11A"
    assert {reply["code"] for reply in replies.values()} == {"file_not_found"}
    assert list(client.analyze_all([])) == []


def test_a_slow_caller_and_one_that_stops_early(client, track, endless):
    found = []
    for path, reply in client.analyze_all(itertools.chain([track] * 3, itertools.repeat(endless))):
        found.append((path, reply["camelot"]))
        time.sleep(0.2)
        if len(found) == 3:
            break
    assert found == [(track, "11A")] * 3
    wait_for(lambda: client.ping(PATIENCE)["running"] == 0)


def test_requests_are_written_while_nothing_is_read(client, tmp_path):
    """More than the pipes hold."""
    name = tmp_path / ("x" * 200)
    futures = [client.submit(f"{name}{number}") for number in range(3000)]
    wait(futures, PATIENCE)
    assert {type(future.exception()) for future in futures} == {FileNotFound}


def test_threads_share_a_client(client, track, tmp_path):
    def ask(number):
        if number % 10:
            with pytest.raises(FileNotFound):
                client.analyze(tmp_path / str(number))
            return client.ping()["type"]
        return client.analyze(track)["camelot"]

    with ThreadPoolExecutor(8) as executor:
        answers = list(executor.map(ask, range(200)))
    assert answers == ["pong" if number % 10 else "11A" for number in range(200)]


def test_a_cancelled_future_frees_the_worker(alone, track, endless):
    running, waiting, wanted = (alone.submit(path) for path in (endless, endless, track))
    assert waiting.cancel()
    assert running.cancel()
    assert wait([running, waiting], 0).not_done == set()
    assert wanted.result(PATIENCE)["camelot"] == "11A"
    assert not wanted.cancel()


def test_priority_goes_before_what_waits(alone, endless, tmp_path):
    running = alone.submit(endless)
    wait_for(lambda: alone.ping()["running"] == 1)
    order = []
    for name, priority in [("first", False), ("second", False), ("clicked", True)]:
        future = alone.submit(tmp_path / name, priority=priority)
        future.add_done_callback(lambda _, name=name: order.append(name))
    running.cancel()
    with pytest.raises(FileNotFound):
        alone.analyze(tmp_path / "now", priority=True)
    wait_for(lambda: len(order) == 3)
    assert order == ["clicked", "first", "second"]


def test_a_reset_cancels_what_was_requested_before(alone, track, endless):
    old = [alone.submit(endless) for _ in range(5)]
    old[2].cancel()
    alone.reset()
    assert all(future.cancelled() for future in old)
    new = alone.submit(track)
    assert new.result(PATIENCE)["generation"] == 1


def test_a_reset_among_requests_of_other_threads_forgets_none(client):
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(3) as threads:
            for _ in range(30):
                requests = [threads.submit(client.submit, "/none.mp3") for _ in range(45)]
                client.reset()
                futures = [request.result() for request in requests]
                assert not wait(futures, PATIENCE).not_done
    finally:
        sys.setswitchinterval(interval)


def test_a_callback_may_request_the_next_file(client, track):
    second = []
    client.submit(track).add_done_callback(lambda _: second.append(client.submit(track)))
    wait_for(lambda: second)
    assert second[0].result(PATIENCE)["camelot"] == "11A"


def test_a_server_that_dies_fails_what_waits(alone, endless):
    futures = [alone.submit(endless) for _ in range(3)]
    psutil.Process(alone.pid).kill()
    for future in futures:
        with pytest.raises(ServerEnded, match=r"ended with exit code (-9|1)$"):
            future.result(PATIENCE)
    for call in (alone.ping, alone.reset, lambda: alone.submit(endless)):
        with pytest.raises(ServerEnded, match="exit code"):
            call()


def test_a_server_that_cannot_start_says_why(tmp_path, nothing_left):
    with pytest.raises(ServerEnded, match=r"cannot start: .*no model\.pt"):
        Client("--model-path", str(tmp_path / "no model.pt"), command=COMMAND)


def test_no_such_program(tmp_path, nothing_left):
    with pytest.raises(ServerEnded, match="cannot start"):
        Client(command=[str(tmp_path / "none")])


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("print('hello'); input()", "no message: b'hello"),
        ("print(5)", "no message: b'5"),
        ("raise SystemExit(3)", "exit code 3$"),
        ("raise SystemExit('out of luck')", "exit code 1: out of luck"),
    ],
)
def test_a_program_that_is_no_server(code, message, nothing_left):
    with pytest.raises(ServerEnded, match=message):
        script(code, log=lambda line: None)


def test_a_program_that_stops_reading(nothing_left):
    """The requests do not fit into the pipe; the writing caller is not blocked for ever."""
    lines = []
    with (
        script(READY + "raise SystemExit('out of luck')", log=lines.append) as client,
        pytest.raises(ServerEnded, match="exit code 1: out of luck"),
    ):
        list(client.analyze_all(map(str, range(100_000))))
    assert lines == ["out of luck"]


def test_close_cancels_and_leaves_nothing(nothing_left, endless):
    with Client("--workers", "2", command=COMMAND) as client:
        futures = [client.submit(endless) for _ in range(5)]
        start = time.monotonic()
    assert time.monotonic() - start < 8
    assert all(future.cancelled() for future in futures)
    with pytest.raises(CancelledError):
        futures[0].result(0)
    with pytest.raises(ServerEnded, match="closed"):
        client.submit(endless)
    client.close()


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="needs a signal that stops a process")
def test_close_of_a_server_that_hangs(nothing_left, monkeypatch, track):
    monkeypatch.setattr("keyscan.client._END_SECONDS", 0.5)
    client = Client("--workers", "1", command=COMMAND)
    os.kill(client.pid, signal.SIGSTOP)
    wait_for(lambda: has_stopped(client.pid))
    with pytest.raises(TimeoutError):
        client.ping(0.3)
    full = threading.Thread(target=lambda: fill(client, track))
    full.start()
    full.join(1.0)
    assert full.is_alive()  # blocked: the pipe is full
    client.close()
    full.join(PATIENCE)
    assert not full.is_alive()


def has_stopped(pid):
    """Whether every thread has: a process may answer a ping before that. Only Linux tells."""
    tasks = Path(f"/proc/{pid}/task")
    return not tasks.exists() or all(state(task) == "T" for task in tasks.iterdir())


def state(task):
    """The letter of a thread's state, after its name in brackets."""
    return (task / "stat").read_text().rpartition(")")[2].split()[0]


def fill(client, path):
    """Request the file until the client is closed."""
    try:
        for _ in range(100_000):
            client.submit(path)
    except ServerEnded:
        return


def test_an_exception_ends_the_server(nothing_left):
    with pytest.raises(ZeroDivisionError), Client("--workers", "1", command=COMMAND):
        1 / 0  # noqa: B018


def test_the_program_stays_light():
    code = "import sys, keyscan.client; print({'torch', 'numpy'} & set(sys.modules))"
    output = subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True)
    assert output == "set()\n"
