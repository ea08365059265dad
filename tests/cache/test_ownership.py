"""What ``--cache`` may use or rename, and what it must leave exactly as it is."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import pytest

from keyscan.cache.database import Database
from keyscan.cache.ownership import APPLICATION_ID
from keyscan.cache.store import open_database
from keyscan.errors import CacheUnusable, NoCache
from tests.cache.rows import change, result_row
from tests.other_user import not_root
from tests.server_process import PATIENCE, ROOT

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="FIFOs, devices, permissions")


def text(path):
    path.write_text('{"keys": [1, 2, 3]}\n' * 1000)


def random_bytes(path):
    path.write_bytes(os.urandom(50_000))


def one_byte(path):
    path.write_bytes(b"S")


def part_of_the_header(path):
    path.write_bytes(b"SQLite for")


def header_without_a_number(path):
    path.write_bytes(b"SQLite format 3\0")


def zeros(path):
    path.write_bytes(bytes(8192))


def picture(path):
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(200))


def archive(path):
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("a.txt", "a" * 1000)


def another_programs_database(path):
    change(path, "CREATE TABLE tracks (title)")


def another_programs_database_with_its_log(path):
    change(path.with_name("original"), "PRAGMA journal_mode = WAL")
    connection = sqlite3.connect(path.with_name("original"))
    connection.execute("CREATE TABLE tracks (title)")
    for suffix in ("", "-wal"):
        shutil.copy(f"{path.with_name('original')}{suffix}", f"{path}{suffix}")
    connection.close()


def another_number(path):
    change(path, "PRAGMA application_id = 1")


def database_without_tables(path):
    change(path, "PRAGMA user_version = 1")


def our_header_lost(path):
    our_cache(path)
    with path.open("r+b") as file:
        file.write(bytes(100))


def our_cache(path):
    cache = Database(str(path), pytest.fail, PATIENCE)
    cache.store([], [result_row()])
    cache.close()
    path.with_name(f"{path.name}-lock").unlink()


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


OTHERS = [
    *(text, random_bytes, one_byte, part_of_the_header, header_without_a_number, zeros),
    *(picture, archive, another_programs_database, another_programs_database_with_its_log),
    *(another_number, database_without_tables, our_header_lost),
]


@pytest.mark.parametrize("linked", [False, True])
@pytest.mark.parametrize("make", OTHERS)
def test_other_files_are_refused_and_stay_as_they_are(tmp_path, make, linked):
    make(tmp_path / "keys")
    path = tmp_path / "keys"
    if linked:
        path = tmp_path / "link"
        path.symlink_to("keys")
    before = contents(tmp_path)
    with pytest.raises(NoCache, match="cannot be used: it is "):
        open_database(str(path))
    assert contents(tmp_path) == before


@pytest.mark.parametrize("suffix", ["-wal", "-shm", "-journal", "-lock-wal", "-lock-journal"])
@pytest.mark.parametrize("make", [lambda path: None, lambda path: path.touch(), our_cache])
def test_files_that_sqlite_would_take_for_its_own_are_kept(tmp_path, make, suffix):
    """SQLite deletes or overwrites what has these names beside a database."""
    make(tmp_path / "diary")
    (tmp_path / f"diary{suffix}").write_text("Dear diary,")
    before = contents(tmp_path)
    with pytest.raises(NoCache, match=f"diary{suffix} is not SQLite's"):
        open_database(str(tmp_path / "diary"))
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    ("suffix", "start"),
    [
        ("-wal", "377f0682"),
        ("-wal", "377f0683"),
        ("-shm", "18e22d00"),
        ("-journal", "d9d505f920a163d7"),
        *((suffix, "0000000000000000") for suffix in ("-wal", "-shm", "-journal")),
        *((suffix, None) for suffix in ("-wal", "-shm", "-journal")),
    ],
)
def test_beside_a_cache_they_are_its_own_though_damaged(tmp_path, suffix, start):
    our_cache(tmp_path / "keys")
    content = b"" if start is None else bytes.fromhex(start) + os.urandom(5000)
    (tmp_path / f"keys{suffix}").write_bytes(content)
    cache = open_database(str(tmp_path / "keys"))
    assert cache.record_of(b"digest", b"settings") == b"record"
    cache.close()


@posix_only
def test_a_fifo_is_not_opened(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(NoCache, match="it is not a file"):
        open_database(str(tmp_path / "fifo"))
    assert [path.name for path in tmp_path.iterdir()] == ["fifo"]


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
def test_a_file_that_the_system_makes_up_is_not_empty():
    with pytest.raises(NoCache, match="another kind of file"):
        open_database("/proc/version")


@posix_only
def test_a_file_that_cannot_be_read_is_not_ours():
    with tempfile.TemporaryDirectory() as place, not_root(place):
        our_cache(Path(place, "keys"))
        Path(place, "keys").chmod(0)
        with pytest.raises(NoCache, match="cannot be read: Permission denied"):
            open_database(str(Path(place, "keys")))
        assert [path.name for path in Path(place).iterdir()] == ["keys"]


@posix_only
def test_in_a_folder_that_may_not_be_written_to_a_cache_is_read(caplog):
    with tempfile.TemporaryDirectory() as place, not_root(place):
        our_cache(Path(place, "keys"))
        before = contents(Path(place))
        Path(place).chmod(0o555)
        cache = open_database(str(Path(place, "keys")))
        assert cache.record_of(b"digest", b"settings") == b"record"
        with pytest.raises(CacheUnusable, match="does not let this user write to it"):
            cache.store([], [result_row()])
        cache.close()
        assert caplog.messages == []
        assert contents(Path(place)) == before
        Path(place).chmod(0o755)


def test_a_damaged_cache_takes_no_other_files_place(tmp_path):
    our_cache(tmp_path / "keys")
    with (tmp_path / "keys").open("r+b") as file:
        file.seek(100)
        file.write(os.urandom(4000))
    (tmp_path / "keys-wal").touch()
    (tmp_path / "keys.corrupt-1-wal").write_text("Dear diary,")
    open_database(str(tmp_path / "keys")).close()
    assert (tmp_path / "keys.corrupt-1-wal").read_text() == "Dear diary,"
    assert (tmp_path / "keys.corrupt-2").exists()


def test_a_link_in_a_circle_leads_to_nothing(tmp_path):
    (tmp_path / "keys").symlink_to("keys")
    with pytest.raises(NoCache, match="it cannot be read"):
        open_database(str(tmp_path / "keys"))


@pytest.mark.parametrize("make", [our_cache, lambda path: path.touch(), lambda path: None])
def test_caches_and_nothing_are_used(tmp_path, make):
    make(tmp_path / "keys")
    open_database(str(tmp_path / "keys")).close()
    assert (tmp_path / "keys").read_bytes()[68:72] == APPLICATION_ID.to_bytes(4, "big")


def test_the_header_says_whose_it_is_from_the_first_moment(tmp_path):
    cache = Database(str(tmp_path / "keys"), pytest.fail, PATIENCE)
    cache.check()
    shutil.copy(tmp_path / "keys", tmp_path / "copy")  # without the log
    open_database(str(tmp_path / "copy")).close()
    cache.close()


EARLIER = """
import os, signal, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA journal_mode = WAL")
connection.execute("BEGIN IMMEDIATE")
connection.execute(
    "CREATE TABLE files (path BLOB PRIMARY KEY, size INTEGER NOT NULL, modified_ns INTEGER "
    "NOT NULL, changed_ns INTEGER NOT NULL, digest BLOB NOT NULL)")
