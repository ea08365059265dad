"""A missing file whose name is there in another Unicode form: the error says so."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from keyscan.audio.source import SourceFile, file_status
from keyscan.errors import FileNotFound
from tests.server_process import ServerProcess

NAMES = ["Beyoncé.mp3", "Sigur Rós", "가나다.flac", "Ångström ﬁ.wav"]


def in_form(form: str, name: str) -> str:
    return unicodedata.normalize(form, name)  # type: ignore[arg-type]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "é").write_bytes(b"x")
    if (tmp_path / "e\u0301").exists():
        pytest.skip("the file system keeps names in one form")
    return tmp_path


def message(path: Path) -> str:
    with pytest.raises(FileNotFound) as opening:
        SourceFile(path)
    with pytest.raises(FileNotFound) as looking:
        file_status(path)
    assert str(opening.value) == str(looking.value)
    return str(opening.value)


@pytest.mark.parametrize(("there", "asked"), [("NFC", "NFD"), ("NFD", "NFC")])
@pytest.mark.parametrize("name", NAMES)
def test_a_file_or_a_folder(name: str, there: str, asked: str, folder: Path) -> None:
    (folder / in_form(there, name)).write_bytes(b"x")
    assert message(folder / in_form(asked, name)).endswith(f"another Unicode form ({there})")
    album = "Mëtal"
    (folder / in_form(there, album)).mkdir()
    (folder / in_form(there, album) / "a.mp3").write_bytes(b"x")
    assert f"({there})" in message(folder / in_form(asked, album) / "a.mp3")
    (folder / in_form(there, album) / in_form(there, name)).write_bytes(b"x")
    assert f"({there})" in message(folder / in_form(asked, album) / in_form(asked, name))


@pytest.mark.parametrize("missing", ["a.mp3", "Beyonce.mp3", "Beyoncè.mp3", "Sigur Rós/é"])
def test_a_file_that_is_not_there_in_any_form(missing: str, folder: Path) -> None:
    (folder / in_form("NFD", "Sigur Rós")).mkdir()
    (folder / "Beyoncé.mp3").write_bytes(b"x")
    assert "Unicode" not in message(folder / missing)


def test_a_relative_path(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert "(NFC)" in message(Path("e\u0301"))


def test_the_server_says_so(folder: Path) -> None:
    with ServerProcess("-w", "1") as server:
        reply = server.ask({"id": 1, "path": str(folder / "e\u0301")})
    assert reply["code"] == "file_not_found"
    assert "(NFC)" in reply["error"]
