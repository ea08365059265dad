"""Names that strangers chose, on a terminal; files that are there as a whole or not at all."""

from __future__ import annotations

import os
import sys
import threading
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyscan.output import (
    check_writable,
    clock,
    columns,
    fitted,
    percent,
    replaced,
    shown,
    signed,
    write_text,
)

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="devices and permissions")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("träck 音楽 🎵.mp3", "träck 音楽 🎵.mp3"),
        ("\x1b[31mred\x07", r"\x1b[31mred\x07"),
        ("a\nb\r\tc", r"a\x0ab\x0d\x09c"),
        ("\x9b2J", r"\x9b2J"),
        ("evil\u202e3pm.exe", r"evil\u202e3pm.exe"),
        ("caf\udce9.mp3", r"caf\xe9.mp3"),
        ("\ud800", r"\ud800"),
        ("\U000e0041", r"\U000e0041"),
        ("👩\u200d👧", "👩\u200d👧"),
    ],
)
def test_what_would_steer_a_terminal_is_escaped(text, expected):
    assert shown(text) == expected


@given(st.text())
def test_nothing_that_is_shown_can_do_anything(text):
    unseen = {unicodedata.category(c) for c in shown(text) if c not in "\u200c\u200d"}
    assert not unseen & {"Cc", "Cf", "Cs", "Zl", "Zp"}


@pytest.mark.parametrize(
    ("text", "width"), [("abc", 3), ("音楽", 4), ("e\u0301", 1), ("👩\u200d👩\u200d👧", 2), ("", 0)]
)
def test_columns_of_a_terminal(text, width):
    assert columns(text) == width


@given(st.text(max_size=40), st.integers(1, 50))
def test_what_is_fitted_has_its_width(text, size):
    assert columns(fitted(shown(text), size)) == size


def test_of_a_long_name_start_and_end_are_left():
    name = "01 - Artist - Some Very Long Title (Original Mix).mp3"
    cut = fitted(name, 24)
    assert cut.startswith("01 - Ar")
    assert cut.endswith("nal Mix).mp3")


def test_letters_keep_their_accents_at_the_cut():
    name = unicodedata.normalize("NFD", "äöü" * 10)
    start, end = fitted(name, 8).split("…")
    assert unicodedata.normalize("NFC", start + end) == "äööüäöü"
    assert not unicodedata.combining(end[0])


@pytest.mark.parametrize(
    ("function", "texts"),
    [
        (clock, {0: "0:00", 62.6: "1:03", 3599.7: "1:00:00", 36_001: "10:00:01"}),
        (percent, {0.0: "0%", 0.004: "<1%", 0.87: "87%", 0.992: ">99%", 1.0: "100%"}),
        (signed, {2.6: "+3", -3.4: "-3", -0.4: "0"}),
    ],
)
def test_numbers(function, texts):
    assert {number: function(number) for number in texts} == texts


def write(path, *parts):
    with replaced(path) as file:
        write_text(parts, file.fileno())


def test_large_and_small_parts_are_written_in_order(tmp_path):
    parts = ["ä" * 70_000, "b", "", "\udcff", "c" * 200_000]
    write(tmp_path / "a.txt", *parts)
    assert (tmp_path / "a.txt").read_text("utf-8") == "".join(parts).replace("\udcff", r"\udcff")


def test_what_fails_half_way_leaves_the_old_file_and_nothing_else(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("old")

    def parts():
        yield "x" * 100_000
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), replaced(target) as file:
        write_text(parts(), file.fileno())
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


@posix_only
def test_new_files_get_the_usual_permissions(tmp_path):
    (tmp_path / "usual").touch()
    write(tmp_path / "new", "x")
    assert (tmp_path / "new").stat().st_mode == (tmp_path / "usual").stat().st_mode


@posix_only
def test_into_pipes_and_devices_is_written_directly(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    write(pipe, "x" * 200_000)
    reader.join(60)
    assert read == ["x" * 200_000]
    assert pipe.is_fifo()
    with pytest.raises(OSError, match="No space left"):
        write(Path("/dev/full"), "x")


@pytest.mark.parametrize("place", [".", "nowhere/a.txt", "file/a.txt"])
def test_where_there_can_be_no_file_is_known_before(tmp_path, place):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"directory"):
        check_writable(tmp_path / place)
    check_writable(tmp_path / "a.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
