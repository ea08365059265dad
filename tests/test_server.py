"""The protocol, driven through the real process."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from keyscan import __version__
from keyscan.keys import NOTATIONS, SPELLINGS
from keyscan.model.checkpoint import load_model
from keyscan.model.network import KeyNet
from keyscan.spectrogram.features import extract_features
from tests.messages import check_reply
from tests.server_process import (
    COMMAND,
    PATIENCE,
    READY_LINE,
    ServerProcess,
    request,
    wait_for,
)


def test_ready_success_and_a_clean_end(server, track):
    assert server.ready["type"] == "ready"
    assert server.ready["version"] == __version__
    assert server.ready["generation"] == 0
    asked = {"timeline", "stream", "priority", "effort", "cancel", "reset"}
    assert set(server.ready["features"]) >= asked
    assert server.ready["notations"] == list(NOTATIONS)
    assert server.ready["spellings"] == list(SPELLINGS)
    reply = server.ask(request("a", track))
    assert 0.5 < reply.pop("confidence") <= 1
    assert all(other["camelot"] != "11A" for other in reply.pop("alternatives"))
    assert abs(reply.pop("tuning_cents")) < 5
    assert reply == {
        "id": "a",
        "status": "success",
        "code": "ok",
        "camelot": "11A",
        "openkey": "4m",
        "key": "F# minor/Gb minor",
        "class_id": 10,
        "tonal": True,
        "changes_key": False,
        "filename": "träck 🎵.flac",
        "duration": 10.0,
        "analysed_seconds": 10.0,
        "warnings": [],
        "cached": False,
        "generation": 0,
    }
    assert server.finish() == []
    assert server.process.returncode == 0
    assert server.stderr == b""


def test_what_comes_before_ready_is_answered_after_it(track):
    early = [
        *(request("dropped", track), {"type": "reset"}, request("kept", track)),
        *({"type": "ping", "id": "p"}, b"no request\n"),
    ]
    with ServerProcess("-w", "1", wait=False) as server:
        for message in early:
            server.send(message)
        ready, *others = server.finish()
    assert (ready["type"], ready["generation"]) == ("ready", 0)
    assert others[0] == {"type": "reset_complete", "generation": 1}
    (kept,) = (message for message in others if message.get("id") == "kept")
    assert (kept["camelot"], kept["generation"]) == ("11A", 1)
    kinds = {message.get("type", message.get("code")) for message in others}
    assert kinds == {"reset_complete", "reset_idle", "ok", "pong", "bad_request"}
    assert "dropped" not in [message.get("id") for message in others]


def test_stderr_says_ready_when_ready_is_out():
    pipe = subprocess.PIPE
    with subprocess.Popen(COMMAND, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        assert process.stderr.readline() == READY_LINE
        os.set_blocking(process.stdout.fileno(), False)
        assert check_reply(json.loads(process.stdout.readline()))["type"] == "ready"
        process.stdin.close()
        assert process.wait(PATIENCE) == 0
        assert process.stderr.read() == b""


def test_a_missing_file_is_said_to_be_so(server, tmp_path):
    for path in (tmp_path / "gone.mp3", tmp_path / "no folder" / "a.mp3", "relative.mp3"):
        reply = server.ask(request(1, path))
        assert reply["code"] == "file_not_found"
        assert reply["error"].startswith("File not found")
    (tmp_path / "link.mp3").symlink_to("gone.mp3")
    assert server.ask(request(2, tmp_path / "link.mp3"))["error"].startswith("File not found")


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


def test_priority_goes_before_all_that_wait_the_newest_first(endless, tmp_path):
    with ServerProcess("-w", "1") as server:
        server.send(request("running", endless))
        wait_for(lambda: server.ask({"type": "ping"})["running"] == 1)
        missing = tmp_path / "missing.mp3"
        for name in ("first", "second"):
            server.send(request(name, missing))
        for name in ("clicked", "clicked later"):
            server.send({**request(name, missing), "priority": True})
        server.send({**request("third", missing), "priority": False})
        server.send({"type": "cancel", "id": "running"})
        assert [server.receive()["id"] for _ in range(2)] == ["running", "running"]
        order = [server.receive()["id"] for _ in range(5)]
        assert order == ["clicked later", "clicked", "first", "second", "third"]


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


@pytest.mark.parametrize(
    ("options", "key"),
    [("--notation short", "F#m"), ("--notation short --spelling flats", "Gbm"),
     ("--notation camelot-padded", "11A"), ("--spelling usual", "F# minor")],
)  # fmt: skip
def test_notations(track, options, key):
    with ServerProcess("-w", "1", *options.split()) as server:
        reply = server.ask(request(1, track))
        assert (reply["camelot"], reply["openkey"], reply["key"]) == ("11A", "4m", key)


def test_the_reference_engine_gives_the_same_key(track):
    with ServerProcess("-w", "1", "--cqt", "librosa") as server:
        assert server.ask(request(1, track))["camelot"] == "11A"


def test_relative_paths_are_relative_to_the_working_directory(track):
    with ServerProcess() as server:
        reply = server.ask(request(1, os.path.relpath(track)))
        assert reply["camelot"] == "11A"


def test_urls_and_quotes_stand_for_a_path(server, track, tmp_path):
    shutil.copy(track, tmp_path / "a b.flac")
    for path in ((tmp_path / "a b.flac").as_uri(), f'"{tmp_path / "a b.flac"}"'):
        reply = server.ask(request(1, path))
        assert (reply["camelot"], reply["filename"]) == ("11A", "a b.flac")
    reply = server.ask(request(2, "file:///nowhere/a%20b.flac"))
    assert (reply["code"], reply["filename"]) == ("file_not_found", "a b.flac")
    assert server.ask(request(3, "file:///music/a%00b.flac"))["code"] == "file_not_found"


def test_a_keynet_state_dict_is_a_model_too(track, tmp_path):
    torch.manual_seed(3)
    torch.save(KeyNet().state_dict(), tmp_path / "keynet.pt")
    expected = load_model(tmp_path / "keynet.pt").logits(extract_features(track).spectrogram)
    with ServerProcess("-m", str(tmp_path / "keynet.pt")) as server:
        assert server.ready["model"] == "keynet"
        assert server.ask(request(1, track))["class_id"] == expected.argmax()


def test_channels_that_cancel(track, tmp_path):
    """KeyNet was trained on the mean, in which there is nothing left."""
    samples, rate = soundfile.read(track)
    mono = samples.reshape(len(samples), -1).mean(1)
    path = tmp_path / "inverted.flac"
    soundfile.write(path, np.stack([mono, -mono], 1), rate)
    with ServerProcess() as server:
        reply = server.ask(request(1, path))
    assert reply["camelot"] == "11A"
    assert [warning["code"] for warning in reply["warnings"]] == ["phase"]
    torch.save(KeyNet().state_dict(), tmp_path / "keynet.pt")
    with ServerProcess("-m", str(tmp_path / "keynet.pt")) as server:
        reply = server.ask(request(1, path))
    assert (reply["code"], "cancel" in reply["error"]) == ("silent", True)
