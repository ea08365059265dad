"""Titles from tags of real files, or from their names."""

from __future__ import annotations

import subprocess
import sys

import mutagen
import pytest
from mutagen.id3 import TALB, TIT2, TPE1

from examples.track import SAMPLE_RATE, render_track, write_audio
from keyscan.batch.writers.titles import Titles, titles_of
from keyscan.keys import Key
from tests.server_process import ROOT

EASY = ["mp3", "flac", "ogg", "m4a"]


@pytest.fixture
def track(request, tmp_path):
    path = tmp_path / f"01 name.{request.param}"
    write_audio(path, render_track(Key.parse("A minor"), 2.0), SAMPLE_RATE)
    return path


@pytest.mark.parametrize("track", EASY, indirect=True)
def test_tags(track):
    file = mutagen.File(track, easy=True)
    if file.tags is None:
        file.add_tags()
    file.tags.update({"title": ["Così"], "artist": ["A & B", "C"], "album": ["音楽"]})
    file.save()
    assert titles_of(str(track)) == Titles("Così", "A & B", "音楽")
    file.tags.update({"title": [""], "artist": ["  "]})
    file.save()
    assert titles_of(str(track)) == Titles("01 name", "", "音楽")


@pytest.mark.parametrize("track", ["wav", "aiff"], indirect=True)
def test_id3_in_other_files(track):
    file = mutagen.File(track)
    file.add_tags()
    for frame in (TIT2(text=["Title"]), TPE1(text=["Artist"]), TALB(text=["Album"])):
        file.tags.add(frame)
    file.save()
    assert titles_of(str(track)) == Titles("Title", "Artist", "Album")


@pytest.mark.parametrize("track", [*EASY, "wav"], indirect=True)
def test_without_tags_the_name_is_the_title(track):
    assert titles_of(str(track)) == Titles("01 name")


@pytest.mark.parametrize("content", [None, b"", b"ID3\x04\x00\x00\x7f\x7f\x7f\x7f", b"fLaC" * 9])
def test_a_file_that_is_gone_or_damaged_is_called_by_its_name(tmp_path, content):
    path = tmp_path / "a.b.mp3"
    if content is not None:
        path.write_bytes(content)
    assert titles_of(str(path)) == Titles("a.b")


def test_without_mutagen_the_name_is_the_title():
    code = """if True:
        import sys
        sys.modules["mutagen"] = None
        from keyscan.batch.writers.titles import titles_of
        print(titles_of("/m/a.mp3").title)
    """
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("a\n", "")