connection.execute(
    "CREATE TABLE results (digest BLOB NOT NULL, settings BLOB NOT NULL, checksum INTEGER NOT "
    "NULL, record BLOB NOT NULL, UNIQUE (digest, settings))")
connection.execute("PRAGMA application_id = 0x6B657973")
connection.execute("PRAGMA user_version = 2")
connection.execute("COMMIT")
connection.execute("INSERT INTO results VALUES (x'01', x'02', 3523407757, x'00')")
os.kill(os.getpid(), signal.SIGKILL)
"""


@posix_only
def test_a_cache_of_an_earlier_version_that_was_killed(tmp_path):
    """Its first transaction is in the log alone: the file's header names no program yet."""
    path = tmp_path / "keys"
    killed = subprocess.run([sys.executable, "-c", EARLIER, str(path)], cwd=ROOT, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert path.read_bytes()[68:72] == bytes(4)
    cache = open_database(str(path))
    assert cache.record_of(b"\x01", b"\x02") == b"\0"
    cache.close()


def test_what_takes_the_place_of_a_cache_in_use_is_left_alone(tmp_path):
    path, warnings = tmp_path / "keys", []
    cache = Database(str(path), warnings.append, PATIENCE)
    cache.store([], [result_row()])
    (tmp_path / "new").write_text("another file")
    (tmp_path / "new").replace(path)
    for suffix in ("-wal", "-shm"):
        (tmp_path / f"keys{suffix}").unlink()
    for _ in range(2):
        with pytest.raises(CacheUnusable, match="another kind of file"):
            cache.store([], [result_row()])
    cache.close()
    assert path.read_text() == "another file"
    assert warnings == []
