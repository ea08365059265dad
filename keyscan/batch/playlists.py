"""A playlist becomes the paths of its files: M3U, M3U8 and PLS, as players and people write them.

Sources: the formats' descriptions by Winamp, which players follow.
"""

from __future__ import annotations

import codecs
import ntpath
import os
import re
import unicodedata
from collections.abc import Iterator
from urllib.parse import unquote

from keyscan.batch.results import Failed
from keyscan.errors import NotAFile, PermissionDenied, ReadFailed
from keyscan.locations import meant_path, path_of_url

_EXTENSIONS = (".m3u", ".m3u8", ".pls")
_LARGEST = 1 << 26  # bytes; a million paths take less
_PLS_HEAD = b"[playlist]"
_PLS_ENTRY = re.compile(rb"\s*file(\d{1,9})\s*=(.*)", re.IGNORECASE | re.DOTALL)
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def is_playlist(path: str) -> bool:
    """Whether there is a file at ``path`` with the extension of a playlist."""
    return path.lower().endswith(_EXTENSIONS) and os.path.isfile(path)  # noqa: PTH113


def read_playlist(path: str) -> list[str | Failed] | None:
    """The entries in their order; None if the file is not text, whatever its name says.

    Relative paths start at the playlist's folder. An entry for which there is no file is there
    too, as is a failure for an entry that is the URL of a stream.

    Raises:
        PermissionDenied, ReadFailed: the playlist cannot be read.
    """
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - pathlib changes some names
            data = file.read(_LARGEST + 1)
    except PermissionError as error:
        raise PermissionDenied("the playlist may not be read by this user") from error
    except OSError as error:
        raise ReadFailed(f"the playlist cannot be read: {error.strerror}") from error
    if data.startswith(_UTF16):
        data = data.decode("utf-16", "replace").encode()
    if len(data) > _LARGEST or b"\0" in data:
        return None
    lines = [line.strip() for line in re.split(rb"[\r\n]+", data.removeprefix(codecs.BOM_UTF8))]
    lines = [line for line in lines if line]
    if lines and lines[0].lower() == _PLS_HEAD:
        numbered = [entry.groups() for entry in map(_PLS_ENTRY.match, lines) if entry]
        entries = [entry.strip() for _, entry in sorted(numbered, key=lambda pair: int(pair[0]))]
    else:
        entries = [line for line in lines if not line.startswith(b"#")]
    folder = os.path.dirname(path)  # noqa: PTH120
    return [_found(entry, folder) for entry in entries if entry]


def _found(entry: bytes, folder: str) -> str | Failed:
    """The first reading of ``entry`` by which there is something; the plainest if there is none."""
    readings = [reading for text in _decoded(entry) for reading in _readings(text)]
    paths = [os.path.join(folder, reading) for reading in readings]  # noqa: PTH118
    for path in paths:
        if os.path.lexists(path):
            return path
    if _URL.match(readings[0]) and path_of_url(readings[0]) is None:
        return Failed(readings[0], NotAFile("the entry of the playlist is a URL, not a file"))
    plain = meant_path(readings[0])
    # of another system's drive: there is no such file, and the folder is no part of the name
    return plain if ntpath.splitdrive(plain)[0] else os.path.join(folder, plain)  # noqa: PTH118


def _decoded(entry: bytes) -> Iterator[str]:
    """UTF-8, or else the bytes that POSIX keeps, then what Windows wrote in western Europe."""
    try:
        yield entry.decode()
    except UnicodeDecodeError:
        yield from (os.fsdecode(entry), entry.decode("cp1252", "replace"), entry.decode("latin-1"))


def _readings(text: str) -> Iterator[str]:
    """The same path as other systems and programs write it."""
    for one in dict.fromkeys((text, meant_path(text), unquote(text))):
        for path in dict.fromkeys((one, one.replace("\\", "/"))):
            yield path
            yield from (unicodedata.normalize(form, path) for form in ("NFC", "NFD"))
