"""What ``--output`` and ``--plot`` may replace, and what they must leave as it is."""

from __future__ import annotations

import os
import sqlite3
import sys

import pytest

from keyscan.arguments import parse_analyze
from keyscan.batch.targets import check_targets
from keyscan.batch.writers import WRITERS
from keyscan.batch.writers.playlist import m3u_lines
from keyscan.errors import TargetRefused
from keyscan.keys import KeyStyle
from keyscan.page import write_page
from keyscan.plot import draw_library
from tests.audio_files import FORMATS, valid
from tests.batch.analyze_process import run_analyze
from tests.batch.conftest import KEYS
from tests.batch.results import analysed, failed, report

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(17) + b"\0\0\0\x09IDAT"
SVG = b"<?xml version='1.0'?>\n<svg/>"


def check(*arguments, found=()):
    options = parse_analyze(list(map(str, arguments)))
    check_targets(options, [*options.paths, *map(str, found)])


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


TRACKS = [
    analysed("/m/music.wav", "8A", parts=((100.0, "8A"), (100.0, None))),
    analysed("/m/drums.wav", tonal=False),
    failed('/m/"gone".wav'),
]
STYLES = [
    KeyStyle(), KeyStyle("openkey", "sharps"), KeyStyle("camelot", "flats"),
    KeyStyle("short"), KeyStyle("camelot-padded"),
]  # fmt: skip


def documents(results, style):
    ours = report(results, style.notation, style.spelling)
    for writer in WRITERS.values():
        yield "".join(writer(ours))


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("results", [TRACKS, TRACKS[::-1], TRACKS[2:], []])
def test_an_earlier_output_of_any_format_is_replaced(place, results, style):
    for text in documents(results, style):
        shells = (text.encode("utf-8-sig"), text.replace("\n", "\r\n").encode("utf-16"))
        for content in (text.encode(), *shells):
            (place / "keys").write_bytes(content)
            check("-o", "keys", "a.mp3")


def test_an_output_with_a_long_path_is_known(place):
    for text in documents([analysed("/" + "音/" * 1365 + "a.mp3")], KeyStyle()):
        (place / "keys").write_text(text, encoding="utf-8")
        check("-o", "keys", "a.mp3")


@pytest.mark.parametrize("style", STYLES)
def test_a_playlist_of_version_0_1_had_no_mark(place, style):
    tracks = [analysed("/m/a, b.mp3", "8A"), analysed("/m/c\n d.mp3", "12B")]
    for results in (tracks, tracks[::-1], []):
        ours = report(results, style.notation, style.spelling)
        text = "".join(m3u_lines(ours)).replace("# made by openkeyscan-analyzer\n", "")
        (place / "set.m3u8").write_text(text)
        check("-o", "set.m3u8", "a.mp3")


@pytest.mark.parametrize(
    "content",
    [
        *(PNG, SVG, b"PK\x03\x04" + os.urandom(500), b"\xff\xd8\xff\xe0 a photograph", b"\0", b"x"),
        b"import os\nprint('openkeyscan-analyzer')\n",
        b"export PATH\n",
        b"{\\rtf1\\ansi text}",
        b"path,status\r\n/music/a.mp3,ok\r\n",
        b'{"tracks": [\n{"path": "/music/a.mp3", "artist": "x"}\n]}\n',
        b'{"tracks": [{"path": "/music/a.mp3", "status": "success"}]}',
        b"track  artist  key\n",
        b"#EXTM3U\n/music/a.mp3\n",
        b"#EXTM3U\n#EXTINF:200,a\n/music/a.mp3\n",
        b"#EXTM3U\n#EXTINF:200,8A Artist - Title\n/music/a.mp3\n",
        b"#EXTM3U\n# comment\n",
        b'{"path": "/music/a.mp3", "artist": "x"}\n',
        b'{"path": "/music/a.mp3", "status": "playing", "code": "x"}\n',
        b'<?xml version="1.0" encoding="UTF-8"?>\n<DJ_PLAYLISTS Version="1.0.0">\n'
        b'  <PRODUCT Name="rekordbox" Version="5.4.3" Company="Pioneer DJ"/>\n',
        b'<?xml version="1.0" encoding="UTF-8" standalone="no" ?>\n<NML VERSION="19"><HEAD '
        b'COMPANY="www.native-instruments.com" PROGRAM="Traktor"></HEAD>\n',
        b"<?xml version='1.0'?>\n<svg><title>openkeyscan-analyzer</title></svg>",
        b"\xff\xfea\0\1\0",
        b"\xff\xfe\0\xd8a\0",
    ],
)
def test_what_no_earlier_run_has_written_is_not(place, content):
    targets = (("-o", "keys"), ("--plot", "a.svg"), ("--plot", "a.png"), ("--html", "a.html"))
    for option, name in targets:
        (place / name).write_bytes(content)
        with pytest.raises(TargetRefused, match=f"{name}: .* is no output of this program; delete"):
            check(option, name, "a.mp3")


