"""Whether a file is an earlier output of ``analyze``, told by its start."""

from __future__ import annotations

import codecs
import re
from pathlib import PurePath

from keyscan.locations import meant_path
from keyscan.output import shown

HEAD = 1 << 16  # bytes; a path in JSON takes up to half of it
"""How much of a file ``is_own_output`` needs."""

_PNG = re.compile(rb"\x89PNG\r\n\x1a\n.{25}.{4}tEXtSoftware\0openkeyscan-analyzer", re.DOTALL)
_SVG = re.compile(
    r"<\?xml.*?<dc:creator>\s*<cc:Agent>\s*<dc:title>openkeyscan-analyzer</dc:title>", re.DOTALL
)
_TEXTS = (
    re.compile(r"path,status,camelot,openkey,key,confidence,tonal,"),
    re.compile(r"track +(Camelot|Open Key)  +key  +(confidence|sure)\b"),
    re.compile(r'\{"tracks": \[\n\{"path": "([^"\\]|\\.)*", "status": "'),
    re.compile(r'\{"tracks": \[\n\],\n"summary": \{"files": '),
    re.compile(r"#EXTM3U\n# made by openkeyscan-analyzer\n"),
    re.compile(r'\{"path": "([^"\\]|\\.)*", "status": "(success|error)", "code": "'),
    re.compile(r"<\?xml [^\n]*\n<DJ_PLAYLISTS [^\n]*\n *<PRODUCT Name=\"openkeyscan-analyzer\""),
    re.compile(r"<\?xml [^\n]*\n<NML [^\n]*\n *<HEAD [^\n]* PROGRAM=\"openkeyscan-analyzer\""),
    _SVG,
    re.compile(
        r'<!DOCTYPE html>\n<html lang="en">\n<meta charset="utf-8">\n'
        r'<meta name="generator" content="openkeyscan-analyzer">'
    ),
)
_EARLIER_M3U = re.compile(r"#EXTM3U\n(?:#EXTINF:\d+,(\d{1,2}[ABdm] )?(.+)\n(.+)\n)?")


def is_own_output(head: bytes) -> bool:
    """Whether a file with this start is a table, a document, a playlist or a picture of ours.

    Text may be what a shell made of it: with a byte order mark, in UTF-16, with CR LF.
    """
    if _PNG.match(head):
        return True
    encoding = "utf-8-sig"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    text = head.decode(encoding, "replace").replace("\r\n", "\n")
    if not text:  # a table without tracks
        return True
    return any(pattern.match(text) for pattern in _TEXTS) or _is_earlier_playlist(text)


def _is_earlier_playlist(text: str) -> bool:
    """Whether a playlist is one of version 0.1, which had no mark: the key, the file's name."""
    found = _EARLIER_M3U.match(text)
    if found is None:
        return False
    key, title, location = found.groups()
    if location is None:
        return found.end() == len(text)  # no tracks
    return key is not None and title == shown(PurePath(meant_path(location)).stem)
