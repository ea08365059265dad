"""``--cache``: the real server answers from the file what it has answered before, and no more."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import sqlite3
import subprocess
import sys

import pytest
import soundfile
import torch

from examples.track import SAMPLE_RATE, render_track
from keyscan.cache.database import Database
from keyscan.keys import Key
from keyscan.model.network import KeyNet
from tests.batch.analyze_process import run_analyze
from tests.server_process import PATIENCE, ServerProcess, request, wait_for
from tests.stalled_drive import StalledDrive

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")


@pytest.fixture(scope="module")
def music(tmp_path_factory):
    """Ten tracks of eight seconds, in ten minor keys, by Camelot."""
    folder = tmp_path_factory.mktemp("music")
    paths = {}
    for tonic in ("A", "E", "B", "F#", "C#", "G#", "D#", "Bb", "F", "C"):
        key = Key.parse(f"{tonic} minor")
        paths[key.camelot] = folder / f"{key.camelot}.flac"
        soundfile.write(paths[key.camelot], render_track(key, 8.0), SAMPLE_RATE)
    return paths


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A server for tests that leave it, and its cache, as they should be."""
    cache = tmp_path_factory.mktemp("shared") / "keys.sqlite"
    with ServerProcess("-w", "2", "--cache", str(cache)) as server:
        yield server
        end(server)


