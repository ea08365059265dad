"""``analyze --plot``, as people run it."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from keyscan import plot
from keyscan.arguments import parse_analyze
from keyscan.batch.command import draw_picture
from keyscan.errors import NothingToDraw
from keyscan.plot.theme import THEMES
from tests.batch.analyze_process import start_analyze
from tests.batch.results import analysed, failed
from tests.plot.pictures import svg_words

WITHOUT_MATPLOTLIB = """
import sys
sys.modules["matplotlib"] = None
from keyscan.cli import main
sys.exit(main())
"""


def analyze(*arguments, command=("-m", "keyscan")):
    return subprocess.run(
        [sys.executable, *command, "analyze", *map(str, arguments)],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False,
        encoding="utf-8",
    )  # fmt: skip


def test_a_track_is_drawn_beside_its_table_from_the_cache_too(tmp_path, track):
    """The timeline is in the picture, but in the table only with ``--timeline``."""
    path, options = tmp_path / "track.svg", ("--cache", tmp_path / "cache", "--spelling", "flats")
    pictures = []
    for legend in ([], ["", "c from the cache"]):
        done = analyze("--plot", path, *options, track)
        assert done.returncode == 0, done.stderr
        line, *others = done.stdout.splitlines()[1:]
        assert "11A" in line
        assert others == legend
        pictures.append(path.read_bytes())
    words = svg_words(path)
    assert {track.name, "Gb minor"} <= set(words)
    assert any(word.startswith("begins in 11A") for word in words)
    assert pictures[0] == pictures[1]


def test_a_folder_is_drawn_as_a_library_failures_and_all(tmp_path, track):
    folder = tmp_path / "Müsic"
    folder.mkdir()
    (folder / track.name).symlink_to(track)
    (folder / "bad.mp3").write_text("no sound")
    picture = tmp_path / "keys.svg"
    done = analyze("--quiet", "--theme", "dark", "--plot", picture, folder)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1  # the failure
    words = svg_words(picture)
    assert {"Müsic", "2 tracks\u2003\u20031 with a key", "unsupported_format"} <= set(words)
    assert f"fill: {THEMES['dark'].background}" in picture.read_text(encoding="utf-8")


def draw(name, paths, results):
    path = Path(name)
    options = parse_analyze(["--plot", str(path), *map(str, paths)])
    draw_picture(path, options, results, None, plot)
    return svg_words(path)


def test_a_folder_with_one_file_is_a_library_all_the_same(tmp_path):
    folder = tmp_path / "Music"
    folder.mkdir()
    words = draw(tmp_path / "keys.svg", [folder], [analysed(str(folder / "a.mp3"))])
    assert {"Music", "Tracks by key"} <= set(words)


def test_a_folder_has_its_own_name_even_if_it_is_the_current_one(tmp_path, monkeypatch):
    (tmp_path / "Techno").mkdir()
    (tmp_path / "House").mkdir()
    monkeypatch.chdir(tmp_path / "Techno")
    words = draw("keys.svg", [".", "../House"], [])
    assert {"Techno, House", "0 tracks\u2003\u20030 with a key"} <= set(words)


@pytest.mark.parametrize("results", [[], [failed("a.mp3")]], ids=["not reached", "failed"])
def test_a_track_without_a_key_is_not_drawn(tmp_path, results):
    with pytest.raises(NothingToDraw, match=r"a\.svg is not drawn: there is no key"):
        draw(tmp_path / "a.svg", ["a.mp3"], results)
    assert not list(tmp_path.iterdir())


def test_without_matplotlib_nothing_is_analysed_in_vain(tmp_path, track):
    done = analyze("--plot", tmp_path / "a.svg", track, command=("-c", WITHOUT_MATPLOTLIB))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("keyscan: pictures need matplotlib")
    assert "pip install matplotlib" in done.stderr
    assert not list(tmp_path.iterdir())


def test_without_plot_matplotlib_is_not_missed(track):
    done = analyze(track, command=("-c", WITHOUT_MATPLOTLIB))
    assert done.returncode == 0
    assert "11A" in done.stdout


def test_a_picture_that_cannot_be_written_is_an_error_before_the_work(tmp_path, track):
    done = analyze("--plot", tmp_path / "nowhere" / "a.svg", track)
    assert (done.returncode, done.stdout) == (1, "")
    assert "a.svg cannot be written: No such file or directory" in done.stderr


def test_ctrl_c_leaves_no_picture_of_a_track_that_was_not_reached(tmp_path, endless):
    process = start_analyze("--plot", tmp_path / "a.svg", endless)
    while not psutil.Process(process.pid).children():
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"Traceback" not in errors
    assert not list(tmp_path.iterdir())
