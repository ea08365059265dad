"""The chunks of WAV, RF64, Wave64, AIFF and CAF files up to their sound.

Sources: the RIFF/RF64 (EBU 3306), Wave64, AIFF-C and CAF specifications. In WAV and AIFF a chunk
begins at an even byte, behind a pad byte that some writers forget.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

from keyscan.audio.source import SourceFile
from keyscan.errors import DecodeFailed

_LITTLE, _BIG = "<4sI", ">4sI"  # name and size
_MAX_CHUNKS = 100_000
_MAX_CHUNKS_BEHIND_SOUND = 100
_MPEG_TAGS = (0x50, 0x55)  # WAVE_FORMAT_MPEG and WAVE_FORMAT_MPEGLAYER3
_FULL_CIRCLE = 1 << 32  # a size modulo this is what 32 bits hold
_MAX_CIRCLES = 1 << 12  # 16 TiB
_WORTH_TELLING = 0.01  # the share of the sound that more sound must have
_SOUND = (b"data", b"SSND")
_NEEDED = (b"ds64", b"fmt ", b"fact", b"COMM")  # by decoders, before the sound
_COMMON = frozenset(
    (
        *_SOUND,
        *_NEEDED,
        b"LIST",
        b"bext",
        b"iXML",
        b"JUNK",
        b"PEAK",
        b"smpl",
        b"cue ",
        b"id3 ",
        b"ID3 ",
        b"FVER",
        b"NAME",
        b"ANNO",
        b"MARK",
        b"INST",
        b"COMT",
    )
)
_LARGEST_HEAD = 1 << 16  # bytes


@dataclass(frozen=True)
class LostSize:
    """The sound of a WAV really ends at byte ``end``; the wrong size begins at byte ``field``."""

    field: int
    end: int


@dataclass(frozen=True)
class Head:
    """Bytes to read at byte ``start`` and from there on instead of what the file has there."""

    start: int
    data: bytes


@dataclass(frozen=True, kw_only=True)
class Header:
    """What the chunks tell.

    Attributes:
        end: the byte where the sound ends; None if the header does not say.
        size: bytes of the sound, by the header.
        holds_mpeg: the sound of a WAV is MPEG audio.
        lost_size: the header of a WAV states an end before the real one.
        mended: a head without the chunks that lack their pad byte; None if none lacks it.
        more: bytes of the chunks of sound behind the first; None if there is no second one.
    """

    end: int | None = None
    size: int = 0
    holds_mpeg: bool = False
    lost_size: LostSize | None = None
    mended: Head | None = None
    more: int | None = None

    @property
    def more_is_worth_telling(self) -> bool:
        """Whether a listener would miss the further chunks: they have 1 % of the first."""
        return self.more is not None and self.more > _WORTH_TELLING * self.size


def chunks(
    source: SourceFile, at: int, head: str, *, padded_to: int = 1, own: int = 0
) -> Iterator[tuple[bytes, int, int]]:
    """Name, first byte and size of each chunk from byte ``at`` on.

    Args:
        head: name and size, as ``struct`` unpacks them.
        padded_to: chunks begin at multiples of this.
        own: bytes of the head that its size counts.

    Raises:
        DecodeFailed: there are more chunks than any writer has reason for.
    """
    length = struct.calcsize(head)
    for _ in range(_MAX_CHUNKS):
        data = source.read_at(at, length)
        if len(data) < length:
            return
        name, size = struct.unpack(head, data)
        size -= own
        if size < 0:
            return
        yield name, at + length, size
        at += length + size
        at += 0 if padded_to == 2 and _lacks_pad(source, at, size) else -size % padded_to
    raise DecodeFailed(f"the file has more than {_MAX_CHUNKS} chunks")  # a decoder reads them all


def read_wav(source: SourceFile) -> Header:
    """Walk over the chunks of a WAV or RF64 file once, up to its sound."""
    head = _BIG if source.read_at(source.start, 4) == b"RIFX" else _LITTLE
    holds_mpeg, size_in_64_bits, needed = False, 0, _Needed(source, head)
    walk = chunks(source, source.start + 12, head, padded_to=2)
    for name, at, size in walk:
        if name == b"fmt ":
            tag = struct.unpack(head[0] + "H", source.read_at(at, 2).ljust(2, b"\0"))[0]
            holds_mpeg |= tag in _MPEG_TAGS
        elif name == b"ds64":
            size_in_64_bits = struct.unpack("<Q", source.read_at(at + 8, 8).ljust(8, b"\0"))[0]
        elif name == b"data":
            header = Header(holds_mpeg=holds_mpeg, mended=needed.mended(at - 8))
            if size == 0xFFFFFFFF and size_in_64_bits:
                size = size_in_64_bits
                walk = chunks(source, at + size + size % 2, head, padded_to=2)
            elif (lost_size := _lost_size(source, at, size, head)) or is_unknown(size):
                return replace(header, lost_size=lost_size)
            more = _size_of_more(source, walk)
            return replace(header, end=at + size, size=size, more=more)
        needed.add(name, at, size)
    return Header(holds_mpeg=holds_mpeg)


def read_aiff(source: SourceFile) -> Header:
    """Walk over the chunks of an AIFF or AIFF-C file once, up to its sound."""
    needed = _Needed(source, _BIG)
    walk = chunks(source, source.start + 12, _BIG, padded_to=2)
    for name, at, size in walk:
        if name == b"SSND":
            end = None if is_unknown(size) else at + size
            more = None if end is None else _size_of_more(source, walk)
            return Header(end=end, size=size, mended=needed.mended(at - 8), more=more)
        needed.add(name, at, size)
    return Header()


def read_w64(source: SourceFile) -> Header:
    """Walk over the chunks of a Wave64 file, whose names are GUIDs, up to its sound."""
    return _read(source, source.start + 40, "<16sQ", padded_to=8, own=24)


def read_caf(source: SourceFile) -> Header:
    """Walk over the chunks of a CAF file up to its sound; a size of -1 means unknown."""
    return _read(source, source.start + 8, ">4sq")


def _read(source: SourceFile, at: int, head: str, *, padded_to: int = 1, own: int = 0) -> Header:
    walk = chunks(source, at, head, padded_to=padded_to, own=own)
    for name, start, size in walk:
        if name[:4] == b"data":
            return Header(end=start + size, size=size, more=_size_of_more(source, walk))
    return Header()


def is_unknown(size: int) -> bool:
    """Whether ``size`` is what a writer leaves behind that does not know it."""
    return size == 0 or size >= 0xFFFFF000 or 0x7FFFF000 <= size <= 0x7FFFFFFF


class _Needed:
    """Collects what a head without unpadded chunks consists of."""

    def __init__(self, source: SourceFile, head: str) -> None:
        self._source, self._head = source, head
        self._chunks = b""
        self._next = source.start + 12
        self._lacks_pad = False

    def add(self, name: bytes, at: int, size: int) -> None:
        """The next chunk before the sound."""
        self._see(at)
        self._next = at + size + size % 2
        if name in _NEEDED and len(self._chunks) + size <= _LARGEST_HEAD:
            data = self._source.read_at(at, size)
            if size % 2:  # there may be no room for a pad byte
                # half a field, or the end of a text, which is made an empty one
                data = data[:22] + bytes(2) if name == b"COMM" and size > 22 else data[:-1]
            self._chunks += struct.pack(self._head, name, len(data)) + data

    def mended(self, at: int) -> Head | None:
        """The head that ends where the chunk of sound begins, at byte ``at``."""
        self._see(at + 8)
        source = self._source
        start = at - 12 - len(self._chunks)
        if not self._lacks_pad or start < 0:
            return None
        form, kind = source.read_at(source.start, 4), source.read_at(source.start + 8, 4)
        size = min(source.end - start - 8, 0xFFFFFFFF)
        return Head(start, struct.pack(self._head, form, size) + kind + self._chunks)

    def _see(self, at: int) -> None:
        self._lacks_pad |= at - 8 < self._next


def _lacks_pad(source: SourceFile, at: int, size: int) -> bool:
    """Whether a chunk begins at once behind one of an odd size, which ends at byte ``at``."""
    if not size % 2:
        return False
    data = source.read_at(at, 5)
    return data[:4] in _COMMON or (_is_name(data[:4]) and not _is_name(data[1:]))


def _is_name(name: bytes) -> bool:
    return len(name) == 4 and all(0x20 <= byte < 0x7F for byte in name)


def _size_of_more(source: SourceFile, walk: Iterator[tuple[bytes, int, int]]) -> int | None:
    """Bytes of all further chunks of sound; None if there is none."""
    more = None
    for name, start, size in islice(walk, _MAX_CHUNKS_BEHIND_SOUND):
        if not _is_name(name[:4]):
            break
        if name[:4] in _SOUND:
            more = (more or 0) + min(size, max(source.end - start, 0))
    return more


def _lost_size(source: SourceFile, at: int, size: int, head: str) -> LostSize | None:
    """The real end of a ``data`` chunk at byte ``at`` that is longer than 32 bits can say.

    Recorders that stream state the largest size. Others store the size modulo 4 GiB: this is
    assumed where the file, or a chain of further chunks, ends a multiple of 4 GiB later.
    """
    if is_unknown(size):
        return LostSize(at - 4, source.end) if 0 < size < source.end - at else None
    for end in range(at + size + _FULL_CIRCLE, source.end + 1, _FULL_CIRCLE)[:_MAX_CIRCLES]:
        if end == source.end or _only_chunks_follow(source, end + size % 2, head):
            return LostSize(at - 4, end)
    return None


def _only_chunks_follow(source: SourceFile, at: int, head: str) -> bool:
    """Whether chunks fill the file from ``at`` up to its end."""
    further = chunks(source, at, head, padded_to=2)
    for name, start, size in islice(further, _MAX_CHUNKS_BEHIND_SOUND):
        if not _is_name(name):
            return False
        at = start + size + size % 2
    return source.end <= at <= source.end + 1  # the last padding byte may be missing
