"""A file object is read once, from its position to its end, and put back."""

from __future__ import annotations

import errno
import gzip
import io
import os
import tempfile
import zipfile
from pathlib import Path

import pytest

from keyscan.audio.file_objects import copied
from keyscan.errors import EmptyFile, InvalidInput, ReadFailed

DATA = bytes(range(256)) * 10_000  # more than one block


class Stream:
    """An object that has nothing but ``read``, and gives as much as it likes."""

    def __init__(self, *answers):
        self.answers = list(answers)

    def read(self, size):
        answer = self.answers.pop(0) if self.answers else b""
        if isinstance(answer, BaseException):
            raise answer
        return answer


@pytest.fixture(autouse=True)
def nothing_left(tmp_path, monkeypatch):
    """No temporary file is left behind."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield
    assert not list(folder.iterdir())


def content(file):
    with copied(file) as path:
        return path.read_bytes()


def test_from_the_position_to_the_end_and_back(tmp_path):
    (tmp_path / "a").write_bytes(DATA)
    for file in (io.BytesIO(DATA), (tmp_path / "a").open("rb"), (tmp_path / "a").open("r+b"),
                 (tmp_path / "a").open("rb", buffering=0)):  # fmt: skip
        with file:
            file.seek(100)
            assert content(file) == DATA[100:]
            assert file.tell() == 100
            file.seek(0)
            assert content(file) == DATA


def test_other_libraries(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a", DATA)
    with zipfile.ZipFile(tmp_path / "a.zip") as archive, archive.open("a") as file:
        assert [content(file), content(file)] == [DATA, DATA]
    with gzip.open(io.BytesIO(gzip.compress(DATA))) as file:
        assert content(file) == DATA
    with tempfile.SpooledTemporaryFile(1000) as file:
        file.write(DATA)
        file.seek(5)
        assert content(file) == DATA[5:]


def test_what_cannot_seek():
    assert content(Stream(b"a", b"", b"c")) == b"a"
    assert content(Stream(b"ab", bytearray(b"cd"), memoryview(b"ef"))) == b"abcdef"
    ours, theirs = os.pipe()
    os.write(theirs, b"abc")
    os.close(theirs)
    with os.fdopen(ours, "rb") as file:
        assert content(file) == b"abc"
        assert file.read() == b""


def test_an_error_inside_puts_it_back_too():
    file = io.BytesIO(DATA)
    with pytest.raises(KeyError), copied(file):
        raise KeyError
    assert file.tell() == 0


@pytest.mark.parametrize("text", [io.StringIO("abc"), Stream("abc")])
def test_text_is_refused(text):
    with pytest.raises(InvalidInput, match="in text mode: open it in binary mode, 'rb'"):
        content(text)


def test_a_text_file_is_refused(tmp_path):
    (tmp_path / "a").write_text("abc")
    with (tmp_path / "a").open() as file, pytest.raises(InvalidInput, match="text mode"):
        content(file)


@pytest.mark.parametrize("answer", [None, 7, [1]])
def test_what_gives_no_bytes(answer):
    with pytest.raises(InvalidInput, match=rf"gives a {type(answer).__name__}, not bytes"):
        content(Stream(answer))


def test_nothing_to_read():
    with pytest.raises(EmptyFile, match=r"nothing to read in the file object$"):
        content(io.BytesIO())
    file = io.BytesIO(b"abc")
    file.read()
    with pytest.raises(EmptyFile, match=r"after its position 3: seek\(0\)"):
        content(file)
    assert file.tell() == 3


def test_what_fails_to_read(tmp_path):
    closed = io.BytesIO(DATA)
    closed.close()
    with pytest.raises(ReadFailed, match="closed file"):
        content(closed)
    with (tmp_path / "a").open("wb") as file, pytest.raises(ReadFailed, match="could not be read"):
        content(file)
    for error in (OSError("gone"), RuntimeError("gone")):
        with pytest.raises(ReadFailed, match="could not be read: gone"):
            content(Stream(b"abc", error))
    with pytest.raises(KeyboardInterrupt):
        content(Stream(b"abc", KeyboardInterrupt()))


def test_no_place_for_a_copy(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    with pytest.raises(ReadFailed, match=r"cannot be copied to .*none: No such file"):
        content(io.BytesIO(DATA))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full device")
def test_a_full_disk(monkeypatch):
    full = open  # Path.open is replaced
    monkeypatch.setattr(Path, "open", lambda path, mode: full("/dev/full", mode))
    file = io.BytesIO(DATA)
    with pytest.raises(ReadFailed, match=os.strerror(errno.ENOSPC)):
        content(file)
    assert file.tell() == 0