@pytest.mark.parametrize("name", ["a.png", "a.PNG", "a.svg"])
@pytest.mark.parametrize("title", ["music", "müsic", "音楽", "x" * 300])
def test_an_earlier_picture_is_replaced(place, name, title):
    pytest.importorskip("matplotlib")
    draw_library(place / name, title, [], ["silent"])
    check("--plot", name, "a.mp3")
    check("-o", name, "a.mp3")


@pytest.mark.parametrize("title", ["music", "müsic", "<music>", "x" * 300])
def test_an_earlier_page_is_replaced(place, title):
    write_page(place / "a.html", title, [], KeyStyle())
    for option, name in (("--html", "a.html"), ("-o", "a.html")):
        check(option, name, "a.mp3")
    (place / "keys.html").write_text("path,status,camelot,openkey,key,confidence,tonal,\n")
    check("--html", "keys.html", "a.mp3")


@pytest.mark.parametrize(
    "content",
    [
        '<!DOCTYPE html>\n<html lang="en">\n<meta charset="utf-8">\n<p>openkeyscan-analyzer</p>',
        '<html><meta name="generator" content="openkeyscan-analyzer"></html>',
        '<!DOCTYPE html>\n<html lang="en">\n<meta charset="utf-8">\n'
        '<meta name="generator" content="another openkeyscan-analyzer">',
    ],
)
def test_another_programs_page_is_not(place, content):
    (place / "a.html").write_text(content)
    with pytest.raises(TargetRefused, match=r"--html a\.html: .* is no output"):
        check("--html", "a.html", "a.mp3")


def test_a_page_is_no_other_output_and_no_input(place):
    (place / "song.html").write_text("text")
    for others, reason in {
        ("-o", "a.html"): "--output is the same file",
        ("--plot", "a.svg"): "--plot is the same file",
        ("--cache", "a.html"): "that is the cache",
        ("song.html",): "that is an input of this run",
    }.items():
        page = {"a.svg": "link.html", "song.html": "song.html"}.get(others[-1], "a.html")
        if page == "link.html":
            (place / page).symlink_to("a.svg")
        with pytest.raises(TargetRefused, match=f"--html {page}: {reason}"):
            check("--html", page, *others, "a.mp3")


def test_another_programs_pictures_are_not(place):
    """The same libraries make them: their metadata tells them apart."""
    figure = pytest.importorskip("matplotlib.figure")
    for name, metadata in {
        "a.png": {"Title": "openkeyscan-analyzer"},
        "b.png": {"Title": "keys", "Software": None},
        "c.svg": {"Title": "openkeyscan-analyzer"},
        "d.svg": {"Creator": "a friend of openkeyscan-analyzer"},
    }.items():
        figure.Figure().savefig(place / name, metadata=metadata)
        with pytest.raises(TargetRefused, match="is no output of this program"):
            check("--plot", name, "a.mp3")


def test_the_same_command_twice(library, tmp_path):
    target = tmp_path / "keys"
    for options in (["--csv", "--bom"], ["--json", "--notation", "openkey"], []):
        assert run_analyze(*options, "-q", "-o", target, library).returncode == 0, options
        assert target.read_text(encoding="utf-8")


def test_a_nested_playlist_is_an_input(library, tmp_path):
    (tmp_path / "inner.m3u8").write_text("#EXTM3U\n# made by openkeyscan-analyzer\ngone.mp3\n")
    (tmp_path / "outer.m3u").write_text("inner.m3u8\n")
    done = run_analyze("--m3u", "-o", tmp_path / "inner.m3u8", tmp_path / "outer.m3u")
    assert done.returncode == 2
    assert "that is an input of this run" in done.stderr
    assert "gone.mp3" in (tmp_path / "inner.m3u8").read_text()


def test_a_run_that_reads_no_file_keeps_the_older_output(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "list.m3u").write_text("gone.mp3\n")
    text, target = next(documents(TRACKS, KeyStyle())), tmp_path / "keys"
    target.write_text(text)
    for option, given in (("--json", "empty"), ("--m3u", "nope.wav"), ("--csv", "list.m3u"),
                          ("--sort=key", "nope.wav")):  # fmt: skip
        done = run_analyze("-q", option, "-o", target, tmp_path / given)
        assert (done.returncode, target.read_text()) == (1, text)
        assert f"keyscan: {target} stays as it was: no file could be read\n" in done.stderr
    target.unlink()
    assert run_analyze("-q", "--csv", "-o", target, tmp_path / "nope.wav").returncode == 1
    assert target.exists()


@pytest.mark.parametrize("name", FORMATS)
def test_music_by_another_name(place, name):
    (place / "keys.csv").write_bytes(valid(name))
    with pytest.raises(TargetRefused, match="is no output of this program"):
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
