"""Output for people: text fit for a terminal, numbers, and files written whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import shutil
import stat
import unicodedata
from collections.abc import Iterable, Iterator
from io import FileIO
from itertools import accumulate
from pathlib import Path

from wcwidth import iter_graphemes, width

from keyscan.stdio import write_all

_JOINED = re.compile(r"(?<=[^\s\u200c\u200d])[\u200c\u200d](?=[^\s\u200c\u200d])")
"""The zero-width joiners of emoji and some scripts, where they join something."""


def shown(text: str) -> str:
    r"""``text`` on one line, with control, format and unpaired surrogate characters escaped.

    ``\x1b`` stands for the escape character, ``\u202e`` for right-to-left override, and ``\xff``
    for a byte of a file's name that is not UTF-8.
    """
    joined = {match.start() for match in _JOINED.finditer(text)}
    return "".join(c if at in joined else _shown(c) for at, c in enumerate(text))


def _shown(character: str) -> str:
    if unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Zl", "Zp"):
        return character
    number = ord(character)
    if 0xDC80 <= number <= 0xDCFF:
        number -= 0xDC00  # how Python keeps such a byte (PEP 383)
    if number <= 0xFF:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number <= 0xFFFF else f"\\U{number:08x}"


def columns(text: str) -> int:
    """How many columns of a terminal ``text`` takes."""
    return int(width(text))


def fitted(text: str, size: int) -> str:
    """``text`` in exactly ``size`` columns, without its middle if it is too long.

    The end keeps more than the start: it has the title, the number and the format.
    """
    if (short := size - columns(text)) >= 0:
        return text + " " * short
    graphemes, room = list(iter_graphemes(text)), max(size - 1, 0)
    start = _first(graphemes, room * 2 // 5)
    end = _first(graphemes[::-1], room - columns("".join(start)))
    cut = "".join([*start, "…", *reversed(end)])
    return cut + " " * (size - columns(cut))


def _first(graphemes: list[str], size: int) -> list[str]:
    ends = accumulate(map(columns, graphemes))
    return [grapheme for grapheme, end in zip(graphemes, ends, strict=True) if end <= size]


def clock(seconds: float) -> str:
    """``5:03`` or ``1:02:03``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def whole_cents(cents: float) -> int:
    """``cents`` in whole numbers, rounded from the tenths that replies have."""
    return round(round(cents, 1))


def signed(cents: float) -> str:
    """``"+3"``, ``"-3"`` or ``"0"``."""
    whole = whole_cents(cents)
    return f"{whole:+d}" if whole else "0"


def percent(share: float) -> str:
    """``"87%"`` for 0.87; only 0 is ``"0%"``, only 1 is ``"100%"``, and 0.992 is ``">99%"``."""
    if 0 < share < 0.01:
        return "<1%"
    return ">99%" if 0.99 < share < 1 else f"{100 * share:.0f}%"


def write_text(parts: Iterable[str], descriptor: int) -> None:
    """Write ``parts`` as UTF-8; a reader that is gone is not an error.

    Raises:
        OSError: they cannot be written, for another reason.
    """
    try:
        block = bytearray()  # no BufferedWriter: it would write again after Ctrl-C
        for part in parts:
            block += part.encode("utf-8", "backslashreplace")
            if len(block) >= 1 << 16:
                write_all(descriptor, bytes(block))
                block = bytearray()
        write_all(descriptor, bytes(block))
    except OSError as error:
        if error.errno not in (errno.EPIPE, errno.EINVAL):  # the second: Windows
            raise


def check_writable(path: Path) -> None:
    """Check before the work whether its results can be written.

    Raises:
        OSError: there can be no file at ``path``.
    """
    if path.is_dir():
        raise OSError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if path.exists() and not os.access(path, os.W_OK):  # though it could be replaced
        raise OSError(errno.EACCES, os.strerror(errno.EACCES), str(path))
    if not _is_stream(path):
        new = _beside(path)
        new.touch(exist_ok=False)
        new.unlink()


@contextlib.contextmanager
def replaced(path: Path) -> Iterator[FileIO]:
    """What the block writes becomes the file at ``path`` when the block ends without an error.

    Links and the permissions of an older file stay; devices and pipes are written directly.

    Raises:
        OSError: it cannot be written.
    """
    if _is_stream(path):
        with path.open("wb", buffering=0) as stream:
            yield stream
        return
    new = _beside(path)
    try:
        with new.open("xb", buffering=0) as file:
            yield file
        if path.exists():
            shutil.copymode(path, new)
        new.replace(os.path.realpath(path))
    except BaseException:
        new.unlink(missing_ok=True)
        raise


def _beside(path: Path) -> Path:
    """A name for a new file in the same folder, that of its target if ``path`` is a link."""
    return Path(os.path.realpath(path)).with_name(f".{secrets.token_hex(8)}.tmp")


def _is_stream(path: Path) -> bool:
    try:
        return not stat.S_ISREG(path.stat().st_mode)
    except FileNotFoundError:
        return False
