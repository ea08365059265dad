"""Other ways to write a path: ``file:`` URLs, as browsers and playlists have them, and quotes."""

from __future__ import annotations

import os
import re
from urllib.parse import unquote_to_bytes

_SCHEME = "file:"
_LOCAL = ("", "localhost", "127.0.0.1")
_DRIVE = re.compile(r"[A-Za-z][:|]")


def meant_path(text: str) -> str:
    """The path that ``text`` stands for; ``text`` itself if there is a file of that name.

    ``"/music/a.mp3"`` in single or double quotes is the path between them, and
    ``file:///music/a%20b.mp3`` (RFC 8089) is ``/music/a b.mp3``. A URL of another host remains.
    """
    plain = written_path(text)
    return text if plain == text or os.path.lexists(text) else plain


def written_path(text: str) -> str:
    """The same without a look at the disk, which may take long."""
    inner = text.strip()
    quoted = len(inner) > 2 and inner[0] == inner[-1] and inner[0] in "\"'"
    if quoted:
        inner = inner[1:-1]
    if inner[: len(_SCHEME)].lower() == _SCHEME:
        return path_of_url(inner) or text
    return inner if quoted else text


def path_of_url(url: str, *, windows: bool = os.name == "nt") -> str | None:
    """The path of a ``file:`` URL of this machine; None for any other text.

    Percent signs stand for bytes, so that names that are not UTF-8 are kept. ``?`` and ``#`` are
    parts of names, because many programs write them so.
    """
    path = url[len(_SCHEME) :]
    if url[: len(_SCHEME)].lower() != _SCHEME or not path.startswith("/"):
        return None
    if path.startswith("//"):
        host, _, rest = path[2:].partition("/")
        if host.lower() in _LOCAL:
            path = f"/{rest}"
        elif windows:
            path = f"/{host[0]}:/{rest}" if _DRIVE.fullmatch(host) else f"//{host}/{rest}"
        else:
            return None
    try:
        path = os.fsdecode(unquote_to_bytes(os.fsencode(path)))
    except UnicodeError:
        return None
    if windows and _DRIVE.match(path, 1):
        path = f"{path[1]}:{path[3:]}"
    return None if "\0" in path else path
