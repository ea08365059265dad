"""What is stored in a cache is found again, and nothing else."""

from __future__ import annotations

import pytest

from keyscan.cache.lookup import Stamp
from tests.cache.rows import SETTINGS, STAMP, change, file_row, names, result_row


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
