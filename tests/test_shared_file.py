"""A long file that is alone in the real server, with two workers: the client must not notice."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from keyscan.runtime import usable_cores
from tests.audio_files import FORMATS, Samples, music
from tests.server_process import PATIENCE, ServerProcess, request, wait_for
from tests.sparse_files import BYTES_PER_SECOND, write_wav

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
TWO_CORES = pytest.mark.skipif(usable_cores() < 2, reason="one core is not shared")
RATE = 44100
SECONDS = {"flac": 300, "mp3": 65, "m4a": 65}
SLOW_SIZE = 180 * BYTES_PER_SECOND + 44
ATTEMPTS = 20

pytestmark = TWO_CORES


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Minutes of music by format, ``short`` ones, and ``slow``: music and a hole of 2 GB."""
    folder = tmp_path_factory.mktemp("long")
    sound: Samples = np.tile(music(RATE, 20.0)[:, :1], (15, 1))
    paths = {name: folder / f"long{FORMATS[name].extension}" for name in SECONDS}
    for name, seconds in SECONDS.items():
        FORMATS[name].write(paths[name], sound[: seconds * RATE], RATE)
    paths["short"] = folder / "short.flac"
    FORMATS["flac"].write(paths["short"], sound[: 20 * RATE], RATE)
    paths["slow"] = folder / "slow.wav"
    write_wav(paths["slow"], np.array(music(RATE)), SLOW_SIZE, SLOW_SIZE - 44)
    return paths


@pytest.fixture(scope="module")
def alone(files: dict[str, Path]) -> dict[Path, dict[str, Any]]:
    """What a server with one worker says."""
    with ServerProcess("-w", "1") as server:
        return {path: answer(server, path) for path in files.values()}


def start_two(files: dict[str, Path], *options: str) -> ServerProcess:
    """A server with two workers that wait: the second one comes with the first long file."""
    server = ServerProcess("-w", "2", *options)
    answer(server, files["mp3"])
    if sys.platform == "linux":
        wait_for(lambda: both_wait(server))
    return server


@pytest.fixture(scope="module")
def both(files: dict[str, Path]) -> Iterator[ServerProcess]:
    with start_two(files) as server:
        yield server
        end(server)


@pytest.fixture
def server(both: ServerProcess, files: dict[str, Path]) -> ServerProcess:
    """One that has nothing to do, and both its workers."""
    pong = both.ask({"type": "ping"})
    assert (pong["queued"], pong["running"]) == (0, 0)
    use_both(both, files)
    return both


def answer(server: ServerProcess, path: Path) -> dict[str, Any]:
    reply = server.ask({**request("x", path), "timeline": True})
    assert reply["status"] == "success", reply
    return reply


def use_both(server: ServerProcess, files: dict[str, Path]) -> None:
    """Both workers have a file of their own at the same time, until both wait."""

    def try_it() -> bool:
        for number in range(2):
            server.send(request(number, files["short"]))
        assert {reply["id"] for reply in (server.receive(), server.receive())} == {0, 1}
        return sys.platform != "linux" or both_wait(server)

    wait_for(try_it)


def both_wait(server: ServerProcess) -> bool:
    """Two workers sleep, as in a read of their pipe; one that starts does so for moments only."""
    for _ in range(3):
        states = [psutil.Process(pid).status() for pid in server.worker_pids()]
        if states != [psutil.STATUS_SLEEPING] * 2:
            return False
        time.sleep(0.01)
    return True


def check(reply: dict[str, Any], expected: dict[str, Any]) -> None:
    """The same key, and nearly the same numbers."""
    assert reply["status"] == "success", reply
    for name in ("camelot", "openkey", "key", "class_id", "filename", "warnings"):
        assert reply[name] == expected[name]
    assert reply["duration"] == pytest.approx(expected["duration"], abs=1e-3)
    assert reply["confidence"] == pytest.approx(expected["confidence"], abs=1e-3)
    assert reply["tuning_cents"] == pytest.approx(expected["tuning_cents"], abs=0.1)
    if "timeline" in reply:
        assert len(reply["timeline"]) == len(expected["timeline"])


