"""Windows' rules for paths, with Windows faked: the tests look at the calls of the system."""

from __future__ import annotations

import errno
import ntpath
import os

import pytest

from keyscan import errors
from keyscan.audio import source
from keyscan.audio.source import SourceFile, literal_path

LONG = "x" * 200 + "\\" + "y" * 200
CURRENT = "C:\\current"
# What GetFullPathNameW answers, of which ntpath has a simpler one on other systems.
FULL_PATHS = {
    "NUL": "\\\\.\\NUL",
    "con": "\\\\.\\con",
    "COM1.mp3": "\\\\.\\COM1",
    "lpt9 .wav": "\\\\.\\lpt9",
    "CONIN$": "\\\\.\\CONIN$",
    "a.mp3": f"{CURRENT}\\a.mp3",
    f"{LONG}.mp3": f"{CURRENT}\\{LONG}.mp3",
    f"..\\{LONG}.mp3": f"C:\\{LONG}.mp3",
    "D:a.mp3": "D:\\current on D\\a.mp3",
    f"D:{LONG}.mp3": f"D:\\current on D\\{LONG}.mp3",
    f"\\{LONG}.mp3": f"C:\\{LONG}.mp3",
    "/a.mp3": "C:\\a.mp3",
}


@pytest.fixture(autouse=True)
def windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ntpath, "abspath", FULL_PATHS.__getitem__)


@pytest.mark.parametrize(
    ("path", "literal"),
    [
        ("C:\\short.mp3", "\\\\?\\C:\\short.mp3"),
        (f"C:\\{LONG}.mp3", f"\\\\?\\C:\\{LONG}.mp3"),
        (f"C:/{LONG}.mp3".replace("\\", "/"), f"\\\\?\\C:\\{LONG}.mp3"),
        (f"C:/{LONG}/../a.mp3", "\\\\?\\C:\\" + "x" * 200 + "\\a.mp3"),
        (f"C:\\.\\{LONG}\\\\.\\a.mp3", f"\\\\?\\C:\\{LONG}\\a.mp3"),
        ("C:\\..\\..\\a.mp3", "\\\\?\\C:\\a.mp3"),
        ("C:\\", "\\\\?\\C:\\"),
        # what Windows would read into these names stays out of them
        (f"C:\\{LONG}.mp3.", f"\\\\?\\C:\\{LONG}.mp3."),
        ("C:\\music \\a.mp3 ", "\\\\?\\C:\\music \\a.mp3 "),
        ("C:\\music...\\a.mp3...", "\\\\?\\C:\\music...\\a.mp3..."),
        ("E:\\music\\aux.mp3", "\\\\?\\E:\\music\\aux.mp3"),
        ("E:/CON/nul", "\\\\?\\E:\\CON\\nul"),
        # network drives
        ("\\\\server\\share\\a.mp3", "\\\\?\\UNC\\server\\share\\a.mp3"),
        (f"\\\\server\\share\\{LONG}.mp3", f"\\\\?\\UNC\\server\\share\\{LONG}.mp3"),
        (f"//server/share/{LONG}.mp3", f"\\\\?\\UNC\\server\\share\\{LONG}.mp3"),
        ("\\\\server\\share\\..\\a.mp3", "\\\\?\\UNC\\server\\share\\a.mp3"),
        # literal already: Windows resolves nothing in them, and neither do we
        (f"\\\\?\\C:\\{LONG}.mp3", f"\\\\?\\C:\\{LONG}.mp3"),
        ("\\\\?\\c:\\a\\..\\b.mp3", "\\\\?\\c:\\a\\..\\b.mp3"),
        ("\\\\?\\UNC\\server\\share\\a.mp3", "\\\\?\\UNC\\server\\share\\a.mp3"),
        ("\\\\?\\unc\\server\\share\\a.mp3", "\\\\?\\unc\\server\\share\\a.mp3"),
        ("\\\\?\\Volume{1-2}\\a.mp3", "\\\\?\\Volume{1-2}\\a.mp3"),
        ("\\\\.\\C:\\a.mp3", "\\\\?\\C:\\a.mp3"),
        ("//?/C:/a.mp3", "\\\\?\\C:\\a.mp3"),
        # relative: to the folder, to a folder of the drive, to the drive
        ("a.mp3", f"\\\\?\\{CURRENT}\\a.mp3"),
        (f"{LONG}.mp3", f"\\\\?\\{CURRENT}\\{LONG}.mp3"),
        (f"..\\{LONG}.mp3", f"\\\\?\\C:\\{LONG}.mp3"),
        ("D:a.mp3", "\\\\?\\D:\\current on D\\a.mp3"),
        (f"D:{LONG}.mp3", f"\\\\?\\D:\\current on D\\{LONG}.mp3"),
        (f"\\{LONG}.mp3", f"\\\\?\\C:\\{LONG}.mp3"),
        ("/a.mp3", "\\\\?\\C:\\a.mp3"),
    ],
)
def test_a_path_becomes_literal(path: str, literal: str) -> None:
    assert literal_path(path) == literal
    assert literal_path(literal) == literal


