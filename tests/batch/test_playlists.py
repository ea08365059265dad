"""Playlists as players and people write them become lists of files."""

from __future__ import annotations

import codecs
import json
import os
import sys
from collections import Counter
from pathlib import Path

import pytest

from keyscan.batch.files import find_files
from keyscan.batch.results import Failed
from tests.batch.analyze_process import run_analyze
from tests.batch.conftest import KEYS

NAMES = ("a.mp3", "b c.flac", "sub/d.wav", "café.mp3", "音楽.mp3")
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="names of any bytes")


@pytest.fixture
def folder(tmp_path):
    """Files of ``NAMES``, which are not read here."""
    for name in NAMES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    return tmp_path


def found(folder, content, name="set.m3u"):
    """Names of the entries, relative to the folder; for failures the code and the path."""
    content = content if isinstance(content, bytes) else content.encode()
    (folder / name).write_bytes(content)
    items = find_files([str(folder / name)], recursive=True)
    return [
        (item.error.code, item.path) if isinstance(item, Failed) else os.path.relpath(item, folder)
        for item in items
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "no mark le", "no mark be"]
)
def test_encodings_and_line_ends(folder, end, encoding):
    lines = ["#EXTM3U", "#EXTINF:123,Artist - Title", *NAMES, "", "# a comment", "  "]
    content = (end.join(lines) + end).encode(encoding.replace("no mark ", "utf-16-"))
    if encoding == "utf-16-be":  # Python writes no mark
        content = codecs.BOM_UTF16_BE + content
    for name in ("set.m3u", "set.M3U8", "set"):
        expected = list(NAMES) if name != "set" else ["set"]
        assert found(folder, content, name) == expected


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252"])
def test_western_european_bytes(folder, encoding):
    (folder / "it’s.mp3").touch()
    name = "it’s.mp3" if encoding == "cp1252" else "café.mp3"
    assert found(folder, f"#EXTM3U\n{name}\nb c.flac\n".encode(encoding)) == [name, "b c.flac"]


@linux_only
def test_names_that_are_not_utf8(folder):
    raw = os.fsencode(folder) + b"/caf\xe9.mp3"
    Path(os.fsdecode(raw)).touch()
    assert found(folder, b"caf\xe9.mp3\n") == ["caf\udce9.mp3"]


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("sub\\d.wav", "sub/d.wav"),
        (".\\sub\\..\\a.mp3", "a.mp3"),
        ("./sub/../a.mp3", "a.mp3"),
        ('"b c.flac"', "b c.flac"),
        ("b%20c.flac", "b c.flac"),
        ("caf%C3%A9.mp3", "café.mp3"),
        ("cafe\u0301.mp3", "café.mp3"),
        ("{folder}/b c.flac", "b c.flac"),
        ("file://{folder}/b%20c.flac", "b c.flac"),
        ("FILE://localhost{folder}/sub/d.wav", "sub/d.wav"),
        ("file:{folder}/a.mp3", "a.mp3"),
        ("   a.mp3\t", "a.mp3"),
    ],
)
def test_ways_to_write_a_path(folder, line, name):
    assert found(folder, line.replace("{folder}", str(folder))) == [name]


@linux_only
def test_what_is_there_literally_comes_first(folder):
    for name in ("sub\\d.wav", "b%20c.flac"):
        (folder / name).touch()
        assert found(folder, name) == [name]


@pytest.mark.parametrize(
    "head", ["[playlist]", "[Playlist]\nNumberOfEntries=2\nVersion=2", "; made by x\n\n [playlist]"]
)
def test_pls(folder, head):
    entries = "File10=sub\\d.wav\nTitle10=x\nLength10=-1\nfile2 = a.mp3\nFile3=b c.flac\nFile=x\n"
    for name in ("set.pls", "set.m3u"):
        expected = ["a.mp3", "b c.flac", "sub/d.wav"]
        assert found(folder, f"\n{head}\n{entries}", name) == expected


def test_pls_without_a_head(folder):
    entries = "NumberOfEntries=2\nFile2=b c.flac\nFile1=a.mp3\n"
    assert found(folder, entries, "set.pls") == ["a.mp3", "b c.flac"]
    assert found(folder, "a.mp3\nb c.flac\n", "set.pls") == ["a.mp3", "b c.flac"]
    (folder / "file1=a.mp3").touch()
    assert found(folder, "file1=a.mp3\n;b.mp3\n") == ["file1=a.mp3", ";b.mp3"]


def test_a_linked_playlist(folder, tmp_path_factory):
    place = tmp_path_factory.mktemp("place")
    (folder / "set.m3u").write_text("a.mp3\nsub/d.wav\ngone.mp3\n")
    (place / "set.m3u").symlink_to(folder / "set.m3u")
    (place / "a.mp3").touch()
    assert list(find_files([str(place / "set.m3u")], recursive=True)) == [
        *(str(place / "a.mp3"), str(folder / "sub/d.wav"), str(place / "gone.mp3")),
    ]


