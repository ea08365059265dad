"""``--cache``: the real server answers from the file what it has answered before, and no more."""

from __future__ import annotations

import shutil
import signal
import sys

import pytest
import torch

from keyscan.model.network import KeyNet
from tests.cached_server.asking import answer, cached, end
from tests.server_process import PATIENCE, request

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")


def test_the_second_answer_is_the_first_one_from_the_cache(start, cache, music):
    server = start()
    first = server.ask(request("x", music["8A"]))
    second = server.ask(request("x", music["8A"]))
    assert (first["camelot"], first.pop("cached"), second.pop("cached")) == ("8A", False, True)
    assert first == second
    end(server)
    other = start("--notation", "camelot")
    third = other.ask(request("x", music["8A"]))
    assert third.pop("cached") is True
    assert (third.pop("key"), first.pop("key")) == ("8A", "A minor")
    assert [other.pop("key") for other in third.pop("alternatives")] == [
        other["camelot"] for other in first.pop("alternatives")
    ]
    assert third == first
    end(other)


def test_without_the_option_nothing_is_kept(music, server):
    assert [cached(server, music["8A"]) for _ in range(2)] == [False, False]
    end(server)


def test_moved_copied_and_changed_files(shared, track, music, tmp_path):
    moved, copy = tmp_path / "moved.flac", tmp_path / "copy.flac"
    expected = answer(shared, track)
    shutil.copy(track, copy)
    assert cached(shared, copy)
    track.rename(moved)
    assert cached(shared, moved)
    assert shared.ask(request(1, track))["code"] == "file_not_found"
    shutil.copy(music["9A"], copy)
    assert answer(shared, copy)["camelot"] == "9A"
    copy.write_bytes(moved.read_bytes())
    assert answer(shared, copy) == expected


def test_a_file_that_changes_in_its_tags_alone_is_a_changed_file(shared, track):
    assert not cached(shared, track)
    with track.open("ab") as file:
        file.write(b"TAG" + bytes(125))
    assert [cached(shared, track) for _ in range(2)] == [False, True]


def test_warnings_come_from_the_cache_too(shared, track):
    track.write_bytes(track.read_bytes()[:-20_000])
    first, second = answer(shared, track), answer(shared, track)
    assert [warning["code"] for warning in first["warnings"]] == ["truncated"]
    assert first == second
    assert cached(shared, track)


def test_failures_are_not_kept(shared, music, tmp_path):
    path = tmp_path / "a.flac"
    path.write_text("no music")
    for _ in range(2):
        assert shared.ask(request(1, path))["code"] == "unsupported_format"
    shutil.copy(music["8A"], path)
    assert answer(shared, path)["camelot"] == "8A"


def test_a_timeline_is_known_before_it_is_asked_for(shared, track):
    first = shared.ask(request(1, track))
    assert not first["cached"]
    assert "timeline" not in first
    rich = shared.ask({**request(1, track), "timeline": True})
    assert rich["cached"]
    assert rich["timeline"][0]["camelot"] == rich["intro_key"]["camelot"] == "8A"
    plain = shared.ask(request(1, track))
    assert plain["cached"]
    assert "timeline" not in plain


def test_many_requests_for_the_same_file(shared, track):
    assert not cached(shared, track)
    for number in range(100):
        shared.send(request(number, track))
    replies = [shared.receive() for _ in range(100)]
    assert sorted(reply["id"] for reply in replies) == [*range(100)]
    assert {(reply["camelot"], reply["cached"]) for reply in replies} == {("8A", True)}


def test_cancel_and_reset_hold_for_what_is_known(start, music):
    server = start()
    assert not cached(server, music["8A"])
    for generation in range(1, 20):
        for number in range(5):
            server.send(request(number, music["8A"]))
        server.send({"type": "cancel", "id": 4})
        server.send({"type": "reset"})
        server.send(request("last", music["8A"]))
        messages = []
        while not messages or messages[-1].get("id") != "last":
            messages.append(server.receive())
        assert (messages[-1]["generation"], messages[-1]["cached"]) == (generation, True)
        new = messages.index({"type": "reset_complete", "generation": generation})
        old = [message for message in messages[:new] if "status" in message]
        assert len({message["id"] for message in old}) == len(old)
        assert 4 in [message["id"] for message in old]
        assert {message["generation"] for message in old} == {generation - 1}
        assert not any("status" in message for message in messages[new:-1])
    assert [m for m in server.finish() if m["type"] != "reset_idle"] == []


def test_another_model_gives_another_answer(start, music, tmp_path):
    torch.manual_seed(3)
    torch.save(KeyNet().state_dict(), tmp_path / "keynet.pt")
    first, other = start(), start("-m", str(tmp_path / "keynet.pt"))
    expected = [answer(server, music["8A"]) for server in (first, other)]
    assert expected[0] != expected[1]
    assert [answer(server, music["8A"]) for server in (first, other)] == expected
    assert cached(first, music["8A"])
    assert cached(other, music["8A"])


def test_two_servers_share_a_cache(start, music):
    first, second = start(), start()
    for server in (first, second):
        for camelot, path in music.items():
            server.send(request(camelot, path))
    for server in (first, second):
        replies = [server.receive() for _ in music]
        assert all(reply["camelot"] == reply["id"] for reply in replies)
    for server in (first, second):
        assert all(cached(server, path) for path in music.values())
        end(server)


@LINUX
def test_a_server_that_is_killed_while_it_writes(start, music):
    """What it has answered is known, and nothing is damaged."""
    answered = []
    for _ in range(2):
        server = start()
        for camelot, path in music.items():
            if camelot not in answered:
                server.send(request(camelot, path))
        answered += [server.receive()["id"] for _ in range(4)]
        server.process.send_signal(signal.SIGKILL)
        server.process.wait(PATIENCE)
    server = start()
    for camelot, path in music.items():
        reply = server.ask(request(camelot, path))
        assert reply["camelot"] == camelot
        assert reply["cached"] or camelot not in answered
    end(server)


def test_the_profile_says_what_the_cache_costs(start, music):
    server = start(environ={"PROFILE_PERFORMANCE": "1"})
    for _ in range(2):
        answer(server, music["8A"])
    server.finish()
    first, second = server.stderr.decode().split("[PROFILE] 8A.flac:\n")[1:]
    first, second = (
        [line.partition(":")[0].strip() for line in table.splitlines()] for table in (first, second)
    )
    assert first[0] == "cache"
    assert first[1:6] == ["- decode", "- resample", "- cqt", "- postprocess", "preprocess_audio"]
    assert second == ["cache", "format_output", "TOTAL"]
