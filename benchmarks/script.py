"""Shared parts of the benchmarks' commands: parser, types of options, progress bar."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import Any

from tqdm import tqdm

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}


def parser(name: str, description: str | None) -> argparse.ArgumentParser:
    """The parser of ``python -m benchmarks.NAME``; its help keeps the lines of the description."""
    return argparse.ArgumentParser(
        prog=f"benchmarks.{name}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def progress(*arguments: Any, **options: Any) -> tqdm:
    """A progress bar on a terminal; it disappears at its end."""
    return tqdm(*arguments, leave=False, disable=not sys.stderr.isatty(), **options)


def positive(text: str) -> int:
    """A whole number of at least 1."""
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1, not {text!r}")
    return int(text)


def audio_file(text: str) -> Path:
    """An existing file."""
    if not Path(text).is_file():
        raise argparse.ArgumentTypeError(f"there is no file {text}")
    return Path(text)


def duration(text: str) -> float:
    """Seconds of ``10s``, ``5m`` or ``10h``: at least 5 s, above a minute in whole minutes."""
    match = re.fullmatch(r"([1-9]\d*)([smh])", text)
    seconds = float(match[1]) * _UNITS[match[2]] if match is not None else 0.0
    if seconds < 5 or (seconds > 60 and seconds % 60):
        raise argparse.ArgumentTypeError(
            f"must be a length from 5s, beyond a minute in whole minutes, not {text!r}"
        )
    return seconds


def duration_name(seconds: float) -> str:
    """The text that ``duration`` parses: ``10s``, ``5m``, ``10h``."""
    unit = max((u for u, size in _UNITS.items() if seconds >= size), key=lambda u: _UNITS[u])
    return f"{seconds / _UNITS[unit]:g}{unit}"
