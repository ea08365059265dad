"""Files that are there as a whole or not at all."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import pytest

from keyscan.output import check_writable, replaced, write_text

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="devices and permissions")


def write(path, *parts):
    with replaced(path) as file:
        write_text(parts, file)


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
        write_text(parts(), file)
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