@pytest.fixture
def track(music, tmp_path):
    """Eight seconds in A minor, 8A, that no other test has asked about."""
    samples = render_track(Key.parse("A minor"), 8.0)
    samples[: len(samples) // 2] *= 1 - next(_GAINS) / 1000
    soundfile.write(tmp_path / "track.flac", samples, SAMPLE_RATE)
    return tmp_path / "track.flac"


_GAINS = itertools.count(1)


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache" / "keys.sqlite"


@pytest.fixture
def start(cache):
    """Servers with that cache; what is left of them ends with the test."""
    started = []
    cache.parent.mkdir()

    def start(*options, **more):
        started.append(ServerProcess("-w", "2", "--cache", str(cache), *options, **more))
        return started[-1]

    yield start
    for server in started:
        server.__exit__()


def answer(server, path, **fields):
    """The reply without what differs between two replies to the same question."""
    reply = server.ask({**request(1, path), **fields})
    assert (reply["id"], reply["status"]) == (1, "success"), reply
    return {name: value for name, value in reply.items() if name not in ("cached", "filename")}


def cached(server, path, **fields):
    return server.ask({**request(1, path), **fields})["cached"]


def end(server, stderr=b""):
    assert server.finish() == []
    assert (server.process.returncode, server.stderr) == (0, stderr)


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


# ------------------------------------------------------------------------------------ trouble


def holes(path):
    with path.open("r+b") as file:
        for page in range(1, path.stat().st_size // 4096):
            file.seek(4096 * page)
            file.write(os.urandom(512))


def half(path):
    os.truncate(path, path.stat().st_size // 2)


@pytest.mark.parametrize("damage", [holes, half])
def test_a_corrupt_cache_is_set_aside_with_a_warning(start, cache, music, damage):
    server = start()
    assert not cached(server, music["8A"])
    end(server)
    damage(cache)  # which is all there is: nothing is left in the log
    server = start()
    assert answer(server, music["8A"])["camelot"] == "8A"
    assert cached(server, music["8A"])
    server.finish()
    (line,) = server.stderr.decode().splitlines()
    assert line.startswith(f"keyscan: the cache {cache} is damaged (")
    assert line.endswith(f"it is now {cache}.corrupt-1")
    assert server.process.returncode == 0
    assert [path.name for path in cache.parent.glob("*corrupt-?")] == [f"{cache.name}.corrupt-1"]


@LINUX
def test_a_cache_that_is_damaged_while_two_servers_run(start, cache, music):
    servers = [start(), start()]
    for server in servers:
        for path in music.values():
            assert answer(server, path)
    change(cache, "PRAGMA wal_checkpoint(TRUNCATE)")
    half(cache)
    for _ in range(2):
        for camelot, path in music.items():
            for server in servers:
                assert answer(server, path)["camelot"] == camelot
    for server in servers:
        assert all(cached(server, path) for path in music.values())
        server.finish()
        assert server.process.returncode == 0
    lines = b"".join(server.stderr for server in servers).decode().splitlines()
    assert len(lines) == 1
    assert cache.with_name(f"{cache.name}.corrupt-1").exists()


def test_a_cache_that_is_deleted_while_the_server_runs(start, cache, music):
    server = start()
    assert not cached(server, music["8A"])
    for path in cache.parent.iterdir():
        path.unlink()
    assert [cached(server, music["8A"]) for _ in range(2)] == [False, True]
    end(server)


def change(path, statement):
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(statement)
    connection.close()


def test_a_locked_cache_holds_up_no_answer(start, cache, music):
    server = start()
    assert not cached(server, music["8A"])
    lock = sqlite3.connect(cache, isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    for camelot, path in music.items():
        reply = server.ask(request(1, path))
        assert (reply["camelot"], reply["cached"]) == (camelot, camelot == "8A")
    lock.close()
    wait_for(lambda: all(cached(server, path) for path in music.values()))
    server.finish()
    assert server.process.returncode == 0


@pytest.mark.parametrize("place", ["folder", "no folder/keys.sqlite", "file/keys.sqlite"])
def test_where_there_can_be_no_cache_the_server_does_not_start(tmp_path, place):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    assert str(tmp_path / place) in refusal(tmp_path / place)


def test_a_new_cache_is_not_named_like_music(tmp_path):
    assert "music" in refusal(tmp_path / "new.mp3")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["server", "analyze"])
def test_another_file_is_refused_and_stays_as_it_is(command, track, tmp_path):
    (tmp_path / "keys.json").write_text('{"mine": true}')
    shutil.copy(track, tmp_path / "music")
    change(tmp_path / "other.sqlite", "CREATE TABLE tracks (title)")
    before = contents(tmp_path)
    for name in ("keys.json", "music", "other.sqlite"):
        path = tmp_path / name
        if command == "server":
            assert str(path) in refusal(path)
        else:
            done = run_analyze("--cache", path, track)
            assert (done.returncode, done.stdout) == (2, "")
            assert f"keyscan: the cache {path} cannot be used: it is " in done.stderr
        assert contents(tmp_path) == before


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def refusal(cache):
    """What the server says of a cache with which it does not start."""
    with ServerProcess("--cache", str(cache), wait=False) as server:
        (fatal,) = server.rest()
        assert (fatal["type"], fatal["code"]) == ("fatal", "start_failed")
        assert server.process.returncode == 2
        assert server.stderr.decode() == f"keyscan: {fatal['error']}\n"
    return fatal["error"]


READ_ONLY = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'
FULL = 'mount -t tmpfs -o size=100k none "$0" && exec "$@"'


def mounted(how, folder):
    """A prefix for a command that sees ``folder`` otherwise than all others."""
    prefix = ("unshare", "--mount", "sh", "-c", how, str(folder))
    try:
        subprocess.run([*prefix, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"nothing can be mounted: {error}")
    return prefix


@LINUX
@pytest.mark.parametrize("there", [True, False])
def test_a_folder_that_cannot_be_written_to(start, cache, music, there):
    """One warning, and files are analysed; a cache that is there is read."""
    if there:
        Database(str(cache), pytest.fail, PATIENCE).close()
        assert cache.exists()
    server = start(prefix=mounted(READ_ONLY, cache.parent))
    assert [cached(server, music["8A"]) for _ in range(2)] == [False, False]
    server.finish()
    (line,) = server.stderr.decode().splitlines()
    text = "the cache: the system does not let" if there else f"the cache {cache} cannot be used: "
    assert line.startswith(f"keyscan: {text}")


@LINUX
def test_a_full_disk(start, cache, music):
    server = start(prefix=mounted(FULL, cache.parent))
    for _ in range(2):
        assert [answer(server, path)["camelot"] for path in music.values()] == [*music]
    assert cached(server, music["8A"])  # the first was stored
    server.finish()
    assert server.process.returncode == 0
    assert b"the cache: database or disk is full; answers are not stored" in server.stderr
    assert b"damaged" not in server.stderr


@LINUX
def test_a_drive_that_stalls_holds_up_its_own_files_alone(start, music, tmp_path):
    """The digest is a worker's work, and has its time limit."""
    (tmp_path / "drive").mkdir()
    files = {"stalled.flac": music["8A"].read_bytes()}
    try:
        drive = StalledDrive(tmp_path / "drive", files, frozenset(files))
    except OSError as error:
        pytest.skip(f"FUSE is not to be had: {error}")
    server = start("--timeout", "4")
    with drive:
        server.send(request("stalled", drive.folder / "stalled.flac"))
        assert drive.waiting.wait(PATIENCE)
        for _ in range(2):
            assert answer(server, music["9A"])["camelot"] == "9A"
        assert server.receive()["code"] == "timeout"


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
