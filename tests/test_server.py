"""The protocol, driven through the real process."""

from __future__ import annotations

import json
import os
import random
import re
import resource
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest
import soundfile
import torch

from examples.track import SAMPLE_RATE, render_track
from keyscan import __version__
from keyscan.analysis.features import extract_features
from keyscan.analysis.keynet import KeyNet
from keyscan.analysis.model import load_model
from keyscan.keys import Key
from keyscan.serving.protocol import ERROR_CODES
from tests.server_process import COMMAND, PATIENCE, ROOT, ServerProcess


@pytest.fixture(scope="module")
def track(tmp_path_factory):
    """Ten seconds in F# minor, 11A."""
    path = tmp_path_factory.mktemp("music") / "träck 🎵.flac"
    soundfile.write(path, render_track(Key.parse("F# minor"), 10.0), SAMPLE_RATE)
    return path


@pytest.fixture(scope="module")
def endless(tmp_path_factory):
    """A WAV that takes many seconds to decode: two hours of silence, sparse on the disk."""
    path = tmp_path_factory.mktemp("long") / "endless.wav"
    size = 192_000 * 2 * 2 * 2700
    header = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", size + 36, b"WAVE", b"fmt ", 16, 1, 2,
                         192_000, 768_000, 4, 16, b"data", size)  # fmt: skip
    with path.open("wb") as file:
        file.write(header)
        file.truncate(size + len(header))
    return path


@pytest.fixture
def server():
    with ServerProcess() as process:
        yield process


def request(request_id, path):
    return {"id": request_id, "path": str(path)}


def wait_for(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def test_ready_success_and_a_clean_end(server, track):
    assert server.ready["type"] == "ready"
    assert server.ready["version"] == __version__
    assert server.ready["generation"] == 0
    reply = server.ask(request("a", track))
    assert reply == {
        "id": "a",
        "status": "success",
        "code": "ok",
        "camelot": "11A",
        "openkey": "4m",
        "key": "F# minor/Gb minor",
        "class_id": 10,
        "filename": "träck 🎵.flac",
        "duration": 10.0,
        "warnings": [],
        "generation": 0,
    }
    assert server.finish() == []
    assert server.process.returncode == 0
    assert server.stderr == b""


def test_end_of_input_finishes_what_is_queued(server, track):
    for number in range(8):
        server.send(request(number, track))
    replies = server.finish()
    assert sorted(reply["id"] for reply in replies) == list(range(8))
    assert {reply["camelot"] for reply in replies} == {"11A"}
    assert server.process.returncode == 0


def test_last_line_needs_no_line_end(server, track):
    server.send(json.dumps(request("last", track)).encode())
    assert [reply["id"] for reply in server.finish()] == ["last"]


def test_reset_drops_everything_old_at_once(server, track, endless):
    for number in range(20):
        server.send(request(f"old {number}", endless))
    server.send({"type": "reset"})
    assert server.receive() == {"type": "reset_complete", "generation": 1}
    server.send(request("new", track))
    messages = [server.receive(), server.receive()]
    assert {"type": "reset_idle", "generation": 1} in messages
    (reply,) = (message for message in messages if "status" in message)
    assert (reply["id"], reply["camelot"], reply["generation"]) == ("new", "11A", 1)
    assert server.finish() == []


def test_cancel_of_a_running_and_of_a_waiting_file(endless, track):
    with ServerProcess("-w", "1") as server:
        server.send(request("running", endless))
        server.send(request("waiting", endless))
        server.send(request("wanted", track))
        for request_id in ("waiting", "running"):
            server.send({"type": "cancel", "id": request_id})
            reply, complete = server.receive(), server.receive()
            assert (reply["id"], reply["code"]) == (request_id, "cancelled")
            assert complete["type"] == "cancel_complete"
            assert complete["cancelled"] is True
        assert server.receive()["id"] == "wanted"
        ghost = server.ask({"type": "cancel", "id": "ghost"})
        assert ghost["cancelled"] is False
        assert server.finish() == []


def test_ping_is_answered_while_files_are_worked_on(endless):
    with ServerProcess("-w", "1") as server:
        server.send(request(1, endless))
        server.send(request(2, endless))
        wait_for(lambda: server.ask({"type": "ping"})["running"] == 1)
        pong = server.ask({"type": "ping", "id": "p"})
        assert pong == {"type": "pong", "id": "p", "queued": 1, "running": 1, "generation": 0}


def test_heartbeats_in_the_interval_that_was_set():
    with ServerProcess("--heartbeat", "0.1", wait=False) as server:
        kinds = [server.receive(heartbeats=True)["type"] for _ in range(4)]
    assert kinds == ["ready", "heartbeat", "heartbeat", "heartbeat"]


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
@pytest.mark.parametrize("delay", [0.1, 0.4, 0.8, 1.6])
def test_signals_during_the_start(number, delay):
    with ServerProcess("-w", "1", wait=False) as server:
        time.sleep(delay)
        server.process.send_signal(number)
        server.rest()
        assert server.process.returncode in (-number, 128 + number)  # both are 128 + n to a shell
        assert b"Traceback" not in server.stderr


def test_a_signal_does_not_wait_for_the_model(tmp_path):
    path = tmp_path / "hours.wav"
    size = 8000 * 3600 * 12
    header = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", size + 36, b"WAVE", b"fmt ", 16, 1, 1,
                         8000, 8000, 1, 8, b"data", size)  # fmt: skip
    noise = random.Random(0).randbytes(1 << 20)
    with path.open("wb") as file:
        file.write(header + noise)
        file.truncate(size + len(header))
    with ServerProcess("-w", "1") as server:
        server.send(request("long", path))
        busy = cpu_seconds(server.pid)
        wait_for(lambda: cpu_seconds(server.pid) > busy + 0.5)  # now it is the model that works
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(5)
        assert server.process.returncode == 128 + signal.SIGTERM