DEVICES = [
    *("NUL", "con", "COM1.mp3", "lpt9 .wav", "CONIN$"),
    *("\\\\.\\COM1", "\\\\.\\PhysicalDrive0", "\\\\.\\C:", "\\\\.\\pipe\\music", "//./pipe/music"),
    *("\\\\?\\COM1", "\\\\?\\pipe\\music", "\\\\?\\GLOBALROOT\\Device\\Serial0", "\\\\?\\C:"),
]


@pytest.mark.parametrize("path", DEVICES)
def test_a_device_is_not_touched(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "_ON_WINDOWS", True)
    asked: list[object] = []
    monkeypatch.setattr(os, "stat", asked.append)
    monkeypatch.setattr(os, "open", asked.append)
    with pytest.raises(errors.NotAFile):
        SourceFile(path)
    assert asked == []


def test_a_nul_cuts_no_path_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "_ON_WINDOWS", True)
    with pytest.raises(errors.InvalidPath):
        SourceFile("C:\\a.mp3\0.txt")


def test_the_system_gets_the_literal_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "_ON_WINDOWS", True)
    real_stat, asked = os.stat, []

    def ask(name: str, *_: object) -> os.stat_result:
        asked.append(name)
        return real_stat(__file__)

    def refuse(name: str, *_: object) -> int:
        asked.append(name)
        raise FileNotFoundError(errno.ENOENT, "gone again")

    monkeypatch.setattr(os, "stat", ask)
    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(errors.FileNotFound):
        SourceFile(f"C:/music/{LONG}.mp3")
    assert asked == [f"\\\\?\\C:\\music\\{LONG}.mp3"] * 2


@pytest.mark.parametrize(
    ("number", "windows_number", "code"),
    [
        (errno.EINVAL, 123, "invalid_path"),  # a name with a question mark
        (errno.ENOENT, 206, "invalid_path"),  # too long even behind the prefix
        (errno.EINVAL, 1921, "invalid_path"),  # a loop of links
        (errno.ENOENT, 3, "file_not_found"),
        (errno.ENOENT, 53, "file_not_found"),  # no such server
        (errno.EACCES, 5, "permission_denied"),
        (errno.EACCES, 32, "read_failed"),  # another program has locked it
        (errno.EACCES, 21, "read_failed"),  # no disc in the drive
        (errno.EINVAL, 59, "read_failed"),  # the network
        (errno.EINVAL, 64, "read_failed"),  # the server has hung up
        (errno.EINVAL, 1231, "read_failed"),  # no way to the server
    ],
)
def test_what_windows_says_of_a_path(
    number: int, windows_number: int, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "_ON_WINDOWS", True)

    def fail(*_: object) -> None:
        error = OSError(number, "what Windows says")
        error.winerror = windows_number  # type: ignore[attr-defined, unused-ignore]
        raise error

    monkeypatch.setattr(os, "stat", fail)
    with pytest.raises(errors.AnalysisError) as caught:
        SourceFile("Z:\\music\\a.mp3")
    assert caught.value.code == code
