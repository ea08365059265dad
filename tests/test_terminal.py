"""Widths, colours and the variables that decide them."""

from __future__ import annotations

import ctypes
import os
import sys
from types import SimpleNamespace

import pytest

from keyscan.keys import KEYS
from keyscan.output import columns
from keyscan.terminal import Paint, shows_colours, terminal_width, wrapped

needs_pty = pytest.mark.skipif(sys.platform == "win32", reason="uses a pty")


@pytest.fixture
def terminal():
    import pty  # Windows has none

    main, terminal = pty.openpty()
    yield terminal
    os.close(terminal)
    os.close(main)


@pytest.fixture
def pipe():
    read, write = os.pipe()
    yield write
    os.close(read)
    os.close(write)


@needs_pty
@pytest.mark.parametrize(
    ("environ", "on_terminal", "in_pipe"),
    [
        ({}, True, False),
        ({"NO_COLOR": "", "FORCE_COLOR": "", "CLICOLOR": "1", "TERM": "xterm"}, True, False),
        ({"NO_COLOR": "1"}, False, False),
        ({"NO_COLOR": "0"}, False, False),  # any value but an empty one
        ({"FORCE_COLOR": "1"}, True, True),
        ({"FORCE_COLOR": "3", "TERM": "dumb"}, True, True),
        ({"CLICOLOR_FORCE": "1", "CLICOLOR": "0"}, True, True),
        ({"CLICOLOR_FORCE": "0"}, True, False),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, False, False),
        ({"FORCE_COLOR": "0"}, False, False),
        ({"CLICOLOR": "0"}, False, False),
        ({"TERM": "dumb"}, False, False),
    ],
)
def test_who_gets_colours(environ, on_terminal, in_pipe, terminal, pipe):
    assert shows_colours(terminal, environ) == on_terminal
    assert shows_colours(pipe, environ) == in_pipe


@needs_pty
@pytest.mark.parametrize(("is_console", "obeys"), [(1, 1), (1, 0), (0, 0)])
def test_a_console_of_windows_is_told_to_obey_escapes(is_console, obeys, terminal, monkeypatch):
    modes = []

    def get_mode(handle, mode):
        mode._obj.value = 3
        return is_console

    def set_mode(handle, mode):
        modes.append((handle.value, mode))
        return obeys

    kernel32 = SimpleNamespace(GetConsoleMode=get_mode, SetConsoleMode=set_mode)
    monkeypatch.setattr(ctypes, "windll", SimpleNamespace(kernel32=kernel32), raising=False)
    monkeypatch.setitem(sys.modules, "msvcrt", SimpleNamespace(get_osfhandle=lambda fd: fd + 100))
    monkeypatch.setattr(sys, "platform", "win32")
    assert shows_colours(terminal, {}) == bool(is_console and obeys)
    assert modes == ([(terminal + 100, 7)] if is_console else [])


def test_paint():
    off, on = Paint(), Paint(on=True)
    for name in ("title", "aside", "doubt", "failure"):
        assert getattr(off, name)("text") == "text"
        painted = getattr(on, name)("text")
        assert (painted[:2], painted[-8:]) == ("\x1b[", "text\x1b[0m")
        assert columns(painted) == 4
        assert getattr(on, name)("") == ""
    assert off.key("8A", KEYS[7]) == "8A"
    assert on.key("8A", KEYS[7]) == "\x1b[38;5;133m8A\x1b[0m"


def luminance(number):
    """The relative luminance of a colour of xterm's 6 x 6 x 6 cube (WCAG 2)."""
    levels = [0, 95, 135, 175, 215, 255]
    parts = [levels[(number - 16) // size % 6] / 255 for size in (36, 6, 1)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
              for part in parts]  # fmt: skip
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_keys_have_a_colour_for_each_number_that_can_be_read_on_white_and_black():
    numbers = {int(Paint(on=True).key("x", key).split("m")[0].split(";")[2]) for key in KEYS}
    assert len(numbers) == 12
    for bright in map(luminance, numbers):
        assert 1.05 / (bright + 0.05) >= 3  # on white: WCAG's least contrast of large text
        assert (bright + 0.05) / 0.05 >= 3  # on black


@needs_pty
def test_the_width_of_a_terminal(terminal, pipe, monkeypatch):
    import fcntl
    import struct
    import termios

    monkeypatch.setenv("COLUMNS", "")
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 61, 0, 0))
    assert terminal_width(terminal) == 61
    monkeypatch.setenv("COLUMNS", "132")
    assert terminal_width(terminal) == 132
    assert terminal_width(pipe) is None


def test_lines_break_between_words():
    text = "failed: 2,000 unsupported_format, 1 so-called"
    assert wrapped(text, None) == [text]
    assert wrapped(text, 30, "  ") == ["failed: 2,000", "  unsupported_format, 1", "  so-called"]
    assert wrapped("  " + text, 80) == ["  " + text]
    assert wrapped("a" * 50 + " b", 20) == ["a" * 50, "b"]
