"""What a terminal can show: so many columns, and colours."""

from __future__ import annotations

import contextlib
import os
import sys
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass

from keyscan.keys import Key

_OF_THE_WHEEL = (30, 29, 64, 100, 166, 167, 168, 133, 134, 98, 68, 31)
"""Colours 1 to 12 of the Camelot wheel, from xterm's 256: they can be read on white and black."""
_BOLD, _FAINT, _RED, _YELLOW = "1", "2", "31", "33"  # SGR parameters of ECMA-48
_ESCAPES = 4  # ENABLE_VIRTUAL_TERMINAL_PROCESSING, a mode of Windows' consoles


def terminal_width(descriptor: int) -> int | None:
    """The columns of the terminal that ``descriptor`` is; None if it is none.

    The variable ``COLUMNS`` overrides them, as in other programs.
    """
    if not os.isatty(descriptor):
        return None
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns):
        return int(columns)
    for known in (descriptor, 2):  # Windows has a width for the standard streams only
        with contextlib.suppress(OSError, ValueError):
            if found := os.get_terminal_size(known).columns:
                return found
    return 80


def wrapped(text: str, width: int | None, indent: str = "") -> list[str]:
    """``text`` in lines that break between words; ``indent`` is for all but the first.

    A word that is wider than ``width`` stays whole; without a width, all is one line.
    """
    if width is None:
        return [text]
    return textwrap.wrap(
        text, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def shows_colours(descriptor: int, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether text for ``descriptor`` gets colours: on a terminal, unless ``environ`` says else.

    ``NO_COLOR`` turns them off; then ``FORCE_COLOR`` or ``CLICOLOR_FORCE`` turn them on, in pipes
    too; then ``FORCE_COLOR=0``, ``CLICOLOR=0`` and ``TERM=dumb`` turn them off. An empty variable
    is one that is not set. Sources: no-color.org, force-color.org, bixense.com/clicolors.
    """
    if environ.get("NO_COLOR"):
        return False
    forced = [environ.get(name) for name in ("FORCE_COLOR", "CLICOLOR_FORCE")]
    if any(value not in (None, "", "0") for value in forced):
        _prepare_console(descriptor)
        return True
    off = forced[0] == "0" or environ.get("CLICOLOR") == "0" or environ.get("TERM") == "dumb"
    return not off and os.isatty(descriptor) and _prepare_console(descriptor)


def _prepare_console(descriptor: int) -> bool:
    """Let a console of Windows obey escape sequences; False if it cannot, as before Windows 10."""
    if sys.platform != "win32":
        return True
    import ctypes
    import msvcrt

    handle = ctypes.c_void_p(msvcrt.get_osfhandle(descriptor))
    mode = ctypes.c_ulong()
    kernel32 = ctypes.windll.kernel32
    return bool(
        kernel32.GetConsoleMode(handle, ctypes.byref(mode))
        and kernel32.SetConsoleMode(handle, mode.value | _ESCAPES)
    )


@dataclass(frozen=True)
class Paint:
    """Puts colours around text if they are ``on``."""

    on: bool = False

    def key(self, text: str, key: Key) -> str:
        """In the colour that the key's Camelot number has on the wheel."""
        return self._with(f"38;5;{_OF_THE_WHEEL[key.camelot_number - 1]}", text)

    def title(self, text: str) -> str:
        """Bold."""
        return self._with(_BOLD, text)

    def aside(self, text: str) -> str:
        """Faint."""
        return self._with(_FAINT, text)

    def doubt(self, text: str) -> str:
        """For what needs a second look."""
        return self._with(_YELLOW, text)

    def failure(self, text: str) -> str:
        """For what went wrong."""
        return self._with(_RED, text)

    def _with(self, parameter: str, text: str) -> str:
        return f"\x1b[{parameter}m{text}\x1b[0m" if self.on and text else text