def cpu_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_signal_stops_a_server_that_nobody_listens_to():
    with subprocess.Popen(
        COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert json.loads(process.stdout.readline())["type"] == "ready"
        for number in range(3000):  # more replies than a pipe holds, and nobody reads them
            process.stdin.write(json.dumps(request(number, "/nowhere.mp3")).encode() + b"\n")
        process.stdin.close()
        time.sleep(1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 128 + signal.SIGTERM


def test_a_closed_stdout_ends_the_process_quietly(track):
    with ServerProcess("--heartbeat", "0.1") as server:
        server.process.stdout.close()
        server.process.wait(PATIENCE)
        assert server.process.returncode == 0
        assert server.stderr == b""


def test_a_killed_server_leaves_no_worker_behind(endless):
    with ServerProcess("-w", "2") as server:
        server.send(request(1, endless))
        server.send(request(2, endless))
        wait_for(lambda: server.ask({"type": "ping"})["running"] == 2)
        workers = server.worker_pids()
        assert len(workers) == 2
        server.process.kill()
        wait_for(lambda: not any(Path(f"/proc/{pid}/cmdline").exists() for pid in workers))


def test_a_crashed_decoder_costs_one_reply(endless, track):
    with ServerProcess("-w", "1") as server:
        server.send(request("victim", endless))
        wait_for(lambda: server.ask({"type": "ping"})["running"] == 1)
        (worker,) = server.worker_pids()
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


def test_bytes_are_utf8_whatever_the_locale(track):
    environ = {"LC_ALL": "C", "LANG": "C", "PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"}
    with ServerProcess(environ=environ) as server:
        server.send((json.dumps(request("ü", track), ensure_ascii=False) + "\n").encode())
        reply = server.receive()
        assert (reply["id"], reply["filename"]) == ("ü", "träck 🎵.flac")
        assert reply["status"] == "success"


def test_a_file_name_that_is_not_utf8(track, tmp_path):
    name = os.fsencode(tmp_path) + b"/caf\xe9.flac"
    Path(os.fsdecode(name)).write_bytes(track.read_bytes())
    with ServerProcess() as server:
        reply = server.ask(request(1, os.fsdecode(name)))
        assert (reply["status"], reply["filename"]) == ("success", "caf\udce9.flac")


def test_spelling(track):
    with ServerProcess("--spelling", "flats") as server:
        assert server.ask(request(1, track))["key"] == "Gb minor"


def test_the_reference_engine_gives_the_same_key(track):
    with ServerProcess("-w", "1", "--cqt", "librosa") as server:
        assert server.ask(request(1, track))["camelot"] == "11A"


def test_relative_paths_are_relative_to_the_working_directory(track):
    with ServerProcess() as server:
        reply = server.ask(request(1, os.path.relpath(track)))
        assert reply["camelot"] == "11A"


def run(*options, **environ):
    return subprocess.run(
        [*COMMAND, *options],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, **environ},
    )


def test_a_deleted_working_directory(track, tmp_path, monkeypatch):
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    with ServerProcess("-w", "1") as server:
        assert server.ask(request(1, track))["camelot"] == "11A"


def test_a_full_disk_behind_stdout_is_no_success():
    with Path("/dev/full").open("w") as full:
        result = subprocess.run(
            COMMAND, stdin=subprocess.DEVNULL, stdout=full, stderr=subprocess.PIPE, timeout=120
        )
    assert result.returncode == 1
    assert b"replies cannot be written: No space left" in result.stderr


def test_streams_that_do_not_block():
    script = (
        "import os, sys; [os.set_blocking(descriptor, False) for descriptor in (0, 1)];"
        "os.execv(sys.argv[1], sys.argv[1:])"
    )
    with ServerProcess("-w", "1", prefix=(sys.executable, "-c", script), wait=False) as server:
        time.sleep(5)  # nothing to read for long
        for number in range(2000):
            server.send(request(number, "/nowhere.mp3"))
        assert len(server.finish()) == 2001


def test_a_worker_has_one_thread(track):
    with ServerProcess("-w", "1") as server:
        server.ask(request(1, track))
        (worker,) = server.worker_pids()
        assert "\nThreads:\t1\n" in Path(f"/proc/{worker}/status").read_text()


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


def test_version_and_help():
    assert run("--version").stdout.split() == ["openkeyscan-analyzer", __version__]
    text = run("--help").stdout
    for option in ("--workers", "--model-path", "--device", "--threads", "--spelling",
                   "--timeout", "--heartbeat", "--cqt", "--version"):  # fmt: skip
        assert option in text


@pytest.mark.parametrize(
    "options",
    [
        ("--workers", "0"),
        ("--workers", "many"),
        ("--threads", "100000"),
        ("--timeout", "soon"),
        ("--work", "1"),
        ("--timeout", "-1"),
        ("--timeout", "nan"),
        ("--heartbeat", "0"),
        ("--spelling", "german"),
        ("--frobnicate",),
    ],
)
def test_wrong_options_exit_with_2_and_say_which(options):
    result = run(*options)
    assert result.returncode == 2
    assert options[0] in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("-m", "/nowhere/model.pt"), "/nowhere/model.pt"),
        (("-m", str(ROOT / "README.md")), "README.md"),
        (("-m", "/dev/zero"), "/dev/zero: cannot be read"),
        (("--device", "frobnicator"), "frobnicator"),
        (("--device", "meta"), "meta"),
    ],
)
def test_what_keeps_the_server_from_starting_is_said_to_app_and_person(options, message):
    result = run(*options)
    assert result.returncode == 1
    (fatal,) = map(json.loads, result.stdout.splitlines())
    assert (fatal["type"], fatal["code"]) == ("fatal", "start_failed")
    assert message in fatal["error"]
    assert message in result.stderr
    assert "Traceback" not in result.stderr


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
    assert result.returncode == 0, result.stderr
    if 1 not in closed:
        assert json.loads(result.stdout)["type"] == "ready"


