"""An extended M3U playlist in UTF-8, as players and DJ software read it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import PurePath

from keyscan.analyze.tracks import Track, code
from keyscan.display import stem
from keyscan.keys import KeyStyle


def m3u_lines(tracks: Sequence[Track], style: KeyStyle) -> Iterator[str]:
    """Those of the ``tracks`` that could be analysed, each with its length and key."""
    yield "#EXTM3U\n"
    for track in tracks:
        if track.analysed:
            key = f"{code(track.key, style)} " if track.tonal else ""
            yield f"#EXTINF:{round(track.duration)},{key}{stem(track.path)}\n"
            yield f"{_location(track.path)}\n"


def _location(path: str) -> str:
    """The absolute path, or a ``file:`` URI where a line of UTF-8 cannot hold that."""
    absolute = os.path.abspath(path)  # noqa: PTH100
    try:
        absolute.encode()
    except UnicodeEncodeError:
        return PurePath(absolute).as_uri()
    if absolute.splitlines() != [absolute] or absolute != absolute.strip():
        return PurePath(absolute).as_uri()
    return absolute
