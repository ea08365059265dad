"""Which files a worker knows, with real files and a real cache; only decoding is made up."""

from __future__ import annotations

import os
import sqlite3

import numpy as np
import pytest

from keyscan.cache import lookup as cache_lookup
from keyscan.cache.database import Database
from keyscan.cache.lookup import PATIENCE, Identified, Known, KnownFiles, ResultRow, Stamp
from keyscan.errors import Cancelled, FileNotFound, NotAFile
from keyscan.spectrogram.constant_q import Features

SETTINGS = b"settings"


@pytest.fixture
def cache(tmp_path):
    cache = Database(str(tmp_path / "keys.sqlite"), pytest.fail, 0.1)
    yield cache
    cache.close()


@pytest.fixture
def known_files(cache):
    return KnownFiles(cache)


@pytest.fixture
def track(tmp_path):
    path = tmp_path / "track.wav"
    path.write_bytes(os.urandom(3_000_000))
    return path


@pytest.fixture
def settled(monkeypatch):
    """Every file was written long ago."""
    monkeypatch.setattr(cache_lookup, "_SETTLED_NS", -(10**12))


def features(file=None):
    return Features(np.zeros((105, 9), np.float32), 9.0, (), {"decode": 1.0})


def answer(known_files, path, settings=SETTINGS, analyse=features, should_stop=lambda: False):
    return known_files.answer(str(path), (settings,), should_stop, analyse)


def not_to_be_called(*arguments):
    raise AssertionError


def keep(cache, found, settings=SETTINGS):
    """What the server does with features of a known content."""
    assert isinstance(found, Identified)
    row = ResultRow(found.digest, settings, b"record")
    cache.store([] if found.file is None else [found.file], [row])


def test_a_file_that_was_analysed_is_known(cache, known_files, track, settled):
    found = answer(known_files, track)
    assert (found.duration, found.seconds["decode"]) == (9.0, 1.0)
    assert found.seconds["cache"] > 0
    keep(cache, found)
    again = answer(known_files, track, analyse=not_to_be_called)
    assert isinstance(again, Known)
    assert (again.record, again.file, [*again.seconds]) == (b"record", None, ["cache"])


def test_an_unchanged_file_is_not_even_opened(cache, known_files, track, settled, monkeypatch):
    keep(cache, answer(known_files, track))
    monkeypatch.setattr(cache_lookup, "SourceFile", not_to_be_called)
    assert isinstance(answer(known_files, track, analyse=not_to_be_called), Known)


def test_a_file_that_was_just_written_is_read_again(cache, known_files, track, monkeypatch):
    """Its times would be the same if it were written once more now."""
    found = answer(known_files, track)
    assert found.file is None
    keep(cache, found)
    again = answer(known_files, track, analyse=not_to_be_called)
    assert (again.record, again.file) == (b"record", None)
    monkeypatch.setattr(cache_lookup, "_SETTLED_NS", -(10**12))
    again = answer(known_files, track, analyse=not_to_be_called)
    assert again.file.stamp == Stamp.of(track.stat())


@pytest.mark.parametrize("move", [os.rename, os.link, os.symlink])
def test_the_same_content_elsewhere_is_known(cache, known_files, track, settled, tmp_path, move):
    keep(cache, answer(known_files, track))
    move(track, tmp_path / "other.wav")
    again = answer(known_files, tmp_path / "other.wav", analyse=not_to_be_called)
    assert again.file.path == os.fsencode(tmp_path / "other.wav")
    cache.store([again.file], [])
    assert answer(known_files, tmp_path / "other.wav").file is None


def test_a_path_is_that_of_the_folder_it_begins_in(
    cache, track, settled, tmp_path, monkeypatch
):  # fmt: skip
    monkeypatch.chdir(tmp_path)
    found = answer(KnownFiles(cache), "track.wav")
    assert found.file.path == os.fsencode(track)
    keep(cache, found)
    assert answer(KnownFiles(cache), track).file is None


