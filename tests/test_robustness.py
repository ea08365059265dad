"""What may happen to the process: signals, deaths, deaf and silent partners. Linux only."""

from __future__ import annotations

import json
import os
import random
import resource
import shlex
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.messages import check_reply
from tests.server_process import (
    COMMAND,
    EXE,
    PATIENCE,
    READY_LINE,
    ROOT,
    ServerProcess,
    request,
    wait_for,
)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_stop_promptly_whatever_is_queued(number, endless):
    with ServerProcess("-w", "2") as server:
        for request_id in range(50):
            server.send(request(request_id, endless))
        wait_for(lambda: server.ask({"type": "ping"})["running"] == 2)
        workers = server.worker_pids()
        assert len(workers) == 2
        server.process.send_signal(number)
        server.process.wait(5)
        assert server.process.returncode == 128 + number
        wait_for(lambda: not any(Path(f"/proc/{pid}/cmdline").exists() for pid in workers))
        assert b"Traceback" not in server.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("delay", [0.0, 0.1, 0.5, 1.2])
def test_signals_during_the_start(number, delay):
    with ServerProcess("-w", "1", wait=False) as server:
        wait_for(server.worker_pids)
        time.sleep(delay)
        server.process.send_signal(number)
        server.rest()
        assert server.process.returncode == 128 + number
        assert b"Traceback" not in server.stderr


def test_a_signal_does_not_wait_for_the_model(tmp_path):
    path = tmp_path / "hours.wav"
    size = 8000 * 3600 * 12
    noise = random.Random(0).randbytes(1 << 20)
    with path.open("wb") as file:
        file.write(wav_header(size) + noise)
        file.seek(size + 44 - len(noise))
        file.write(noise)  # silence at the end would not reach the model
    with ServerProcess("-w", "1") as server:
        server.send(request("long", path))
        busy = cpu_seconds(server.pid)
        wait_for(lambda: cpu_seconds(server.pid) > busy + 0.5)  # now it is the model that works
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(5)
        assert server.process.returncode == 128 + signal.SIGTERM


def wav_header(size):
    """Of ``size`` bytes in 8 bit, mono, at 8 kHz: 44 bytes."""
    return struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", size + 36, b"WAVE", b"fmt ", 16, 1, 1,
                       8000, 8000, 1, 8, b"data", size)  # fmt: skip


