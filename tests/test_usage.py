"""The name the program was called by, its help, and hints at what is mistyped."""

from __future__ import annotations

import sys

import pytest

from keyscan.usage import overview, program, suggestion

CALLED = {
    "/home/me/.venv/bin/keyscan": "keyscan",
    "keyscan.exe": "keyscan",
    "/Applications/A/openkeyscan-analyzer": "openkeyscan-analyzer",
    "/opt/keyscan-1.2": "keyscan-1.2",
    "/src/keyscan/__main__.py": "python -m keyscan",
    "openkeyscan_analyzer_server.py": "python openkeyscan_analyzer_server.py",
}


@pytest.mark.parametrize(("path", "name"), CALLED.items())
def test_the_program_has_the_name_it_was_called_by(monkeypatch, path, name):
    monkeypatch.setattr(sys, "argv", [path, "analyze"])
    assert program() == name


def test_the_overview_lists_the_commands(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/usr/bin/keyscan"])
    lines = overview({"go": "walk on", "halt": "stand still"}).splitlines()
    assert lines[0] == "usage: keyscan COMMAND [OPTION ...]"
    assert {"  go    walk on", "  halt  stand still"} < set(lines)
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["analyse"], "; did you mean analyze?"),
        (["Analyze"], "; did you mean analyze?"),
        (["doctr", "sever"], "; did you mean doctor, serve?"),
        (["doctr", "docter"], "; did you mean doctor?"),
        (["frobnicate"], ""),
        ([""], ""),
    ],
)
def test_what_is_mistyped(words, hint):
    assert suggestion(words, ["analyze", "serve", "doctor"]) == hint
