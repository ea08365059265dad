"""Which files are analysed after a change, and when."""

from __future__ import annotations

import os
import sys

import pytest

from keyscan.watch.settling import Settling, music_at


@pytest.fixture
def song(tmp_path):
    path = tmp_path / "song.mp3"
    path.write_bytes(b"one")
    return path


def paths(settled):
    return [path for path, _ in settled]


def test_a_file_is_settled_when_it_has_stopped_growing(song):
    settling = Settling(2.0)
    settling.changed(str(song), 10.0)
    assert settling.settled(11.9) == []
    song.write_bytes(b"one two")
    settling.changed(str(song), 11.95)
    assert settling.settled(12.1) == []  # it has grown
    assert settling.settled(14.0) == []
    assert paths(settling.settled(14.2)) == [str(song)]
    assert settling.settled(99.0) == []  # once


def test_each_content_is_analysed_once(song):
    settling = Settling(1.0)
    settling.changed(str(song), 0.0)
    assert paths(settling.settled(1.0)) == [str(song)]
    settling.changed(str(song), 2.0)  # its mode, or a program that only reads it
    assert settling.settled(9.0) == []
    song.write_bytes(b"two!")
    settling.changed(str(song), 10.0)
    assert paths(settling.settled(11.0)) == [str(song)]


def test_own_work_is_no_change(song):
    settling = Settling(1.0)
    for told_before in (False, True):
        song.write_bytes(b"%d tags" % told_before)
        if told_before:
            settling.changed(str(song), 0.0)
        settling.written(str(song))
        settling.changed(str(song), 0.5)
        assert settling.settled(9.0) == []


def test_a_file_that_is_gone_again_is_forgotten(song):
    settling = Settling(1.0)
    settling.changed(str(song), 0.0)
    song.unlink()
    assert settling.settled(9.0) == []
    settling.changed(str(song), 10.0)
    assert settling.settled(99.0) == []


def test_only_music_that_is_not_hidden(tmp_path):
    folder = str(tmp_path)
    for name in ("a.mp3", "b.txt", ".c.mp3", ".d/e.mp3", "@eaDir/f.mp3", "g/h.flac", "g/i.flac"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
    found = {
        name: sorted(os.path.relpath(path, folder) for path in music_at([folder], str(path)))
        for path in tmp_path.rglob("*")
        for name in [path.name]
    }
    assert found == {
        "a.mp3": ["a.mp3"], "b.txt": [], ".c.mp3": [], ".d": [], "e.mp3": [], "@eaDir": [],
        "f.mp3": [], "g": ["g/h.flac", "g/i.flac"], "h.flac": ["g/h.flac"], "i.flac": ["g/i.flac"],
    }  # fmt: skip
    assert list(music_at([folder], "/elsewhere/a.mp3")) == []
    assert list(music_at([folder], folder)) == []


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_names_of_any_bytes(tmp_path):
    path = f"{tmp_path}/caf\udce9.mp3"
    with open(path, "wb"):  # noqa: PTH123
        assert list(music_at([str(tmp_path)], path)) == [path]
