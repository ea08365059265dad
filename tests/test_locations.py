"""``file:`` URLs and quotes where no file has that name."""

from __future__ import annotations

import os
import sys

import pytest

from keyscan.locations import meant_path, path_of_url

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="paths of POSIX")


@posix_only
@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("/music/a.mp3", "/music/a.mp3"),
        ("a%20b.mp3", "a%20b.mp3"),
        ("http://example.org/a.mp3", "http://example.org/a.mp3"),
        ("file:///music/a%20b.mp3", "/music/a b.mp3"),
        ("FILE://localhost/music/a.mp3", "/music/a.mp3"),
        ("file:/music/a.mp3", "/music/a.mp3"),
        ("file:///m/caf%C3%A9%20%23%201.mp3", "/m/café # 1.mp3"),
        ("file:///m/café #1?.mp3", "/m/café #1?.mp3"),
        ("file:///m/100%.mp3", "/m/100%.mp3"),
        ("file:///m/a+b.mp3", "/m/a+b.mp3"),
        ("file:///m/caf%E9.mp3", "/m/caf\udce9.mp3"),
        ("file://server/m/a.mp3", "file://server/m/a.mp3"),
        ("file:a.mp3", "file:a.mp3"),
        ("file:///m/a%00.mp3", "file:///m/a%00.mp3"),
        ("file:///m/\ud800.mp3", "file:///m/\ud800.mp3"),
        ('"/music/a b.mp3"', "/music/a b.mp3"),
        ("'/music/a b.mp3'", "/music/a b.mp3"),
        ('  "/music/a.mp3"\n', "/music/a.mp3"),
        ('"file:///music/a%20b.mp3"', "/music/a b.mp3"),
        ('"/music/a.mp3', '"/music/a.mp3'),
        ("\"/music/a.mp3'", "\"/music/a.mp3'"),
        ('""', '""'),
        ('"', '"'),
        ("", ""),
    ],
)
def test_what_a_text_stands_for(text, path):
    assert meant_path(text) == path


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("file:///C:/Music/a%20b.mp3", "C:/Music/a b.mp3"),
        ("file:///c|/Music/a.mp3", "c:/Music/a.mp3"),
        ("file://C:/Music/a.mp3", "C:/Music/a.mp3"),
        ("file://localhost/C:/Music/a.mp3", "C:/Music/a.mp3"),
        ("file://server/share/a.mp3", "//server/share/a.mp3"),
        ("file:////server/share/a.mp3", "//server/share/a.mp3"),
        ("file:C:/a.mp3", None),
        ("http://C:/a.mp3", None),
    ],
)
def test_on_windows(url, path):
    assert path_of_url(url, windows=True) == path


@posix_only
def test_a_file_of_that_name_comes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ('"a.mp3"', "'b'.mp3"):
        (tmp_path / name).touch()
        assert meant_path(name) == name
    os.makedirs(f"file:{tmp_path}")  # noqa: PTH103
    assert meant_path(f"file:{tmp_path}") == f"file:{tmp_path}"
