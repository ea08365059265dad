"""``--cache`` in trouble: damaged, deleted, locked, unwritable, full, or not a cache at all."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys

import pytest

from keyscan.cache.database import Database
from tests.batch.analyze_process import run_analyze
from tests.cached_server.asking import answer, cached, end
from tests.server_process import PATIENCE, ServerProcess, request, wait_for
from tests.stalled_drive import StalledDrive

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")


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
