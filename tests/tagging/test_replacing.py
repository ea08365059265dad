"""A file is replaced whole, by the same owner's copy, or stays."""

from __future__ import annotations

import os
import stat
import sys

import pytest

from keyscan.errors import TagError
from keyscan.tagging.replacing import edited, require_replaceable

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="modes, owners and links")


@pytest.fixture
def song(tmp_path):
    path = tmp_path / "song"
    path.write_bytes(b"old")
    path.chmod(0o640)
    os.utime(path, (1_000_000_000, 1_100_000_000))
    return path


def edit(path, *, keep_times=False, meanwhile=lambda: None):
    with edited(path, keep_times=keep_times) as file:
        file.write(b"new")
        meanwhile()


def test_mode_and_owner_stay_and_times_on_request(song):
    if os.geteuid() == 0:
        os.chown(song, 1234, 2345)
    before = song.stat()
    edit(song, keep_times=True)
    after = song.stat()
    assert song.read_bytes() == b"new"
    assert stat.S_IMODE(after.st_mode) == 0o640
    assert (after.st_uid, after.st_gid) == (before.st_uid, before.st_gid)
    assert (after.st_atime, after.st_mtime) == (before.st_atime, before.st_mtime)
    edit(song)
    assert song.stat().st_mtime > 1_100_000_000


def test_extended_attributes_stay(song):
    try:
        os.setxattr(song, "user.colour", b"red")
    except OSError:
        pytest.skip("the file system has no extended attributes")
    edit(song)
    assert os.getxattr(song, "user.colour") == b"red"


def test_links(song):
    link, other = song.with_name("link"), song.with_name("other")
    link.symlink_to("song")
    os.link(song, other)
    edit(link)
    assert link.is_symlink()
    assert (song.read_bytes(), link.read_bytes(), other.read_bytes()) == (b"new", b"new", b"old")


def test_an_error_leaves_everything_as_it_was(song):
    with pytest.raises(ZeroDivisionError):
        edit(song, meanwhile=lambda: 1 / 0)
    assert [path.name for path in song.parent.iterdir()] == ["song"]
    assert (song.read_bytes(), song.stat().st_mtime) == (b"old", 1_100_000_000)


def test_a_file_that_changes_meanwhile_stays(song):
    with pytest.raises(TagError, match="changed"):
        edit(song, meanwhile=lambda: song.write_bytes(b"another program's"))
    assert song.read_bytes() == b"another program's"
    assert [path.name for path in song.parent.iterdir()] == ["song"]


def test_a_check_leaves_no_trace(song):
    before = song.stat()
    require_replaceable(song)
    assert [path.name for path in song.parent.iterdir()] == ["song"]
    assert song.stat() == before
    assert song.read_bytes() == b"old"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_file_that_may_not_be_written_stays(song):
    song.chmod(0o440)
    with pytest.raises(PermissionError):
        edit(song)
    assert song.read_bytes() == b"old"
