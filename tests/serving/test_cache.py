"""The result cache on real SQLite files: rows, processes that write at once, any damage."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from keyscan.serving.cache import Cache
from keyscan.serving.cache_file import FORMAT, CacheBusy, CacheUnusable
from keyscan.serving.cache_messages import FileRow, ResultRow, Stamp
from tests.server_process import PATIENCE, ROOT

STAMP = Stamp(size=5_000_000_000, modified_ns=1_700_000_000_123_456_789, changed_ns=7)
SETTINGS = b"settings"
ROWS = 300


@pytest.fixture
def path(tmp_path):
    return tmp_path / "keys.sqlite"


@pytest.fixture
def warnings():
    return []


@pytest.fixture
def open_cache(path, warnings):
    """As many as are wanted, all of the same file."""
    opened = []

    def open_cache(patience=PATIENCE):
        opened.append(Cache(str(path), warnings.append, patience))
        return opened[-1]

    yield open_cache
    for cache in opened:
        cache.close()


@pytest.fixture
def cache(open_cache):
    return open_cache()


def file_row(path=b"/music/a.mp3", stamp=STAMP, digest=b"digest"):
    return FileRow(path, stamp, digest)


def result_row(record=b"record", digest=b"digest", settings=SETTINGS):
    return ResultRow(digest, settings, record)


def change(path, statement):
    """What another program does to the database."""
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(statement)
    connection.close()


def names(path):
    """The files that belong to the cache, without those that SQLite and the lock have beside it."""
    ends = ("-wal", "-shm", "-lock")
    return sorted(file.name for file in path.parent.iterdir() if not file.name.endswith(ends))


# -------------------------------------------------------------------------------------- rows


def test_a_file_is_known_while_its_stamp_is_the_same(cache):
    assert cache.digest_of(b"/music/a.mp3", STAMP) is None
    cache.store([file_row()], [])
    assert cache.digest_of(b"/music/a.mp3", STAMP) == b"digest"
    assert cache.digest_of(b"/music/b.mp3", STAMP) is None
    for other in (
        Stamp(STAMP.size + 1, STAMP.modified_ns, STAMP.changed_ns),
        Stamp(STAMP.size, STAMP.modified_ns + 1, STAMP.changed_ns),
        Stamp(STAMP.size, STAMP.modified_ns, STAMP.changed_ns + 1),
    ):
        assert cache.digest_of(b"/music/a.mp3", other) is None
        cache.store([file_row(stamp=other, digest=b"new")], [])
        assert cache.digest_of(b"/music/a.mp3", other) == b"new"
        assert cache.digest_of(b"/music/a.mp3", STAMP) is None
        cache.store([file_row()], [])


def test_a_path_may_be_any_bytes(cache):
    path = bytes(range(1, 256))
    cache.store([file_row(path)], [])
    assert cache.digest_of(path, STAMP) == b"digest"


def test_a_record_is_that_of_its_settings(cache):
    cache.store([], [result_row(b"one"), result_row(b"two", settings=b"other model")])
    assert cache.record_of(b"digest", SETTINGS) == b"one"
    assert cache.record_of(b"digest", b"other model") == b"two"
    assert cache.record_of(b"digest", b"third") is None
    assert cache.record_of(b"other digest", SETTINGS) is None


@pytest.mark.parametrize("record", ["'rubbish'", "x'00'", "7", "record || 'x'"])
def test_a_record_whose_bytes_have_changed_is_none_and_is_replaced(cache, path, record):
    cache.store([], [result_row(b"good")])
    change(path, f"UPDATE results SET record = {record}")
    assert cache.record_of(b"digest", SETTINGS) is None
    cache.store([], [result_row(b"new")])
    assert cache.record_of(b"digest", SETTINGS) == b"new"


def test_a_digest_that_is_none_is_not_known(cache, path):
    cache.store([file_row()], [])
    change(path, "UPDATE files SET digest = 7")
    assert cache.digest_of(b"/music/a.mp3", STAMP) is None


def test_what_is_stored_is_there_for_who_comes_later(open_cache, path, warnings):
    first = open_cache()
    first.store([file_row()], [result_row()])
    first.close()
    assert names(path) == ["keys.sqlite"]
    assert {file.name for file in path.parent.iterdir()} == {"keys.sqlite", "keys.sqlite-lock"}
    for cache in (open_cache(), first):
        assert cache.digest_of(b"/music/a.mp3", STAMP) == b"digest"
        assert cache.record_of(b"digest", SETTINGS) == b"record"
    assert warnings == []


# ----------------------------------------------------------------------------- many processes

WRITER = """
import sys
from keyscan.serving.cache import Cache
from tests.serving.test_cache import ROWS, SETTINGS, STAMP, file_row, result_row
path, who = sys.argv[1:]
cache = Cache(path, lambda text: print(text, file=sys.stderr), 60.0)
print("ready", flush=True)
sys.stdin.readline()
for number in range(ROWS):
    name = f"{who} {number}".encode()
    cache.store([file_row(name, digest=name)], [result_row(name * 100, name)])
    if number % 10 == 0:
        assert cache.record_of(name, SETTINGS) == name * 100
    print(number, flush=True)
