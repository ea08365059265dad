"""The key and the comment among the tags of one file, read and written by mutagen.

Everything else in a file stays. MP3, WAV and AIFF have ID3v2 (``id3.py``), MP4 the atoms of iTunes
(``mp4.py``), FLAC and Ogg the Vorbis comments ``INITIALKEY`` and ``COMMENT``.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from mutagen import MutagenError
from mutagen.aiff import AIFF
from mutagen.flac import FLAC
from mutagen.oggflac import OggFLAC
from mutagen.oggopus import OggOpus
from mutagen.oggspeex import OggSpeex
from mutagen.oggvorbis import OggVorbis
from mutagen.wave import WAVE

from keyscan.audio.probing import identify
from keyscan.audio.source import SourceFile
from keyscan.errors import NoTagsPossible, TagError, TagsDamaged
from keyscan.tagging.container import Container, Fields, Found, copy, not_empty, padding
from keyscan.tagging.id3 import Id3InChunks, Id3InFront
from keyscan.tagging.mp4 import Ilst

_KEY, _COMMENT = "INITIALKEY", "COMMENT"
_BEHIND_ID3 = ("mp3", "free-format mp3", "flac")  # formats that may begin with an ID3v2 tag
_UNKNOWN = "a file in this format holds no key"


def read_fields(path: str) -> Found:
    """The key and the comment in the tags of the file at ``path``.

    Raises:
        NoTagsPossible: it is in a format that holds no key.
        TagsDamaged: its tags cannot be read.
        AnalysisError, OSError: the file cannot be read.
    """
    kind = _kind(path)
    with Path(path).open("rb") as file, _explained():
        return kind.read(file)


def write_fields(path: str, new: BinaryIO, fields: Fields) -> None:
    """Write the file at ``path``, with those ``fields``, to the empty ``new``.

    Raises:
        NoTagsPossible: the format holds no key, or only with other changes.
        TagsDamaged: its tags cannot be read.
        AnalysisError, OSError: the file cannot be read or written.
    """
    kind = _kind(path)
    with Path(path).open("rb") as file, _explained():
        kind.write(file, new, fields)
        new.seek(0)
        _require(kind.read(new), fields)


def _require(written: Found, fields: Fields) -> None:
    """mutagen writes behind a damaged chunk, where no program looks."""
    if (fields.key or written.key, fields.comment or written.comment) != (
        written.key,
        written.comment,
    ):
        raise TagsDamaged("its tags cannot be written: its headers are damaged")


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    """Whatever mutagen raises at damaged tags becomes ``TagsDamaged``."""
    try:
        yield
    except (TagError, OSError):
        raise
    except MutagenError as error:
        if isinstance(error.__context__, OSError):
            raise error.__context__ from None
        raise TagsDamaged(f"its tags cannot be read: {error}") from error
    except Exception as error:  # of any class
        raise TagsDamaged(f"its tags cannot be read: {type(error).__name__}: {error}") from error


def _kind(path: str) -> Container:
    """How the tags of the file at ``path`` are read and written."""
    with SourceFile(path) as source:
        found = identify(source)
    name = found.format.name
    if name not in _KINDS:
        raise NoTagsPossible(f"a file in the format {name} holds no key" if name else _UNKNOWN)
    if found.start and name not in _BEHIND_ID3:
        raise NoTagsPossible("other bytes stand in front of its sound")
    return _KINDS[name]


class _Comments:
    """Vorbis comments in FLAC and Ogg."""

    def __init__(self, kind: Any) -> None:
        """``kind``: mutagen's class for the container."""
        self._kind = kind

    def read(self, file: BinaryIO) -> Found:
        tags = self._kind(file).tags or {}
        return Found(not_empty(tags.get(_KEY, ())), not_empty(tags.get(_COMMENT, ())))

    def write(self, file: BinaryIO, new: BinaryIO, fields: Fields) -> None:
        audio = self._kind(file)
        if audio.tags is None:
            audio.add_tags()
        if any("\ufffd" in value for _, value in audio.tags):
            raise NoTagsPossible("its tags are not UTF-8, and mutagen would spoil them")
        if fields.key is not None:
            audio.tags[_KEY] = fields.key
        if fields.comment is not None:
            audio.tags[_COMMENT] = fields.comment
        copy(file, new)
        audio.save(new, padding=padding)


_KINDS: dict[str, Container] = {
    **dict.fromkeys(("mp3", "free-format mp3"), Id3InFront()),
    "wav": Id3InChunks(WAVE),
    **dict.fromkeys(("aiff", "aifc"), Id3InChunks(AIFF)),
    "flac": _Comments(FLAC),
    "ogg vorbis": _Comments(OggVorbis),
    "ogg opus": _Comments(OggOpus),
    "ogg flac": _Comments(OggFLAC),
    "ogg speex": _Comments(OggSpeex),
    "mp4": Ilst(),
}
"""By the name of a format in ``audio/formats.py``."""
