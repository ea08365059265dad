"""Types of options that several benchmarks have."""

from __future__ import annotations

import argparse
from pathlib import Path


def positive(text: str) -> int:
    """A number of rounds, tracks or whatever there must be one of."""
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1, not {text!r}")
    return int(text)


def audio_file(text: str) -> Path:
    """A file that is there."""
    if not Path(text).is_file():
        raise argparse.ArgumentTypeError(f"there is no file {text}")
    return Path(text)
