"""What the doctor is doing, for a person who waits."""

from __future__ import annotations

import os

from keyscan.stdio import STDERR


def say(text: str) -> None:
    """Write a line to stderr if that is a terminal; in a pipe or a file it stays empty."""
    if os.isatty(2):
        STDERR.write(f"keyscan: {text} ...\n")
