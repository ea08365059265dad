"""Playlists, read line by line."""

from __future__ import annotations

import os
import sys
from urllib.parse import unquote_to_bytes

import pytest

from keyscan.batch.playlists import read_playlist
from keyscan.batch.results import ordered, withhold
from keyscan.batch.writers.playlist import m3u_lines
from tests.batch.results import analysed, failed, report


def test_playlists_are_in_an_order_to_mix():
    tracks = [analysed("/m/a.mp3", "8A"), failed("/m/x"), analysed("/m/b.mp3", "2B"),
              analysed("/m/drums.wav", tonal=False), analysed("/m/c.mp3", "9A")]  # fmt: skip
    lines = "".join(m3u_lines(report(ordered(tracks, "mix")))).splitlines()
    assert lines[0] == "#EXTM3U"
    assert lines[-2:] == ["#EXTINF:200,drums", os.path.abspath("/m/drums.wav")]  # noqa: PTH100
    titles = lines[2:-2:2]
    assert sorted(titles) == ["#EXTINF:200,2B b", "#EXTINF:200,8A a", "#EXTINF:200,9A c"]
    assert abs(titles.index("#EXTINF:200,8A a") - titles.index("#EXTINF:200,9A c")) == 1


def test_playlists_have_absolute_paths(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    lines = "".join(m3u_lines(report([analysed("./#1 a.mp3")], "openkey"))).splitlines()
    assert lines[2:] == ["#EXTINF:200,1m #1 a", str(tmp_path / "#1 a.mp3")]


@pytest.mark.skipif(sys.platform == "win32", reason="no such names")
@pytest.mark.parametrize("name", ["a\nb.mp3", "caf\udce9.mp3", " a.mp3 ", "a\u2028b.mp3"])
def test_playlists_have_uris_for_names_that_no_line_can_hold(name):
    text = "".join(m3u_lines(report([analysed(f"/m/{name}")])))
    _, _, title, location = text.encode("utf-8").decode("utf-8").splitlines()
    assert title.startswith("#EXTINF:200,8A ")
    if location.startswith("file://"):
        assert unquote_to_bytes(location[len("file://") :]) == os.fsencode(f"/m/{name}")
    else:
        assert location == f"/m/{name}"


@pytest.mark.skipif(sys.platform == "win32", reason="no such names")
def test_our_own_reader_finds_the_files(tmp_path):
    names = ["a b.mp3", "#1.mp3", "100%.mp3", "a\nb.mp3", "caf\udce9.mp3", " c .mp3", "日本 🎵.mp3"]
    paths = [str(tmp_path / name) for name in names]
    for path in paths:
        with open(path, "wb"):  # noqa: PTH123
            pass
    text = "".join(m3u_lines(report([analysed(path) for path in paths])))
    (tmp_path / "set.m3u8").write_text(text, encoding="utf-8")
    assert read_playlist(str(tmp_path / "set.m3u8")) == paths


def test_keys_in_front_of_titles_are_padded_or_withheld():
    tracks = [analysed("/m/a.mp3"), withhold(analysed("/m/b.mp3", confidence=0.4), 0.5)]
    lines = "".join(m3u_lines(report(tracks, "camelot-padded"))).splitlines()
    assert lines[2::2] == ["#EXTINF:200,08A a", "#EXTINF:200,b"]
