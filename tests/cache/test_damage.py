"""Whatever happens to a cache's file, keys are still found, and nothing of others is lost."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from keyscan.cache.database import FORMAT, Database
from keyscan.errors import CacheUnusable
from tests.cache.rows import ROWS, SETTINGS, STAMP, change, file_row, names, result_row
from tests.server_process import PATIENCE, ROOT


def half(path):
    os.truncate(path, path.stat().st_size // 2)


def one_page(path):
    os.truncate(path, 4096)


def holes(path):
    with path.open("r+b") as file:
        for page in range(1, path.stat().st_size // 4096):
            file.seek(4096 * page)
            file.write(b"\xa5" * 512)


def no_pages(path):
    os.truncate(path, 100)


def no_results(path):
    change(path, "DROP TABLE results")


def another_column(path):
    change(path, "ALTER TABLE files RENAME COLUMN digest TO hash")


def no_format(path):
    change(path, "PRAGMA user_version = 0")


DAMAGES = [half, one_page, no_pages, holes, no_results, another_column, no_format]


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
        cache = open_cache()
        use(cache)
        cache.close()
        os.truncate(path, 1000 + number)
        damaged = path.read_bytes()
        cache = open_cache()
        use(cache)
        cache.close()
        assert Path(f"{path}.corrupt-{number}").read_bytes() == damaged
    assert len(warnings) == 3


def test_there_is_an_end_to_setting_aside(open_cache, path):
    for number in range(1, 100):
        Path(f"{path}.corrupt-{number}").touch()
    cache = open_cache()
    use(cache)
    cache.close()
    os.truncate(path, 1000)
    damaged = path.read_bytes()
    with pytest.raises(CacheUnusable, match="like 99 others"):
        open_cache().check()
    assert path.read_bytes() == damaged


def test_an_empty_file_is_a_cache_with_nothing_in_it(open_cache, path, warnings):
    path.touch()
    use(open_cache())
    assert warnings == []
    assert names(path) == ["keys.sqlite"]


def test_a_database_of_a_newer_version_is_left_alone(open_cache, path, warnings):
    Database(str(path), pytest.fail, PATIENCE).check()
    change(path, f"PRAGMA user_version = {FORMAT + 1}")
    before = path.read_bytes()
    cache = open_cache()
    for _ in range(2):
        with pytest.raises(CacheUnusable, match="newer version"):
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
    cache = Database(str(tmp_path / place), warnings.append, PATIENCE)
    for _ in range(2):
        with pytest.raises(CacheUnusable):
            cache.check()
    assert warnings == []


FULL = """
import resource, sys
from keyscan.cache.database import Database
from keyscan.errors import CacheUnusable
from tests.cache.rows import ROWS, SETTINGS, result_row
cache = Database(sys.argv[1], lambda text: sys.exit(text), 10.0)
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
