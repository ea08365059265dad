"""What the server keeps, and that no trouble with the cache holds up an answer."""

from __future__ import annotations

import sqlite3
import time

import pytest

from keyscan.cache.database import Database
from keyscan.cache.lookup import FileRow, Stamp
from keyscan.cache.store import ResultStore
from tests.server_process import PATIENCE

STAMP = Stamp(1, 2, 3)
FILE = FileRow(b"/a.mp3", STAMP, b"digest")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "keys.sqlite"


@pytest.fixture
def cache(path):
    cache = Database(str(path), pytest.fail, PATIENCE)
    cache.check()
    yield cache
    cache.close()


@pytest.fixture
def make_store(path):
    stores = []

    def make_store(patience=PATIENCE):
        stores.append(ResultStore(Database(str(path), pytest.fail, patience), b"settings"))
        return stores[-1]

    yield make_store
    for store in stores:
        store.close(PATIENCE)


def test_what_is_kept_is_there_when_the_reply_is_sent(cache, make_store):
    store = make_store()
    store.keep(b"digest", FILE, b"record")
    assert cache.digest_of(b"/a.mp3", STAMP) == b"digest"
    assert cache.record_of(b"digest", b"settings") == b"record"


def test_the_end_waits_for_what_is_to_be_written(cache, make_store):
    store = make_store()
    store.keep_file(FILE)
    store.close(PATIENCE)
    assert cache.digest_of(b"/a.mp3", STAMP) == b"digest"


def test_a_locked_cache_holds_up_one_answer_for_a_moment(cache, make_store, path, caplog):
    lock = sqlite3.connect(path, isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    store = make_store(patience=0.2)
    start = time.monotonic()
    for number in range(200):
        store.keep(b"%d" % number, None, b"record")
    assert time.monotonic() - start < PATIENCE  # and not 200 times a second
    while not caplog.messages:
        time.sleep(0.05)
    lock.close()
    store.keep(b"last", None, b"record")
    store.close(PATIENCE)
    assert all(cache.record_of(b"%d" % number, b"settings") for number in range(200))
    (message,) = caplog.messages
    assert "another program keeps it locked" in message


def test_the_end_does_not_wait_for_a_lock_that_stays(cache, make_store, path):
    lock = sqlite3.connect(path, isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    store = make_store(patience=0.1)
    store.keep(b"digest", FILE, b"record")
    store.close(PATIENCE)
    lock.close()
    assert cache.digest_of(b"/a.mp3", STAMP) is None


def test_what_cannot_be_stored_is_said_once(tmp_path, caplog):
    store = ResultStore(Database(str(tmp_path / "no folder" / "x"), pytest.fail, 0.1), b"settings")
    for _ in range(3):
        store.keep(b"digest", FILE, b"record")
    store.close(PATIENCE)
    (message,) = caplog.messages
    assert message.endswith("answers are not stored")