def test_a_changed_file_is_not_known_even_if_size_and_time_are_the_same(
    cache, known_files, track, settled
):  # fmt: skip
    keep(cache, answer(known_files, track))
    before = track.stat()
    with track.open("r+b") as file:
        file.write(b"other")
    os.utime(track, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert track.stat().st_mtime_ns == before.st_mtime_ns
    assert isinstance(answer(known_files, track), Identified)


def test_a_record_of_other_settings_is_no_answer(cache, known_files, track, settled):
    keep(cache, answer(known_files, track))
    found = answer(known_files, track, b"other")
    assert isinstance(found, Identified)
    assert found.file is None  # but which content it is
    keep(cache, found, b"other")
    assert isinstance(answer(known_files, track, b"other"), Known)


# -------------------------------------------------------------- what changes while it is read


def analysed_while(change):
    def analyse(file):
        change()
        return features()

    return analyse


def test_a_file_that_changes_while_it_is_decoded_is_not_stored(known_files, track, settled):
    for change in (lambda: track.write_bytes(b"x" * 3_000_000), lambda: os.truncate(track, 5),
                   track.unlink):  # fmt: skip
        found = answer(known_files, track, analyse=analysed_while(change))
        assert type(found) is Features
        assert found.seconds.keys() == {"decode", "cache"}


def test_a_change_that_the_times_do_not_tell(known_files, track, monkeypatch):
    """Two writes within one tick of the file system's clock."""
    monkeypatch.setattr(Stamp, "of", lambda status: Stamp(1, 10**30, 10**30))
    assert isinstance(answer(known_files, track), Identified)
    found = answer(known_files, track, analyse=analysed_while(lambda: track.write_bytes(b"y")))
    assert type(found) is Features


def test_a_file_that_grows_while_it_is_looked_up(known_files, track, settled):
    def grow():
        with track.open("ab") as file:
            file.write(b"more")
        return False

    assert type(answer(known_files, track, should_stop=grow)) is Features


def test_a_file_that_shrinks_while_it_is_looked_up(known_files, track, settled):
    def cut():
        os.truncate(track, 1000)
        return False

    assert type(answer(known_files, track, should_stop=cut)) is Features


def test_what_was_read_is_what_is_decoded(known_files, track, settled):
    """From its start, even if another file has come to the path."""
    content = track.read_bytes()

    def replace():
        track.unlink(missing_ok=True)
        return False

    def analyse(file):
        assert file.read() == content
        return features()

    assert type(answer(known_files, track, should_stop=replace, analyse=analyse)) is Features


def test_nobody_waits_for_the_digest_of_a_file_that_is_not_wanted(known_files, track):
    with pytest.raises(Cancelled):
        answer(known_files, track, should_stop=lambda: True, analyse=not_to_be_called)


# ------------------------------------------------------------------------------- odd files


def test_large_files_are_known_by_their_path_and_times(
    cache, known_files, track, tmp_path, monkeypatch
):  # fmt: skip
    monkeypatch.setattr(cache_lookup, "_LARGEST_READ", 2_999_999)
    monkeypatch.setattr(cache_lookup, "SourceFile", not_to_be_called)
    assert type(answer(known_files, track)) is Features  # just written: times tell nothing
    monkeypatch.setattr(cache_lookup, "_SETTLED_NS", -(10**12))
    keep(cache, answer(known_files, track))
    assert isinstance(answer(known_files, track, analyse=not_to_be_called), Known)
    track.rename(tmp_path / "other.wav")
    assert isinstance(answer(known_files, tmp_path / "other.wav"), Identified)


def test_what_is_wrong_with_a_path_is_said_as_without_a_cache(known_files, tmp_path):
    os.mkfifo(tmp_path / "fifo")
    for name, error in (("fifo", NotAFile), (".", NotAFile), ("nothing", FileNotFound)):
        with pytest.raises(error):
            answer(known_files, tmp_path / name, analyse=not_to_be_called)


def test_a_file_that_cannot_be_read_to_its_end_is_analysed(known_files, track, monkeypatch):
    def broken_disk(descriptor, count):
        raise OSError(5, "Input/output error")

    def analyse(file):
        patch.undo()
        file.check()
        assert len(file.read()) == 3_000_000
        return features()

    with monkeypatch.context() as patch:
        patch.setattr(os, "read", broken_disk)
        assert type(answer(known_files, track, analyse=analyse)) is Features


# ------------------------------------------------------------------------- an unusable cache


def test_without_its_file_the_cache_only_does_not_help(tmp_path, track):
    known_files = KnownFiles(Database(str(tmp_path / "no folder" / "x"), pytest.fail, 0.1))
    assert isinstance(answer(known_files, track), Identified)


def test_a_locked_cache_is_waited_for_once(cache, track, tmp_path):
    lock = sqlite3.connect(f"{tmp_path / 'keys.sqlite'}-lock", isolation_level=None)
    lock.execute("BEGIN EXCLUSIVE")
    known_files = KnownFiles(cache)
    assert isinstance(answer(known_files, track), Identified)
    assert cache.patience == 0
    lock.close()
    keep(cache, answer(known_files, track))
    assert isinstance(answer(known_files, track), Known)
    assert cache.patience == PATIENCE