"""


class Writer:
    """Another process that stores ``ROWS`` rows, one at a time, and says which are stored."""

    def __init__(self, path, who):
        self.who = who
        self.process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), str(who)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        assert self.process.stdout.readline() == "ready\n"

    def begin(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def rest(self):
        output, errors = self.process.communicate(timeout=PATIENCE)
        return output.split(), errors


def stored(cache, who, numbers):
    found = [cache.record_of(f"{who} {number}".encode(), SETTINGS) for number in numbers]
    return [number for number, record in zip(numbers, found, strict=True) if record]


def test_processes_that_write_at_once(cache, path, warnings):
    writers = [Writer(path, who) for who in range(4)]
    for writer in writers:
        writer.begin()
    for writer in writers:
        output, errors = writer.rest()
        assert (len(output), errors, writer.process.returncode) == (ROWS, "", 0)
    for writer in writers:
        assert stored(cache, writer.who, range(ROWS)) == [*range(ROWS)]
    assert warnings == []


def test_processes_that_find_the_same_damage_at_once(cache, path):
    """It is set aside once, and nobody's rows go with it."""
    path.write_bytes(b"rubbish" * 1000)
    writers = [Writer(path, who) for who in range(4)]
    for writer in writers:
        writer.begin()
    said = []
    for writer in writers:
        output, errors = writer.rest()
        assert (len(output), writer.process.returncode) == (ROWS, 0)
        said += errors.splitlines()
    assert len(said) == 1
    assert names(path) == ["keys.sqlite", "keys.sqlite.corrupt-1"]
    for writer in writers:
        assert stored(cache, writer.who, range(ROWS)) == [*range(ROWS)]


def test_a_process_that_is_killed_while_it_writes(cache, path, warnings):
    """What it said was stored is there, and the file is sound."""
    writer = Writer(path, "victim")
    writer.begin()
    said = [int(writer.process.stdout.readline()) for _ in range(50)]
    writer.process.send_signal(signal.SIGKILL)
    said += [int(line) for line in writer.rest()[0]]
    assert stored(cache, "victim", said) == said
    cache.store([file_row()], [result_row()])
    assert cache.record_of(b"digest", SETTINGS) == b"record"
    cache.close()
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()
    assert warnings == []


@pytest.fixture
def locked(path, cache):
    """The database while another program writes to it, without an end."""
    cache.store([file_row()], [result_row()])
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    yield connection
    connection.close()


