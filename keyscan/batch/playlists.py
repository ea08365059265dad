"""A playlist becomes the paths of its files: M3U, M3U8 and PLS, as players and people write them.

Sources: the formats' descriptions by Winamp, which players follow.
"""

from __future__ import annotations

import codecs
import contextlib
import ntpath
import os
import re
import unicodedata
from collections.abc import Iterator, Sequence
from urllib.parse import unquote

from keyscan.batch.results import Failed
from keyscan.errors import NotAFile, PermissionDenied, ReadFailed, UnsupportedFormat
from keyscan.locations import meant_path, path_of_url

_EXTENSIONS = (".m3u", ".m3u8", ".pls")
_LARGEST = 1 << 26  # bytes; a million paths take less
_PLS_HEAD = b"[playlist]"
_PLS_ENTRY = re.compile(rb"\s*file(\d{1,9})\s*=(.*)", re.IGNORECASE | re.DOTALL)
_STREAM_TAGS = (b"#EXT-X-TARGETDURATION", b"#EXT-X-STREAM-INF")  # RFC 8216: one of them is there
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def is_playlist(path: str) -> bool:
    """Whether there is a file at ``path`` with the extension of a playlist."""
    return path.lower().endswith(_EXTENSIONS) and os.path.isfile(path)  # noqa: PTH113


def read_playlist(path: str) -> list[str | Failed] | None:
    """The entries in their order; None if the file is not text.

    Relative paths start at the playlist's folder, or at that of the file it is a link to. An entry
    for which there is no file is there too, as is a failure for an entry that is the URL of a
    stream.

    Raises:
        PermissionDenied, ReadFailed: the playlist cannot be read.
        UnsupportedFormat: it is a page of the web, or the playlist of a stream (HLS).
    """
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - pathlib changes some names
            data = file.read(_LARGEST + 1)
    except PermissionError as error:
        raise PermissionDenied("the playlist may not be read by this user") from error
    except OSError as error:
        raise ReadFailed(f"the playlist cannot be read: {error.strerror}") from error
    data = _as_utf8(data)
    if len(data) > _LARGEST or b"\0" in data:
        return None
    lines = [line.strip() for line in re.split(rb"[\r\n]+", data.removeprefix(codecs.BOM_UTF8))]
    lines = [line for line in lines if line]
    if lines and lines[0].startswith(b"<"):
        raise UnsupportedFormat("the playlist is an HTML or XML document, not a list of files")
    if any(line.startswith(_STREAM_TAGS) for line in lines):
        raise UnsupportedFormat("the playlist is that of a stream (HLS), not a list of files")
    head = next((line.lower() for line in lines if not line.startswith(b";")), b"")
    numbered = [entry.groups() for entry in map(_PLS_ENTRY.match, lines) if entry]
    if head == _PLS_HEAD or (numbered and path.lower().endswith(".pls")):
        entries = [entry.strip() for _, entry in sorted(numbered, key=lambda pair: int(pair[0]))]
    else:
        entries = [line for line in lines if not line.startswith(b"#")]
    real = os.path.realpath(path)
    folders = list(dict.fromkeys(map(os.path.dirname, (path, real))))
    return [_found(entry, folders) for entry in entries if entry]


def _as_utf8(data: bytes) -> bytes:
    """The same text in UTF-8 if it is UTF-16, with or without a byte order mark."""
    if data.startswith(_UTF16):
        return data.decode("utf-16", "replace").encode()
    if data[:2].count(0) == 1:  # the first character is ASCII
        with contextlib.suppress(UnicodeDecodeError):
            return data.decode("utf-16-be" if data[0] == 0 else "utf-16-le").encode()
    return data


def _found(entry: bytes, folders: Sequence[str]) -> str | Failed:
    """The first reading of ``entry`` by which there is something; the plainest if there is none."""
    readings = [reading for text in _decoded(entry) for reading in _readings(text)]
    for path in (os.path.join(folder, one) for folder in folders for one in readings):  # noqa: PTH118
        if os.path.lexists(path):
            return path
    if _URL.match(readings[0]) and path_of_url(readings[0]) is None:
        return Failed(readings[0], NotAFile("the entry of the playlist is a URL, not a file"))
    plain = meant_path(readings[0])
    # of another system's drive: there is no such file, and the folder is no part of the name
    return plain if ntpath.splitdrive(plain)[0] else os.path.join(folders[0], plain)  # noqa: PTH118


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
