"""The program's name as it was called, its commands, and what a mistyped word may mean."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import PurePath

PRODUCT = "openkeyscan-analyzer"
"""The name of the package and of the exe; the program can have another."""


def program() -> str:
    """How the program was called: ``keyscan``, ``python -m keyscan`` or the name of the exe."""
    called = PurePath(sys.argv[0])
    if called.name == "__main__.py":
        return f"python -m {called.parent.name}"
    if called.suffix == ".py":
        return f"python {called.name}"
    return called.stem if called.suffix.lower() == ".exe" else called.name


def overview(commands: Mapping[str, str]) -> str:
    """The help of the program: its ``commands``, by name, each with a line of text."""
    name, size = program(), max(map(len, commands))
    lines = "".join(f"  {command:{size}}  {text}\n" for command, text in commands.items())
    return f"""\
usage: {name} COMMAND [OPTION ...]

Tell the musical key of audio files.

Commands:
{lines}
Examples:
  {name} analyze ~/Music
  {name} help analyze

"{name} help COMMAND" lists the options of a command.
"{name} --version" tells the version.
Without a command, or with options alone, it serves, unless stdin is a terminal.
"""


def suggestion(words: Iterable[str], known: Iterable[str]) -> str:
    """``"; did you mean analyze?"``: what ``words`` may mean of what is ``known``; or nothing."""
    from difflib import get_close_matches

    known = list(known)
    found = [match for word in words for match in get_close_matches(word.lower(), known, n=1)]
    return f"; did you mean {', '.join(dict.fromkeys(found))}?" if found else ""
