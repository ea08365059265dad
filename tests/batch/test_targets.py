"""What ``--output`` and ``--plot`` may replace, and what they must leave as it is."""

from __future__ import annotations

import codecs
import os
import sqlite3
import sys

import pytest

from keyscan.batch.targets import check_targets
from keyscan.errors import TargetRefused
from keyscan.options import parse_analyze
from keyscan.plot import draw_library
from tests.audio_files import FORMATS, valid
from tests.batch.analyze_process import run_analyze
from tests.batch.conftest import KEYS

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(17) + b"\0\0\0\x09IDAT"
SVG = b"<?xml version='1.0'?>\n<svg/>"


def check(*arguments, found=()):
    options = parse_analyze(list(map(str, arguments)))
    check_targets(options, [*options.paths, *map(str, found)])


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("option", "name", "content"),
    [
        ("-o", "keys.csv", b""),
        ("-o", "keys.csv", b"path,status\r\n/music/caf\xc3\xa9.mp3,success\r\n"),
        ("-o", "keys.csv", b"path;status\r\n/music/caf\xe9.mp3;success\r\n"),
        ("-o", "keys.csv", codecs.BOM_UTF8 + b"path,status\r\n"),
        ("-o", "keys.csv", "path,status\r\n音楽.mp3\r\n".encode("utf-16")),
        ("-o", "keys.csv", codecs.BOM_UTF16_BE + "path\r\n".encode("utf-16-be")),
        ("-o", "keys.txt", b"track\t\x1b[31mred\x0c\n" * 1000),
        ("-o", "cut.txt", "音".encode() * 3000),
        ("-o", "set.m3u8", b"#EXTM3U\n"),
        ("-o", "a.svg", SVG),
        ("--plot", "a.svg", b""),
        ("--plot", "a.png", b""),
    ],
)
def test_an_earlier_output_is_replaced(place, option, name, content):
    (place / name).write_bytes(content)
    check(option, name, "a.mp3")


@pytest.mark.parametrize(
    ("option", "name", "content", "reason"),
    [
        ("-o", "keys", PNG, "is not text"),
        ("-o", "keys.csv", b"PK\x03\x04" + os.urandom(500), "is not text"),
        ("-o", "keys.csv", b"text, then\0", "is not text"),
        ("-o", "keys.csv", codecs.BOM_UTF16_LE + b"a\0\1\0", "is not text"),
        ("-o", "keys.csv", codecs.BOM_UTF16_LE + b"\0\xd8a\0", "is not text"),
        ("--plot", "cover.png", PNG, "is not a picture of this program"),
        ("--plot", "cover.png", b"\xff\xd8\xff\xe0 a photograph", "is not a picture of this"),
        ("--plot", "a.png", b"notes", "is not a picture of this program"),
        ("--plot", "a.svg", SVG, "is not a picture of this program"),
        ("--plot", "a.svg", PNG, "is not a picture of this program"),
    ],
)
def test_what_no_earlier_run_has_written_is_not(place, option, name, content, reason):
    (place / name).write_bytes(content)
    with pytest.raises(TargetRefused, match=f"{option.strip('-')}.* {name}: .*{reason}"):
        check(option, name, "a.mp3")


@pytest.mark.parametrize("name", ["a.png", "a.PNG", "a.svg"])
@pytest.mark.parametrize("title", ["music", "müsic", "音楽"])
def test_an_earlier_picture_is_replaced(place, name, title):
    pytest.importorskip("matplotlib")
    draw_library(place / name, title, [], ["silent"])
    check("--plot", name, "a.mp3")
    other = "a.svg" if name != "a.svg" else "a.png"
    (place / name).rename(place / other)
    with pytest.raises(TargetRefused, match="is not a picture of this program"):
        check("--plot", other, "a.mp3")


@pytest.mark.parametrize("name", FORMATS)
def test_music_by_another_name(place, name):
    (place / "keys.csv").write_bytes(valid(name))
    with pytest.raises(TargetRefused, match="is not text"):
        check("-o", "keys.csv", "a.mp3")


@pytest.mark.parametrize("how", ["name", "symlink", "hard link", "another spelling"])
@pytest.mark.parametrize("which", ["named", "found", "model", "cache"])
def test_what_this_run_reads_or_keeps(place, how, which):
    other, name = place / "notes.txt", place / "out.txt"
    if which != "cache":
        other.write_text("text")
    elif how == "hard link":
        pytest.skip("what is a database is no text")
    if how == "name":
        name = other
    elif how == "symlink":
        name.symlink_to(other)
    elif how == "hard link":
        name.hardlink_to(other)
    else:
        name = place / ".." / place.name / "notes.txt"
    given = {"named": [other], "found": [place], "model": ["-m", other, "a.mp3"]}
    arguments = given.get(which, ["--cache", other, "a.mp3"])
    reason = "that is the cache" if which == "cache" else "that is an input of this run"
    with pytest.raises(TargetRefused, match=reason):
        check("-o", name, *arguments, found=[other] if which == "found" else [])


@pytest.mark.parametrize("suffix", ["-wal", "-shm", "-journal", "-lock"])
def test_the_files_beside_the_cache(place, suffix):
    with pytest.raises(TargetRefused, match="that is the cache"):
        check("-o", f"keys{suffix}", "--cache", "keys", "a.mp3")
    check("-o", "keys.csv", "--cache", "keys", "a.mp3")


@pytest.mark.parametrize("other", ["a.svg", "./a.svg", "A.SVG", "x/../a.svg", "link.svg"])
def test_two_outputs_in_one_file(place, other):
    (place / "x").mkdir()
    (place / "link.svg").symlink_to("a.svg")
    with pytest.raises(TargetRefused, match=r"--plot .*: --output is the same file"):
        check("-o", "a.svg", "--plot", other, "a.mp3")


def test_names_that_a_mac_writes_in_another_way(place):
    with pytest.raises(TargetRefused, match="that is the cache"):
        check("-o", "cle\u0301", "--cache", "cl\u00e9", "a.mp3")


@pytest.mark.skipif(sys.platform == "win32", reason="devices and FIFOs")
def test_devices_and_pipes_are_written_to_but_no_drive(place):
    check("-o", "/dev/null", "a.mp3")
    os.mkfifo(place / "fifo")
    check("-o", "fifo", "a.mp3")
    try:
        os.mknod(place / "drive", 0o060600, os.makedev(7, 250))
    except PermissionError:
        pytest.skip("only root makes devices")
    with pytest.raises(TargetRefused, match="that is a drive"):
        check("-o", "drive", "a.mp3")


def test_the_command_refuses_before_the_work(library, tmp_path):
    database = tmp_path / "library.db"
    connection = sqlite3.connect(database)
    connection.execute("CREATE TABLE tracks (title)")
    connection.close()
    track = library / next(iter(KEYS))
    link = tmp_path / "keys.csv"
    link.symlink_to(track)
    for target in (database, link, tmp_path / "keys"):
        before = {path: path.read_bytes() for path in (database, track)}
        done = run_analyze("-o", target, "--cache", tmp_path / "keys", library)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith(f"keyscan: --output {target}: ")
        assert "analysed" not in done.stderr
        assert before == {path: path.read_bytes() for path in (database, track)}
        assert sorted(path.name for path in tmp_path.iterdir()) == ["keys.csv", "library.db"]
