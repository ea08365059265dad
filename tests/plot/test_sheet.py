"""Files of pictures: formats, errors, the same bytes each time, matplotlib missing."""

from __future__ import annotations

import os
import subprocess
import sys

import matplotlib
import pytest

from keyscan.errors import MissingPlotLibrary, PictureNotWritten, UnknownPictureFormat
from keyscan.plot import check_picture, draw_library
from keyscan.plot.sheet import sheet, shortened, text_width
from keyscan.plot.theme import THEMES
from tests.batch.results import analysed

TRACKS = [analysed("a.mp3", "8A"), analysed("b.mp3", "12B", confidence=0.3)]
DRAW = """
import sys
from pathlib import Path
from keyscan.plot import draw_library
from tests.batch.results import analysed
tracks = [analysed("a.mp3", "8A"), analysed("b.mp3", "12B", confidence=0.3)]
for path in sys.argv[1:]:
    draw_library(Path(path), "Müsic 音楽", tracks)
assert not any(name.endswith("pyplot") or name == "tkinter" for name in sys.modules)
"""


@pytest.mark.parametrize("name", ["keys.jpg", "keys", "keys.svg.gz", ".svg", "svg"])
def test_other_formats_are_refused(tmp_path, name):
    with pytest.raises(UnknownPictureFormat, match=r"must end in \.svg or \.png") as caught:
        draw_library(tmp_path / name, "Music", TRACKS)
    assert name in str(caught.value)
    assert caught.value.code == "plot_format_unknown"
    assert not list(tmp_path.iterdir())


def test_the_case_of_the_extension_does_not_matter(tmp_path):
    draw_library(tmp_path / "keys.SVG", "Music", TRACKS)
    assert (tmp_path / "keys.SVG").read_bytes().startswith(b"<?xml")


@pytest.mark.parametrize("place", ["nowhere/keys.svg", "folder.svg", "file/keys.svg"])
def test_places_where_no_file_can_be(tmp_path, place):
    (tmp_path / "folder.svg").mkdir()
    (tmp_path / "file").touch()
    path = tmp_path / place
    before = set(tmp_path.rglob("*"))
    with pytest.raises(PictureNotWritten, match=r"cannot be written: \w+") as caught:
        check_picture(path)
    assert str(path) in str(caught.value)
    with pytest.raises(PictureNotWritten):
        draw_library(path, "Music", TRACKS)
    assert set(tmp_path.rglob("*")) == before


def test_a_full_disk(tmp_path):
    full = tmp_path / "keys.png"
    full.symlink_to("/dev/full")
    with pytest.raises(PictureNotWritten, match="No space left"):
        draw_library(full, "Music", TRACKS)


def test_a_picture_takes_the_place_of_an_older_one(tmp_path):
    path = tmp_path / "keys.svg"
    path.write_text("old")
    path.chmod(0o640)
    check_picture(path)
    assert path.read_text() == "old"
    draw_library(path, "Music", TRACKS)
    assert path.read_bytes().startswith(b"<?xml")
    assert path.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [path]


def test_the_same_bytes_whatever_the_user_has_set_and_nothing_on_stderr(tmp_path):
    """Another process with other hashes, matplotlib set up differently, and no font cache yet."""
    settings = tmp_path / "settings"
    settings.mkdir()
    (settings / "matplotlibrc").write_text(
        "figure.facecolor: red\ntext.usetex: True\nfont.size: 30\nsvg.fonttype: path\nnonsense: 1\n"
    )
    own = {"MPLCONFIGDIR": str(settings), "PYTHONHASHSEED": "7", "MPLBACKEND": "TkAgg"}
    environment = {**os.environ, **own}
    environment.pop("DISPLAY", None)
    theirs, ours = [[tmp_path / f"{who}.{kind}" for kind in ("svg", "png")] for who in "ab"]
    done = subprocess.run(
        [sys.executable, "-c", DRAW, *map(str, theirs)],
        env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    before = dict(matplotlib.rcParams)
    for path, other in zip(ours, theirs, strict=True):
        draw_library(path, "Müsic 音楽", TRACKS)
        assert path.read_bytes() == other.read_bytes()
    assert dict(matplotlib.rcParams) == before


def test_without_matplotlib(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingPlotLibrary, match="pip install matplotlib") as caught:
        draw_library(tmp_path / "keys.svg", "Music", TRACKS)
    assert caught.value.code == "plot_unavailable"
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    with pytest.raises(MissingPlotLibrary, match="run by Python"):
        check_picture(tmp_path / "keys.svg")
    assert not list(tmp_path.iterdir())


def test_a_text_that_fits_stays_and_a_longer_one_loses_its_middle():
    with sheet(THEMES["light"], 4, 3):
        assert shortened("short", 10, 1000) == "short"
        name = "The beginning " + 20 * "and so on " + "the end.flac"
        cut = shortened(name, 10, 200)
        assert cut.startswith("The beg")
        assert cut.endswith("end.flac")
        assert "…" in cut
        assert 180 < text_width(cut, 10) <= 200
        assert shortened("W" * 50, 10, 1) == "…"
        assert text_width("曲", 10) >= 9.5