def cpu_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_signal_stops_a_server_that_nobody_listens_to():
    with subprocess.Popen(
        COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert check_reply(json.loads(process.stdout.readline()))["type"] == "ready"
        for number in range(3000):  # more replies than a pipe holds, and the app reads none
            process.stdin.write(json.dumps(request(number, "/nowhere.mp3")).encode() + b"\n")
        process.stdin.close()
        time.sleep(1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 128 + signal.SIGTERM


def test_a_closed_stdout_ends_the_process_quietly():
    pipe = subprocess.PIPE
    command = [*COMMAND, "--heartbeat", "0.1"]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        assert check_reply(json.loads(process.stdout.readline()))["type"] == "ready"
        process.stdout.close()
        assert process.wait(PATIENCE) == 0
        assert process.stderr.read() == READY_LINE


def test_a_killed_server_leaves_no_worker_behind(endless):
    with ServerProcess("-w", "2") as server:
        server.send(request(1, endless))
        server.send(request(2, endless))
        wait_for(lambda: server.ask({"type": "ping"})["running"] == 2)
        workers = server.worker_pids()
        assert len(workers) == 2
        server.process.kill()
        wait_for(lambda: not any(Path(f"/proc/{pid}/cmdline").exists() for pid in workers))


FAULTY = [sys.executable, str(ROOT / "tests" / "faulty_server.py")]


@pytest.mark.skipif(EXE is not None, reason="the faults are those of a server in Python")
@pytest.mark.parametrize("fault", ["loop", "stall", "stopped"])
def test_a_killed_server_leaves_no_worker_behind_that_has_gone_wrong(fault):
    """``stall`` holds the interpreter's lock, ``stopped`` is suspended."""
    with ServerProcess("-w", "1", command=FAULTY, environ={"PYTHONPATH": str(ROOT)}) as server:
        server.send(request(1, f"/x/{fault}.mp3"))
        wait_for(lambda: server.ask({"type": "ping"})["running"] == 1)
        (worker,) = server.worker_pids()
        time.sleep(0.5)  # for the fault to happen
        server.process.kill()
        wait_for(lambda: not Path(f"/proc/{worker}/cmdline").exists())


def test_a_worker_that_does_not_even_take_a_file(track):
    with ServerProcess("-w", "1", "--timeout", "2") as server:
        assert server.ask(request(1, track))["status"] == "success"
        (worker,) = server.worker_pids()
        os.kill(worker, signal.SIGSTOP)
        reply = server.ask(request(2, "/" + "x" * 1_000_000))  # more than the pipe holds
        assert (reply["id"], reply["code"]) == (2, "timeout")
        assert server.ask(request(3, track))["camelot"] == "11A"


def test_a_crashed_decoder_costs_one_reply(endless, track):
    with ServerProcess("-w", "1") as server:
        server.send(request("victim", endless))
        (worker,) = server.worker_pids()
        files = psutil.Process(worker).open_files
        wait_for(lambda: str(endless) in [file.path for file in files()])
        server.send(request("next", track))
        os.kill(worker, signal.SIGSEGV)
        reply = server.receive()
        assert (reply["id"], reply["code"]) == ("victim", "decoder_crashed")
        assert "SIGSEGV" in reply["error"]
        assert server.receive()["camelot"] == "11A"
        assert server.worker_pids() != [worker]


def test_a_worker_that_dies_between_files_costs_none(track):
    with ServerProcess("-w", "1") as server:
        assert server.ask(request("first", track))["status"] == "success"
        for number in range(5):
            (worker,) = server.worker_pids()
            os.kill(worker, signal.SIGKILL)
            assert server.ask(request(number, track))["status"] == "success"


@pytest.mark.parametrize("how", [signal.SIGSTOP, None], ids=["stalled", "slow"])
def test_a_file_that_takes_too_long_costs_one_reply(how, endless, track):
    with ServerProcess("-w", "1", "--timeout", "1") as server:
        server.send(request("slow", endless))
        server.send(request("next", track))
        if how is not None:
            wait_for(lambda: server.ask({"type": "ping"})["running"] == 1)
            (worker,) = server.worker_pids()
            os.kill(worker, how)
        reply = server.receive()
        assert (reply["id"], reply["code"]) == ("slow", "timeout")
        assert server.receive()["camelot"] == "11A"


def test_a_deleted_working_directory(track, tmp_path, monkeypatch):
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    with ServerProcess("-w", "1") as server:
        assert server.ask(request(1, track))["camelot"] == "11A"


@pytest.mark.parametrize("asked", [False, True])
@pytest.mark.parametrize(("stdout", "why"), [("/dev/full", "No space left"), ("&-", "Bad file")])
def test_a_full_disk_behind_stdout_is_no_success(asked, stdout, why, track):
    result = subprocess.run(
        f"{shlex.join(COMMAND)} >{stdout}", shell=True, stderr=subprocess.PIPE, timeout=120,
        input=json.dumps(request(1, track)).encode() if asked else b"",
    )  # fmt: skip
    assert result.returncode == 1
    assert result.stderr.startswith(b"keyscan: replies cannot be written: " + why.encode())
    assert result.stderr.count(b"\n") == 1


def test_streams_that_do_not_block():
    script = (
        "import os, sys; [os.set_blocking(descriptor, False) for descriptor in (0, 1)];"
        "os.execv(sys.argv[1], sys.argv[1:])"
    )
    with ServerProcess("-w", "1", prefix=(sys.executable, "-c", script)) as server:
        time.sleep(0.5)  # nothing to read
        for number in range(2000):
            server.send(request(number, "/nowhere.mp3"))
        assert len(server.finish()) == 2000


def test_a_worker_has_one_thread_and_one_that_waits_for_the_end_of_the_server(track):
    with ServerProcess("-w", "1") as server:
        server.ask(request(1, track))
        (worker,) = server.worker_pids()
        assert "\nThreads:\t2\n" in Path(f"/proc/{worker}/status").read_text()


@pytest.mark.parametrize("option", ["--recycle-files", "--recycle-memory"])
def test_a_worker_does_not_get_old(option, track):
    def is_replaced():
        workers = server.worker_pids()
        return workers and not set(workers) & set(before)

    with ServerProcess("-w", "1", option, "1") as server:
        for number in range(3):
            before = server.worker_pids()
            assert server.ask(request(number, track))["camelot"] == "11A"
            wait_for(is_replaced)


def test_a_worker_that_has_done_little_stays(track):
    with ServerProcess("-w", "1", "--recycle-files", "9") as server:
        workers = set()
        for number in range(8):
            server.ask(request(number, track))
            workers |= set(server.worker_pids())
        assert len(workers) == 1


def test_too_much_memory_costs_one_reply(track, tmp_path):
    path = tmp_path / "hours.wav"
    size = 8000 * 3600 * 3
    with path.open("wb") as file:  # 1.9 GB as the reference engine keeps it
        file.write(wav_header(size))
        file.truncate(size + 44)
    options = ("-w", "1", "--cqt", "librosa", "--memory-limit", "700")
    with ServerProcess(*options) as server:
        server.send(request("large", path))
        server.send(request("next", track))
        reply = server.receive()
        assert (reply["id"], reply["code"]) == ("large", "out_of_memory")
        assert "700 MiB" in reply["error"]
        assert server.receive()["camelot"] == "11A"


APP = """
import subprocess, sys, time
server = subprocess.Popen(sys.argv[2:], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
server.stdout.readline()
for number in range(20):
    server.stdin.write(b'{"id": %d, "path": "%s"}\\n' % (number, sys.argv[1].encode()))
server.stdin.flush()
print(server.pid, flush=True)
time.sleep(600)
"""


def test_an_app_that_is_killed_leaves_nothing_behind(endless, tmp_path):
    environ = {**os.environ, "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-c", APP, endless, *COMMAND, "-w", "2"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environ) as app:
        server = int(app.stdout.readline())
        wait_for(lambda: len(descendants(server)) >= 2)
        processes = {server, *descendants(server)}
        app.kill()
        wait_for(lambda: not any(Path(f"/proc/{pid}/cmdline").exists() for pid in processes))
    assert list(tmp_path.iterdir()) == []


def descendants(pid):
    return [process.pid for process in psutil.Process(pid).children(recursive=True)]


def test_no_worker_can_be_started_any_more(track):
    with ServerProcess("-w", "1") as server:
        assert server.ask(request(1, track))["status"] == "success"
        (worker,) = server.worker_pids()
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (3, 3))
        os.kill(worker, signal.SIGKILL)
        reply = server.ask(request(2, track))
        assert (reply["id"], reply["code"]) == (2, "worker_failed")
        assert server.ask({"type": "ping"})["type"] == "pong"


def test_nobody_reads_stderr(track):
    with ServerProcess("-w", "1", environ={"PROFILE_PERFORMANCE": "1"}, stderr=False) as server:
        server.process.stderr.close()
        for number in range(3):
            assert server.ask(request(number, track))["status"] == "success"
        server.finish()
        assert server.process.returncode == 0


def test_stderr_is_full(track):
    with ServerProcess("-w", "1", environ={"PROFILE_PERFORMANCE": "1"}, stderr=False) as server:
        for number in range(2000):
            server.send(request(number, "/nowhere.mp3"))
        for _ in range(2000):
            server.receive()
        assert server.finish() == []
        assert server.process.returncode == 0


@pytest.mark.parametrize(
    "closed", [(0,), (2,), (0, 2), (0, 1, 2)], ids=["stdin", "stderr", "both", "all"]
)
def test_closed_standard_streams_are_as_good_as_the_null_device(closed):
    script = (
        "import os, sys; [os.close(int(d)) for d in sys.argv[1].split(',')];"
        "os.execv(sys.argv[2], sys.argv[2:])"
    )
    command = [sys.executable, "-c", script, ",".join(map(str, closed)), *COMMAND]
    result = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120
    )
    assert result.returncode == (1 in closed), result.stderr  # replies are not to be lost
    if 1 not in closed:
        assert check_reply(json.loads(result.stdout))["type"] == "ready"
