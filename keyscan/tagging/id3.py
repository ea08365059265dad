"""Key and comment in ID3v2: ``TKEY``, and ``COMM`` without a description (id3.org, ID3v2.4).

All other frames are passed on as bytes, where mutagen would write them anew.
"""

from __future__ import annotations

import io
import shutil
import struct
from typing import Any, BinaryIO

from mutagen import MutagenError
from mutagen.id3 import COMM, ID3, TKEY, Encoding, Frame, Frames

from keyscan.audio.tags import tag_length
from keyscan.errors import NoTagsPossible, TagsDamaged
from keyscan.tagging.container import BLOCK, Fields, Found, copy, not_empty, padding
from keyscan.tagging.notation import LONGEST_ID3

_LONGEST_KEY = 1000  # bytes of a TKEY frame, which may be compressed
_NOT_A_TAG = bytes(256)  # behind an ID3v2 tag alone: mutagen looks for ID3v1 at the end
_UNSYNCHRONISED = 0x0002  # a flag of a frame of ID3v2.4
_FOOTER = 0x10  # a flag of an ID3v2.4 tag


class _Untouched(Frame):  # type: ignore[misc]
    """A frame that mutagen passes on as bytes."""

    @classmethod
    def _fromData(cls, header: Any, flags: int, data: bytes) -> Frame:  # noqa: N802
        raise NotImplementedError


class _Key(TKEY):  # type: ignore[misc]
    @classmethod
    def _fromData(cls, header: Any, flags: int, data: bytes) -> Frame:  # noqa: N802
        if len(data) > _LONGEST_KEY:
            raise MutagenError("the key is too long")
        return TKEY._fromData(header, flags, data)


class _PlainComment(COMM):  # type: ignore[misc]
    """Programs keep settings of their own in comments that have a description."""

    @classmethod
    def _fromData(cls, header: Any, flags: int, data: bytes) -> Frame:  # noqa: N802
        comment = COMM._fromData(header, flags, data)
        if comment.desc:
            raise NotImplementedError
        return comment


def _id3(*, comment: bool) -> dict[str, Any]:
    """Arguments of mutagen: only the key is read, and the ``comment`` if that is wanted."""
    frames = {**dict.fromkeys(Frames, _Untouched), "TKEY": _Key}
    if comment:
        frames["COMM"] = _PlainComment
    return {"known_frames": frames, "translate": False, "load_v1": False}


def _of_id3(tags: Any) -> Found:
    if tags is None:
        return Found(longest=LONGEST_ID3)
    keys = [text for frame in tags.getall("TKEY") for text in frame.text]
    comment = _comment(tags)
    return Found(not_empty(keys), not_empty(comment.text if comment else ()), LONGEST_ID3)


def _comment(tags: Any) -> Any:
    """Of the comments without a description: that in English, or the first by language.

    Their order in the file says nothing: mutagen sorts frames by size.
    """
    plain = [frame for frame in tags.getall("COMM") if not frame.desc]
    return min(plain, key=lambda frame: (frame.lang != "eng", frame.lang), default=None)


def _set_id3(tags: Any, fields: Fields) -> int:
    """Set the frames; the version of ID3v2 to be written."""
    version = tags.version[1]
    if version == 4 and tags.f_unsynch:  # mutagen writes the tag without that flag
        tags.unknown_frames = [_unsynchronised(frame) for frame in tags.unknown_frames]
    if fields.key is not None:
        tags.setall("TKEY", [TKEY(encoding=Encoding.LATIN1, text=[fields.key])])
    if fields.comment is not None:
        old = _comment(tags)
        language = old.lang if old else "eng"
        tags.add(COMM(encoding=Encoding.LATIN1, lang=language, desc="", text=[fields.comment]))
    return 4 if version == 4 else 3


def _new_id3(tags: Any) -> Any:
    tags.version = (2, 3, 0)  # which more programs read than 2.4
    return tags


def _unsynchronised(frame: bytes) -> bytes:
    (flags,) = struct.unpack(">H", frame[8:10])
    return frame[:8] + struct.pack(">H", flags | _UNSYNCHRONISED) + frame[10:]


class Id3InFront:
    """An ID3v2 tag in front; it is edited alone, so that what follows stays byte by byte."""

    def read(self, file: BinaryIO) -> Found:
        tag = self._tag(file)
        return _of_id3(self._parsed(tag, comment=True) if tag else None)

    def write(self, file: BinaryIO, new: BinaryIO, fields: Fields) -> None:
        tag = self._tag(file)
        tags = self._parsed(tag, comment=fields.comment is not None) if tag else _new_id3(ID3())
        version = _set_id3(tags, fields)
        edited = io.BytesIO(tag + _NOT_A_TAG)
        tags.save(edited, v2_version=version, v23_sep=None, padding=padding)
        new.write(edited.getvalue()[: -len(_NOT_A_TAG)])
        file.seek(len(tag))
        shutil.copyfileobj(file, new, BLOCK)

    @staticmethod
    def _tag(file: BinaryIO) -> bytes:
        head = file.read(32)
        file.seek(0)
        if head[:3] != b"ID3":
            return b""
        if head[3] not in (2, 3, 4) or (head[3] == 4 and head[5] & _FOOTER):
            raise NoTagsPossible("its ID3 tag is of an unusual kind")
        size = tag_length(head)
        tag = file.read(size)
        if len(tag) < size:
            raise TagsDamaged("its ID3 tag breaks off")
        return tag

    @staticmethod
    def _parsed(tag: bytes, *, comment: bool) -> Any:
        file = io.BytesIO(tag + _NOT_A_TAG)
        return _whole(ID3, file) if tag[3] == 2 else ID3(file, **_id3(comment=comment))


def _whole(kind: Any, file: BinaryIO) -> Any:
    """Read an ID3v2.2 tag, which mutagen can write as 2.3 only."""
    tags = kind(file, v2_version=3, load_v1=False)
    if tags.unknown_frames:
        raise NoTagsPossible("its ID3v2.2 tag cannot become ID3v2.3 without a loss")
    return tags


class Id3InChunks:
    """An ID3v2 tag in a chunk of a WAV or AIFF."""

    def __init__(self, kind: Any) -> None:
        """``kind``: mutagen's class for the container."""
        self._kind = kind

    def read(self, file: BinaryIO) -> Found:
        return _of_id3(self._parsed(file, comment=True).tags)

    def write(self, file: BinaryIO, new: BinaryIO, fields: Fields) -> None:
        _require_whole(file)
        audio = self._parsed(file, comment=fields.comment is not None)
        if audio.tags is None:
            audio.add_tags()
            _new_id3(audio.tags)
        version = _set_id3(audio.tags, fields)
        copy(file, new)
        audio.save(new, v2_version=version, v23_sep=None, padding=padding)

    def _parsed(self, file: BinaryIO, *, comment: bool) -> Any:
        audio = self._kind(file, **_id3(comment=comment))
        if audio.tags is not None and audio.tags.version[1] == 2:
            file.seek(0)
            return _whole(self._kind, file)
        return audio


def _require_whole(file: BinaryIO) -> None:
    """mutagen inserts a chunk where the size in the header of a WAV or AIFF ends."""
    file.seek(0)
    head = file.read(8)
    (size,) = struct.unpack(">I" if head[:4] == b"FORM" else "<I", head[4:])
    if size + 8 + size % 2 != file.seek(0, io.SEEK_END):
        raise NoTagsPossible("the size in its header is not that of the file")
    file.seek(0)