@pytest.mark.parametrize(
    "content",
    [
        "<!DOCTYPE html>\n<html>\n<body>\nNot found\n</body>\n",
        '\n<?xml version="1.0"?>\n<playlist>\n',
        "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n1.ts\n2.ts\n",
        "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=128000\nlow.m3u8\n",
    ],
)
def test_what_a_server_sent_instead_of_a_list_is_one_failure(folder, content):
    (failure,) = found(folder, content)
    assert failure == ("unsupported_format", str(folder / "set.m3u"))


def test_entries_without_a_file_are_reported(folder):
    lines = "gone.mp3\nC:\\Music\\gone.mp3\n/nowhere/gone.mp3\nfile:///nowhere/a%20b.mp3\na.mp3\n"
    (folder / "set.m3u").write_text(lines)
    assert list(find_files([str(folder / "set.m3u")], recursive=True)) == [
        *(str(folder / "gone.mp3"), "C:\\Music\\gone.mp3"),
        *("/nowhere/gone.mp3", "/nowhere/a b.mp3", str(folder / "a.mp3")),
    ]


@pytest.mark.parametrize("url", ["http://example.org/live", "mms://x/y.mp3", "file://server/a.mp3"])
def test_streams_are_reported(folder, url):
    assert found(folder, f"{url}\na.mp3\n") == [("not_a_file", url), "a.mp3"]


def test_playlists_and_folders_in_a_playlist(folder):
    (folder / "other.m3u").write_text("set.m3u\nother.m3u\nb c.flac\nsub\n")
    assert found(folder, "a.mp3\nother.m3u\ncafé.mp3\n") == [
        *("a.mp3", "b c.flac", "sub/d.wav", "café.mp3"),
    ]


def test_a_file_comes_once_and_what_comes_again_is_counted(folder):
    (folder / "set.m3u").write_text("a.mp3\n./a.mp3\nsub\\..\\a.mp3\n")
    skipped = Counter()
    paths = [str(folder / "set.m3u"), str(folder / "a.mp3")]
    assert len(list(find_files(paths, recursive=True, skipped=skipped))) == 1
    assert skipped == {"repeated": 3}


def test_a_playlist_in_a_folder_is_another_file(folder):
    (folder / "set.m3u").write_text("a.mp3\n")
    skipped = Counter()
    assert len(list(find_files([str(folder)], recursive=True, skipped=skipped))) == len(NAMES)
    assert skipped == {"other_files": 1}


@pytest.mark.parametrize("content", [b"", b"#EXTM3U\n", b"\n\n", b"[playlist]\n", codecs.BOM_UTF8])
def test_an_empty_playlist(folder, content):
    assert found(folder, content) == []


@pytest.mark.parametrize("content", [b"ID3\x03\0\0\0\0", os.urandom(2000) + b"\0"])
def test_what_is_not_text_is_a_file_like_any_other(folder, content):
    assert found(folder, content) == ["set.m3u"]


def test_bytes_of_any_kind_do_no_harm(folder):
    junk = bytes(range(1, 256)) * 20
    assert all(found(folder, prefix + junk) for prefix in (b"", b"[playlist]\nFile1=", b"%FF%00\n"))
    assert found(folder, "File1=a.mp3\nFile99999999999=a.mp3\n".replace("F", "[playlist]\nF", 1))


def test_what_is_no_file_by_that_name(folder):
    (folder / "folder.m3u").mkdir()
    (folder / "folder.m3u" / "a.mp3").touch()
    paths = [str(folder / "folder.m3u"), str(folder / "missing.m3u")]
    first, second = find_files(paths, recursive=True)
    assert (Path(first).name, second) == ("a.mp3", paths[1])


@pytest.mark.skipif(sys.platform == "win32", reason="FIFOs are of POSIX")
def test_a_fifo_is_not_opened(folder):
    os.mkfifo(folder / "fifo.m3u")
    (path,) = find_files([str(folder / "fifo.m3u")], recursive=True)
    assert path == str(folder / "fifo.m3u")


def test_our_own_playlist_is_read_back(library, tmp_path):
    strange = tmp_path / "music" / " 100% #1\nsong .wav"
    strange.parent.mkdir()
    os.link(library / next(iter(KEYS)), strange)
    target = tmp_path / "set.m3u8"
    done = run_analyze("--m3u", "-q", "-o", target, library, strange.parent)
    assert (done.returncode, done.stderr) == (0, "")
    done = run_analyze("--json", target)
    assert done.returncode == 0
    paths = [track["path"] for track in json.loads(done.stdout)["tracks"]]
    assert sorted(paths) == sorted(map(str, [*(library / name for name in KEYS), strange]))
    done = run_analyze("--m3u", "-o", target, target)
    assert done.returncode == 2
    assert "that is an input of this run" in done.stderr


def test_urls_and_quotes_on_the_command_line(library):
    track = library / "sub" / "träck.mp3"
    url = (library / "sub" / "deep").as_uri()
    done = run_analyze("--json", f'"{track}"', url, "file:///nowhere/x.mp3")
    first, second, third = json.loads(done.stdout)["tracks"]
    assert [first["path"], second["path"]] == [str(track), str(library / "sub/deep/song.m4a")]
    assert (third["path"], third["code"]) == ("/nowhere/x.mp3", "file_not_found")