def test_who_writes_waits_for_who_has_it_locked_and_who_reads_does_not(cache, locked):
    cache.patience = 0.1
    with pytest.raises(CacheBusy, match="another program keeps it locked"):
        cache.store([], [result_row(b"new", b"other")])
    assert cache.record_of(b"digest", SETTINGS) == b"record"
    locked.execute("ROLLBACK")
    cache.store([], [result_row(b"new", b"other")])
    assert cache.record_of(b"other", SETTINGS) == b"new"


def test_who_opens_it_waits_for_who_opens_it(open_cache, path):
    connection = sqlite3.connect(f"{path}-lock", isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    cache = open_cache(patience=0.1)
    with pytest.raises(CacheBusy):
        cache.check()
    connection.close()
    cache.check()


@pytest.mark.parametrize("rubbish", [b"", b"rubbish" * 1000])
def test_a_lock_that_is_no_lock_is_not_needed(open_cache, path, rubbish):
    Path(f"{path}-lock").write_bytes(rubbish)
    cache = open_cache()
    cache.store([], [result_row()])
    assert cache.record_of(b"digest", SETTINGS) == b"record"


# ------------------------------------------------------------------------------------- damage


def garbage(path):
    path.write_bytes(b"\xff\x00 no database " * 1000)


def a_few_bytes(path):
    path.write_bytes(b"SQLite")


def no_header(path):
    with path.open("r+b") as file:
        file.write(bytes(100))


def half(path):
    os.truncate(path, path.stat().st_size // 2)


def one_page(path):
    os.truncate(path, 4096)


def holes(path):
    with path.open("r+b") as file:
        for page in range(1, path.stat().st_size // 4096):
            file.seek(4096 * page)
            file.write(b"\xa5" * 512)


def no_results(path):
    change(path, "DROP TABLE results")


def another_column(path):
    change(path, "ALTER TABLE files RENAME COLUMN digest TO hash")


def no_format(path):
    change(path, "PRAGMA user_version = 0")


DAMAGES = [
    garbage, a_few_bytes, no_header, half, one_page, holes, no_results, another_column, no_format
]  # fmt: skip


def fill(cache):
    names = [f"/music/{number:04}".encode() for number in range(500)]
    files = [file_row(name, digest=name) for name in names]
    cache.store(files, [result_row(name * 50, name) for name in names])


def use(cache):
    """Look at every row, as a library's files are looked for; whether the last is there."""
    for number in range(500):
        name = f"/music/{number:04}".encode()
        cache.digest_of(name, STAMP)
        cache.record_of(name, SETTINGS)
    cache.store([file_row()], [result_row()])
    assert cache.digest_of(b"/music/a.mp3", STAMP) == b"digest"
    assert cache.record_of(b"digest", SETTINGS) == b"record"


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_set_aside_and_a_fresh_one_is_used(open_cache, path, warnings, damage):
    first = open_cache()
    fill(first)
    first.close()
    damage(path)
    damaged = path.read_bytes()
    cache = open_cache()
    use(cache)
    assert names(path) == ["keys.sqlite", "keys.sqlite.corrupt-1"]
    if damage is not holes:  # of which some are written to before one is noticed
        assert Path(f"{path}.corrupt-1").read_bytes() == damaged
    (warning,) = warnings
    assert str(path) in warning
    assert f"{path}.corrupt-1" in warning
    use(open_cache())


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_that_happens_while_it_is_open(open_cache, path, warnings, damage):
    first, second = open_cache(), open_cache()
    for cache in (first, second):
        fill(cache)
    first.close()
    second.close()
    for cache in (first, second):  # open, and with nothing in the log that could hide the damage
        cache.check()
        cache.digest_of(b"/music/0000", STAMP)
    damage(path)
    use(first)
    use(second)
    use(first)
    assert names(path) in (["keys.sqlite", "keys.sqlite.corrupt-1"], ["keys.sqlite"])
    assert len(warnings) == len(names(path)) - 1


def test_what_was_set_aside_before_stays(open_cache, path, warnings):
    for number in range(1, 4):
        path.write_bytes(b"%d" % number * 1000)
        cache = open_cache()
        use(cache)
        cache.close()
        assert Path(f"{path}.corrupt-{number}").read_bytes() == b"%d" % number * 1000
    assert len(warnings) == 3


def test_there_is_an_end_to_setting_aside(open_cache, path):
    for number in range(1, 100):
        Path(f"{path}.corrupt-{number}").touch()
    path.write_bytes(b"rubbish" * 1000)
    with pytest.raises(CacheUnusable, match="like 99 others"):
        open_cache().check()
    assert path.read_bytes() == b"rubbish" * 1000


def test_an_empty_file_is_a_cache_with_nothing_in_it(open_cache, path, warnings):
    path.touch()
    use(open_cache())
    assert warnings == []
    assert names(path) == ["keys.sqlite"]


def foreign(path):
    change(path, "CREATE TABLE tracks (title)")


def foreign_without_tables(path):
    change(path, "PRAGMA application_id = 1")


def newer(path):
    Cache(str(path), pytest.fail, PATIENCE).check()
    change(path, f"PRAGMA user_version = {FORMAT + 1}")


@pytest.mark.parametrize(
    ("make", "reason"),
    [(foreign, "another program's"), (foreign_without_tables, "another"), (newer, "newer version")],
)
def test_what_is_not_ours_is_left_alone(open_cache, path, warnings, make, reason):
    make(path)
    before = path.read_bytes()
    cache = open_cache()
    for _ in range(2):
        with pytest.raises(CacheUnusable, match=reason):
            cache.store([], [result_row()])
    assert path.read_bytes() == before
    assert names(path) == ["keys.sqlite"]
    assert warnings == []


@pytest.mark.parametrize("log_too", [True, False])
def test_a_file_that_is_deleted_while_it_is_open(cache, path, warnings, log_too):
    use(cache)
    path.unlink()
    if log_too:
        Path(f"{path}-wal").unlink()
    assert cache.record_of(b"digest", SETTINGS) is None
    use(cache)
    assert names(path) == ["keys.sqlite"]
    assert warnings == []


def test_a_file_that_is_replaced_while_it_is_open(open_cache, path, tmp_path):
    """By an older copy, say: the log of the other file lies beside it."""
    cache = open_cache()
    use(cache)
    cache.close()
    shutil.copy(path, tmp_path / "backup")
    for number in range(ROWS):
        cache.store([], [result_row(bytes(2000), b"%d" % number)])
    (tmp_path / "backup").replace(path)
    use(cache)
    use(open_cache())


@pytest.mark.parametrize("place", ["", "no folder/keys.sqlite"])
def test_where_there_can_be_no_file(tmp_path, warnings, place):
    cache = Cache(str(tmp_path / place), warnings.append, PATIENCE)
    for _ in range(2):
        with pytest.raises(CacheUnusable):
            cache.check()
    assert warnings == []


FULL = """
import resource, sys
from keyscan.serving.cache import Cache
from keyscan.serving.cache_file import CacheUnusable
from tests.serving.test_cache import ROWS, SETTINGS, result_row
cache = Cache(sys.argv[1], lambda text: sys.exit(text), 10.0)
cache.store([], [result_row()])
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
failed = 0
for number in range(ROWS):
    try:
        cache.store([], [result_row(bytes(5000), b"%d" % number)])
    except CacheUnusable:
        failed += 1
assert failed, "the disk was not full"
assert cache.record_of(b"digest", SETTINGS) == b"record"
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
cache.store([], [result_row(b"later", b"later")])
assert cache.record_of(b"later", SETTINGS) == b"later"
"""


@pytest.mark.skipif(sys.platform == "win32", reason="sets a limit of POSIX")
def test_a_full_disk_keeps_what_is_there_and_is_no_damage(path):
    command = [sys.executable, "-c", FULL, str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE)
    assert (done.returncode, done.stderr) == (0, "")
    assert names(path) == ["keys.sqlite"]
