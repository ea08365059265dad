"""The key and the comment among the tags of one file, read and written by mutagen.

Everything else in a file stays: frames, atoms and blocks are passed on as bytes where mutagen would
write them anew.

The fields: ID3v2 ``TKEY`` and ``COMM`` without a description (id3.org, ID3v2.4 section 4), in MP3
and in the chunks of WAV and AIFF; Vorbis comments ``INITIALKEY`` and ``COMMENT`` in FLAC and Ogg;
in MP4 ``----:com.apple.iTunes:initialkey`` and ``(c)cmt``.
"""

from __future__ import annotations

import contextlib
import io
import shutil
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from mutagen import MutagenError, PaddingInfo
from mutagen.aiff import AIFF
from mutagen.flac import FLAC
from mutagen.id3 import COMM, ID3, TKEY, Encoding, Frame, Frames
from mutagen.mp4 import MP4, Atoms, MP4FreeForm, MP4Tags
from mutagen.oggflac import OggFLAC
from mutagen.oggopus import OggOpus
from mutagen.oggspeex import OggSpeex
from mutagen.oggvorbis import OggVorbis
from mutagen.wave import WAVE

from keyscan.audio.probing import identify
from keyscan.audio.source import SourceFile
from keyscan.audio.tags import tag_length
from keyscan.errors import NoTagsPossible, TagError, TagsDamaged
from keyscan.tagging.notation import LONGEST_ID3

_LONGEST_KEY = 1000  # bytes of a TKEY frame, which may be compressed
_NOT_A_TAG = bytes(256)  # behind an ID3v2 tag alone: mutagen looks for ID3v1 at the end
_UNSYNCHRONISED = 0x0002  # a flag of a frame of ID3v2.4
_FOOTER = 0x10  # a flag of an ID3v2.4 tag
_ITUNES = "----:com.apple.iTunes:"
_KEY, _COMMENT = "INITIALKEY", "COMMENT"
_BEHIND_ID3 = ("mp3", "free-format mp3", "flac")  # formats that may begin with an ID3v2 tag
_UNKNOWN = "a file in this format holds no key"
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Found:
    """The texts in a file's fields for key and comment: all that new ones would replace.

    ``longest``: characters that the format allows for a key; None: any number.
    """

    keys: tuple[str, ...] = ()
    comments: tuple[str, ...] = ()
    longest: int | None = None

    @property
    def key(self) -> str | None:
        """The first of ``keys``."""
        return next(iter(self.keys), None)

    @property
    def comment(self) -> str | None:
        """The first of ``comments``."""
        return next(iter(self.comments), None)


@dataclass(frozen=True)
class Fields:
    """The texts to be written as key and comment; None: the field stays."""

    key: str | None = None
    comment: str | None = None


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


def _kind(path: str) -> _Kind:
    """How the tags of the file at ``path`` are read and written."""
    with SourceFile(path) as source:
        found = identify(source)
    name = found.format.name
    if name not in _KINDS:
        raise NoTagsPossible(f"a file in the format {name} holds no key" if name else _UNKNOWN)
    if found.start and name not in _BEHIND_ID3:
        raise NoTagsPossible("other bytes stand in front of its sound")
    return _KINDS[name]


def _padding(info: PaddingInfo) -> int:
    """The size of the tags stays if they have room."""
    padding: int = info.padding if info.padding >= 0 else info.get_default_padding()
    return padding


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
    return Found(_texts(keys), _texts(comment.text if comment else ()), LONGEST_ID3)


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


class _Id3InMp3:
    """An ID3v2 tag in front; it is edited alone, so that what follows stays byte by byte."""

    def read(self, file: BinaryIO) -> Found:
        tag = self._tag(file)
        return _of_id3(self._parsed(tag, comment=True) if tag else None)

    def write(self, file: BinaryIO, new: BinaryIO, fields: Fields) -> None:
        tag = self._tag(file)
        tags = self._parsed(tag, comment=fields.comment is not None) if tag else _new_id3(ID3())
        version = _set_id3(tags, fields)
        edited = io.BytesIO(tag + _NOT_A_TAG)
        tags.save(edited, v2_version=version, v23_sep=None, padding=_padding)
        new.write(edited.getvalue()[: -len(_NOT_A_TAG)])
        file.seek(len(tag))
        shutil.copyfileobj(file, new, _BLOCK)

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


