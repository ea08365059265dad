"""Text for people: names made harmless for a terminal, columns that line up, numbers."""

from __future__ import annotations

import re
import unicodedata

from wcwidth import iter_graphemes, width

_CUT = "…"
_UNSEEN = ("Cc", "Cf", "Cs", "Zl", "Zp")
_JOINED = re.compile(r"(?<=[^\s\u200c\u200d])[\u200c\u200d](?=[^\s\u200c\u200d])")
"""The zero-width joiners of emoji and some scripts, where they join something."""


def shown(text: str) -> str:
    r"""``text`` on one line, with control, format and unpaired surrogate characters escaped.

    ``\x1b`` stands for the escape character, ``\u202e`` for right-to-left override, and ``\xff``
    for a byte of a file's name that is not UTF-8.
    """
    if text.isprintable():
        return text
    joined = {match.start() for match in _JOINED.finditer(text)}
    return "".join(c if at in joined else _shown(c) for at, c in enumerate(text))


def _shown(character: str) -> str:
    if unicodedata.category(character) not in _UNSEEN:
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
    room = max(size - columns(_CUT), 0)
    start = _first(list(iter_graphemes(text)), room * 2 // 5)
    end = _first(list(iter_graphemes(text))[::-1], room - columns("".join(start)))
    cut = "".join([*start, _CUT, *reversed(end)])
    return cut + " " * (size - columns(cut))


def _first(graphemes: list[str], size: int) -> list[str]:
    taken = []
    for grapheme in graphemes:
        size -= columns(grapheme)
        if size < 0:
            break
        taken.append(grapheme)
    return taken


def clock(seconds: float) -> str:
    """``5:03`` or ``1:02:03``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def signed(value: float) -> str:
    """``"+3"``, ``"-3"`` or ``"0"``."""
    return f"{round(value):+d}" if round(value) else "0"


def percent(share: float) -> str:
    """``"87 %"`` for 0.87; only 0 is ``"0 %"``, only 1 is ``"100 %"``."""
    if 0 < share < 0.01:
        return "<1 %"
    if 0.99 < share < 1:
        return ">99 %"
    return f"{100 * share:.0f} %"
