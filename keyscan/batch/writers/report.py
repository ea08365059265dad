"""What every writer gets, and what several of them share."""

from __future__ import annotations

import os
import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePath

from keyscan.analysis import Analysis, Message, failure_fields, success_fields
from keyscan.batch.results import Result, RunSummary
from keyscan.keys import KeyStyle
from keyscan.terminal import Paint

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What no XML document may hold, not even escaped (XML 1.0, production ``Char``)."""


@dataclass(frozen=True)
class Report:
    """The results of a run, in the order in which they are written.

    Attributes:
        width: columns of the terminal that the text is for; None if it is for none.
        paint: the colours of that terminal.
        omitted: gets the paths of tracks that the format cannot name.
    """

    results: Sequence[Result]
    summary: RunSummary
    style: KeyStyle
    width: int | None = None
    paint: Paint = field(default_factory=Paint)
    omitted: list[str] = field(default_factory=list)


def reply(result: Result, style: KeyStyle) -> Message:
    """The fields of the server's reply, with the key over time where it is known."""
    if isinstance(result, Analysis):
        return success_fields(result, style, timeline=True)
    return failure_fields(result.path, result.error)


def absolute(path: str) -> PurePath:
    """The same file from any folder; links stay as they are named."""
    return PurePath(os.path.abspath(path))  # noqa: PTH100


def dj_key(track: Analysis, style: KeyStyle) -> str:
    """The key as DJ software shows it, ``"Am"`` for the musical notation; empty without one."""
    if not track.has_key:
        return ""
    short = style.notation == "musical"
    return track.key.short(style.spelling) if short else style.write(track.key)


def fits_xml(text: str) -> bool:
    """Whether an XML document can hold ``text``."""
    return _NO_XML.search(text) is None


def cleaned(text: str) -> str:
    """``text`` with U+FFFD for every character that an XML document cannot hold."""
    return _NO_XML.sub("\ufffd", text)


def xml_text(root: ET.Element) -> str:
    """The document: indented, every element with an end tag, in UTF-8."""
    ET.indent(root)
    text = ET.tostring(root, encoding="unicode", short_empty_elements=False)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'