class _Id3InChunks:
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
        _copy(file, new)
        audio.save(new, v2_version=version, v23_sep=None, padding=_padding)

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


class _Comments:
    """Vorbis comments in FLAC and Ogg."""

    def __init__(self, kind: Any) -> None:
        """``kind``: mutagen's class for the container."""
        self._kind = kind

    def read(self, file: BinaryIO) -> Found:
        tags = self._kind(file).tags or {}
        return Found(_texts(tags.get(_KEY, ())), _texts(tags.get(_COMMENT, ())))

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
        _copy(file, new)
        audio.save(new, padding=_padding)


class _UntouchedAtoms(MP4Tags):  # type: ignore[misc]
    """Tags of MP4 whose atoms mutagen writes back as bytes, as those that it cannot read."""

    def load(self, atoms: Any, file: BinaryIO) -> None:
        super().load(atoms, file)
        self.clear()
        self._failed_atoms: dict[str, list[bytes]] = {}
        for atom in atoms.path(b"moov", b"udta", b"meta", b"ilst")[-1].children:
            _, data = atom.read(file)
            self._failed_atoms.setdefault(atom.name.decode("latin-1"), []).append(data)

    def set_key(self, text: str) -> None:
        """The key replaces those in any case of the name."""
        other = [data for data in self._failed_atoms.get("----", ()) if not _is_key(data)]
        self._failed_atoms["----"] = other
        self[_ITUNES + _KEY.lower()] = [MP4FreeForm(text.encode())]


class _MP4(MP4):  # type: ignore[misc]
    MP4Tags = _UntouchedAtoms


def _is_key(atom: bytes) -> bool:
    """Whether a ``----`` atom, which begins with ``mean`` and ``name``, is the key of iTunes."""
    texts = []
    for _ in range(2):
        (size,) = struct.unpack(">I", atom[:4])
        texts.append(atom[12:size])
        atom = atom[max(size, 8) :]
    return b":".join([b"----", *texts]).lower() == (_ITUNES + _KEY).lower().encode()


class _Ilst:
    """The ``ilst`` atom of iTunes in MP4."""

    def read(self, file: BinaryIO) -> Found:
        tags = MP4(file).tags or {}
        keys = [tags[name] for name in tags if name.lower() == (_ITUNES + _KEY).lower()]
        texts = [value.decode("utf-8", "replace") for values in keys for value in values]
        return Found(_texts(texts), _texts(tags.get("\xa9cmt", ())))

    def write(self, file: BinaryIO, new: BinaryIO, fields: Fields) -> None:
        if any(atom.name == b"moof" for atom in Atoms(file).atoms):
            raise NoTagsPossible("it is an MP4 in fragments, whose places a tag would move")
        file.seek(0)
        audio = _MP4(file)
        if audio.tags is None:
            audio.add_tags()
        if fields.key is not None:
            audio.tags.set_key(fields.key)
        if fields.comment is not None:
            audio.tags["\xa9cmt"] = [fields.comment]
        _copy(file, new)
        audio.save(new, padding=_padding)


def _copy(file: BinaryIO, new: BinaryIO) -> None:
    file.seek(0)
    shutil.copyfileobj(file, new, _BLOCK)
    new.seek(0)


def _texts(texts: Iterable[str]) -> tuple[str, ...]:
    """Those that are not empty."""
    return tuple(filter(None, (text.strip(" \t\r\n\0") for text in texts)))


_Kind = _Id3InMp3 | _Id3InChunks | _Comments | _Ilst

_KINDS: dict[str, _Kind] = {
    **dict.fromkeys(("mp3", "free-format mp3"), _Id3InMp3()),
    "wav": _Id3InChunks(WAVE),
    **dict.fromkeys(("aiff", "aifc"), _Id3InChunks(AIFF)),
    "flac": _Comments(FLAC),
    "ogg vorbis": _Comments(OggVorbis),
    "ogg opus": _Comments(OggOpus),
    "ogg flac": _Comments(OggFLAC),
    "ogg speex": _Comments(OggSpeex),
    "mp4": _Ilst(),
}
"""By the name of a format in ``audio/formats.py``."""
