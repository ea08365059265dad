"""What a track is called: by its tags, or by its file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

_NAMES = {  # in easy tags and Vorbis comments; in ID3 of WAV and AIFF; in ASF
    "title": ("title", "TIT2"),
    "artist": ("artist", "TPE1", "Author"),
    "album": ("album", "TALB", "WM/AlbumTitle"),
}


@dataclass(frozen=True)
class Titles:
    """``artist`` and ``album`` are empty where they are not known."""

    title: str
    artist: str = ""
    album: str = ""


def titles_of(path: str) -> Titles:
    """The titles in the tags of the file at ``path``, the file's name in place of a missing title.

    Tags are read by mutagen (the extra ``tags``). Without it, or if it cannot read the file, the
    title is the file's name.
    """
    found = _tagged(path)
    return Titles(found.pop("title", "") or PurePath(path).stem, **found)


def _tagged(path: str) -> dict[str, str]:
    try:
        import mutagen

        file = mutagen.File(path, easy=True)
        tags = None if file is None else file.tags
    except Exception:  # not installed; on damaged tags it raises errors of many kinds
        return {}
    found = {} if tags is None else {name: _first(tags, names) for name, names in _NAMES.items()}
    return {name: text for name, text in found.items() if text}


def _first(tags: Any, names: tuple[str, ...]) -> str:
    for name in names:
        if value := tags.get(name):
            return str(getattr(value, "text", value)[0]).strip()
    return ""