def test_profile_prints_the_table_of_the_seed(track):
    with ServerProcess("-w", "1", environ={"PROFILE_PERFORMANCE": "1"}) as server:
        assert server.ask(request(1, track))["status"] == "success"
        server.finish()
    text = server.stderr.decode()
    stages = ["decode", "resample", "cqt", "postprocess", "to_device", "model_inference",
              "format_output", "preprocess_audio"]  # fmt: skip
    (block,) = re.findall(r"^\[PROFILE\] träck 🎵\.flac:\n(?:  .*\n)+", text, re.MULTILINE)
    rows = dict(re.findall(r"^ +(?:- )?(\w+): (\d+\.\d{3})s(?: \(\d+\.\d%\))?$", block, re.M))
    assert rows.keys() == {*stages, "TOTAL"}
    assert float(rows["decode"]) > 0
    assert float(rows["cqt"]) > 0
    assert sum(float(rows[stage]) for stage in stages[:-1]) <= float(rows["TOTAL"]) + 0.01
    assert f"[THREADING] CPU cores: {len(os.sched_getaffinity(0))}\n" in text
    for line in ("OMP_NUM_THREADS: 1", "OPENBLAS_NUM_THREADS: 1", "torch threads: 1", "workers: 1"):
        assert f"[THREADING] {line}\n" in text
    for stage in ("import torch", "model load", "warm-up", "worker imports", "worker warm-up"):
        assert re.search(rf"^\[STARTUP\] {stage}: \d+\.\d\ds$", text, re.MULTILINE)


@pytest.mark.parametrize("value", ["0", ""])
def test_profile_can_be_off(value, track):
    with ServerProcess(environ={"PROFILE_PERFORMANCE": value}) as server:
        assert server.ask(request(1, track))["status"] == "success"
        server.finish()
        assert server.stderr == b""


def test_thread_variables_of_the_user_are_honoured(track):
    environ = {"PROFILE_PERFORMANCE": "1", "OPENBLAS_NUM_THREADS": "2"}
    with ServerProcess("--threads", "2", environ=environ) as server:
        server.finish()
        assert b"[THREADING] OPENBLAS_NUM_THREADS: 2\n" in server.stderr
        assert b"[THREADING] torch threads: 2\n" in server.stderr


def test_a_keynet_state_dict_is_a_model_too(track, tmp_path):
    torch.manual_seed(3)
    torch.save(KeyNet().state_dict(), tmp_path / "keynet.pt")
    expected = load_model(tmp_path / "keynet.pt").logits(extract_features(track).spectrogram)
    with ServerProcess("-m", str(tmp_path / "keynet.pt")) as server:
        assert server.ready["model"] == "keynet"
        assert server.ask(request(1, track))["class_id"] == expected.argmax()


def test_readme_documents_every_option_and_code():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for code, meaning in ERROR_CODES.items():
        assert f"| `{code}` | {meaning} |\n" in readme
    options = set(re.findall(r"--[a-z][a-z-]+", run("--help").stdout))
    assert "--workers" in options
    assert {option for option in options if option not in readme} == set()