def end(server: ServerProcess) -> None:
    assert server.finish() == []
    assert (server.process.returncode, server.stderr) == (0, b"")


def processor_seconds(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def position(pid: int, path: Path) -> int | None:
    """Where a worker is in the file; None: it has not opened it."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                if str(descriptor.readlink()) == str(path):
                    info = Path(f"/proc/{pid}/fdinfo/{descriptor.name}").read_text()
                    return int(info.split()[1])
    return None


def helper(server: ServerProcess, path: Path) -> int:
    """The worker that reads the second half of a file while another one reads the first."""
    half, found = path.stat().st_size // 2, 0

    def look() -> bool:
        nonlocal found
        places = {pid: position(pid, path) for pid in server.worker_pids()}
        behind = [pid for pid, place in places.items() if place is not None and place >= half]
        before = [pid for pid, place in places.items() if place is not None and place < half]
        if behind and before:
            (found,) = behind
        return bool(found)

    wait_for(look)
    return found


def idle(server: ServerProcess) -> bool:
    pong = server.ask({"type": "ping"})
    return (pong["queued"], pong["running"]) == (0, 0)


@pytest.mark.parametrize("name", [*SECONDS, "short", "slow"])
def test_the_answer_is_that_of_one_worker(
    name: str, server: ServerProcess, files: dict[str, Path], alone: dict[Path, dict[str, Any]]
) -> None:
    check(answer(server, files[name]), alone[files[name]])


@LINUX
def test_the_second_worker_comes_with_the_first_long_file(files: dict[str, Path]) -> None:
    with ServerProcess("-w", "2") as server:
        answer(server, files["mp3"])
        wait_for(lambda: len(server.worker_pids()) == 2)
        end(server)


@LINUX
def test_both_workers_have_a_part_in_a_long_file(
    server: ServerProcess, files: dict[str, Path], alone: dict[Path, dict[str, Any]]
) -> None:
    before = {pid: processor_seconds(pid) for pid in server.worker_pids()}
    for _ in range(ATTEMPTS):
        check(answer(server, files["flac"]), alone[files["flac"]])
        used = [processor_seconds(pid) - before[pid] for pid in server.worker_pids()]
        if min(used) > 0.2:
            return
    pytest.fail(f"one worker did it all: {used}")


@LINUX
@pytest.mark.skipif(shutil.which("taskset") is None, reason="apt-get install util-linux")
def test_one_core_is_not_shared(files: dict[str, Path], alone: dict[Path, dict[str, Any]]) -> None:
    core = str(min(os.sched_getaffinity(0)))
    with ServerProcess("-w", "2", prefix=("taskset", "-c", core)) as server:
        use_both(server, files)
        before = {pid: processor_seconds(pid) for pid in server.worker_pids()}
        check(answer(server, files["flac"]), alone[files["flac"]])
        used = [processor_seconds(pid) - start for pid, start in before.items()]
        assert min(used) < 0.1 < max(used)
        end(server)


@LINUX
@pytest.mark.parametrize("name", ["SIGKILL", "SIGSTOP"])  # Windows has neither
def test_a_helper_that_dies_or_stops(
    name: str,
    server: ServerProcess,
    files: dict[str, Path],
    alone: dict[Path, dict[str, Any]],
) -> None:
    server.send(request("x", files["slow"]))
    os.kill(helper(server, files["slow"]), signal.Signals[name])
    check(server.receive(), alone[files["slow"]])
    assert idle(server)


@LINUX
def test_a_first_worker_that_dies_lets_the_helper_go(
    server: ServerProcess, files: dict[str, Path]
) -> None:
    server.send(request("x", files["slow"]))
    second = helper(server, files["slow"])
    (first,) = set(server.worker_pids()) - {second}
    os.kill(first, signal.SIGKILL)
    reply = server.receive()
    assert (reply["id"], reply["code"]) == ("x", "decoder_crashed")
    wait_for(lambda: position(second, files["slow"]) is None)
    assert second in server.worker_pids()


@LINUX
def test_another_request_while_a_file_is_shared(
    server: ServerProcess, files: dict[str, Path], alone: dict[Path, dict[str, Any]]
) -> None:
    server.send(request("long", files["slow"]))
    helper(server, files["slow"])
    server.send(request("other", files["mp3"]))
    replies = {reply["id"]: reply for reply in (server.receive(), server.receive())}
    check(replies["long"], alone[files["slow"]])
    check(replies["other"], alone[files["mp3"]])


@LINUX
def test_a_shared_file_is_cancelled(
    server: ServerProcess, files: dict[str, Path], alone: dict[Path, dict[str, Any]]
) -> None:
    workers = set(server.worker_pids())
    server.send(request("x", files["slow"]))
    helper(server, files["slow"])
    server.send({"type": "cancel", "id": "x"})
    replies = [server.receive(), server.receive()]
    assert [reply.get("code", reply.get("type")) for reply in replies] == [
        "cancelled",
        "cancel_complete",
    ]
    wait_for(lambda: idle(server))
    check(answer(server, files["flac"]), alone[files["flac"]])
    wait_for(lambda: idle(server))
    assert set(server.worker_pids()) == workers


@LINUX
def test_a_reset_while_a_file_is_shared(
    server: ServerProcess, files: dict[str, Path], alone: dict[Path, dict[str, Any]]
) -> None:
    server.send(request("x", files["slow"]))
    helper(server, files["slow"])
    assert server.ask({"type": "reset"})["type"] == "reset_complete"
    assert server.receive()["type"] == "reset_idle"
    assert idle(server)
    check(answer(server, files["flac"]), alone[files["flac"]])


@LINUX
def test_nothing_of_an_older_generation_runs_behind_reset_idle(
    server: ServerProcess, files: dict[str, Path]
) -> None:
    """Not even a helper that does not listen: it would still have the file open."""
    server.send(request("x", files["slow"]))
    second = helper(server, files["slow"])
    os.kill(second, signal.SIGSTOP)
    assert server.ask({"type": "reset"})["type"] == "reset_complete"
    assert server.receive()["type"] == "reset_idle"
    assert position(second, files["slow"]) is None


@LINUX
def test_the_input_ends_while_a_file_is_shared(
    files: dict[str, Path], alone: dict[Path, dict[str, Any]]
) -> None:
    with start_two(files) as server:
        server.send(request("x", files["slow"]))
        helper(server, files["slow"])
        (reply,) = server.finish()
        check(reply, alone[files["slow"]])
        assert (server.process.returncode, server.stderr) == (0, b"")


@LINUX
def test_a_signal_while_a_file_is_shared(files: dict[str, Path]) -> None:
    with start_two(files) as server:
        server.send(request("x", files["slow"]))
        helper(server, files["slow"])
        workers = server.worker_pids()
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(PATIENCE)
        assert server.process.returncode == 128 + signal.SIGTERM
        wait_for(lambda: not any(Path(f"/proc/{pid}/cmdline").exists() for pid in workers))
        assert server.stderr == b""


def test_what_was_shared_is_in_the_cache(
    files: dict[str, Path], alone: dict[Path, dict[str, Any]], tmp_path: Path
) -> None:
    with start_two(files, "--cache", str(tmp_path / "keys.sqlite")) as server:
        first, second = answer(server, files["flac"]), answer(server, files["flac"])
        assert (first.pop("cached"), second.pop("cached")) == (False, True)
        assert first == second
        check(first, alone[files["flac"]])
        end(server)


def test_long_files_in_a_burst(
    server: ServerProcess, files: dict[str, Path], alone: dict[Path, dict[str, Any]]
) -> None:
    names = dict.fromkeys(range(0, 200, 50), "mp3") | {7: "short", 120: "m4a", 199: "flac"}
    for number in range(200):
        server.send(request(number, files[names[number]] if number in names else "/nowhere.mp3"))
    replies = {reply["id"]: reply for reply in (server.receive() for _ in range(200))}
    assert len(replies) == 200
    for number, reply in replies.items():
        if number in names:
            check(reply, alone[files[names[number]]])
        else:
            assert reply["code"] == "file_not_found"
    assert idle(server)
