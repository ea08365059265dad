"""Where a container says that its sound ends: a file that ends earlier was cut off.

Sources: the RIFF/RF64 (EBU 3306), AIFF-C, AU, Wave64 and CAF specifications, ISO/IEC 14496-12
(boxes), RFC 8794 and 9559 (Matroska), and Microsoft's ASF specification.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import NoReturn

from keyscan.audio.mpeg import xing_samples
from keyscan.audio.source import SourceFile
from keyscan.errors import DecodeFailed

_MAX_CHUNKS = 100_000
_MPEG_TAGS = (0x50, 0x55)  # WAVE_FORMAT_MPEG and WAVE_FORMAT_MPEGLAYER3
_MAX_CHUNKS_BEHIND_SOUND = 100
_FULL_CIRCLE = 1 << 32  # what 32 bits cannot say of a size
_MAX_CIRCLES = 1 << 12  # 16 TiB
_ASF_FILE_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_EBML_SEGMENT = b"\x18\x53\x80\x67"


def breaks_off(source: SourceFile, kind: str) -> bool:
    """True if the headers of a file of this ``kind`` (see sniff) promise more than there is."""
    announced_end = _END.get(kind)
    end = announced_end(source) if announced_end is not None else None
    return end is not None and end > source.end


def announced_samples(source: SourceFile, kind: str) -> int | None:
    """Samples per channel that an MP3 or FLAC header promises; None for what does not say."""
    head = source.read_at(source.start, 2048)
    if kind == "mp3":
        return xing_samples(head)
    if kind == "flac" and head[4:5] in (b"\x00", b"\x80"):  # RFC 9639: STREAMINFO comes first
        return int.from_bytes(head[21:26], "big") & ((1 << 36) - 1) or None
    return None


def _streamed(size: int) -> bool:
    """Sizes that writers leave behind who could not know it: no promise at all."""
    return size == 0 or size >= 0xFFFFF000 or 0x7FFFF000 <= size <= 0x7FFFFFFF


def _refuse_chunks() -> NoReturn:
    """There are more than any writer has reason for, and a decoder would read them all."""
    raise DecodeFailed(f"the file has more than {_MAX_CHUNKS} chunks")


def _chunks(source: SourceFile, at: int, order: str) -> Iterator[tuple[bytes, int, int]]:
    """Name, first byte and size of each chunk of an IFF or RIFF file.

    Raises:
        DecodeFailed: there are too many.
    """
    for _ in range(_MAX_CHUNKS):
        head = source.read_at(at, 8)
        if len(head) < 8:
            return
        (size,) = struct.unpack(order + "I", head[4:])
        yield head[:4], at + 8, size
        at += 8 + size + size % 2
    _refuse_chunks()


def holds_mpeg(source: SourceFile, start: int) -> bool:
    """Whether the WAV at byte ``start`` holds MPEG audio, which libsndfile reads byte by byte."""
    order = ">" if source.read_at(start, 4) == b"RIFX" else "<"
    for name, at, _ in _chunks(source, start + 12, order):
        tag = source.read_at(at, 2).ljust(2, b"\0") if name == b"fmt " else b"\0\0"
        if struct.unpack(order + "H", tag)[0] in _MPEG_TAGS:
            return True
        if name == b"data":
            break
    return False


def _riff_end(source: SourceFile) -> int | None:
    order = ">" if source.read_at(source.start, 4) == b"RIFX" else "<"
    large = None
    for name, at, size in _chunks(source, source.start + 12, order):
        if name == b"ds64":
            large = struct.unpack("<Q", source.read_at(at + 8, 8).ljust(8, b"\0"))[0]
        if name == b"data":
            if size == 0xFFFFFFFF and large:
                return at + int(large)
            return None if _streamed(size) else at + size
    return None


@dataclass(frozen=True)
class LostSize:
    """A WAV's sound really ends at byte ``end``; byte ``field`` begins the size that is wrong."""

    field: int
    end: int


def lost_wav_size(source: SourceFile) -> LostSize | None:
    """What 32 bits could not say of a WAV that goes on behind the end it states.

    Recorders that stream state the largest size; others let the count go round at 4 GiB, which is
    believed where the file, or a chain of further chunks, ends just that many rounds later.
    """
    order = ">" if source.read_at(source.start, 4) == b"RIFX" else "<"
    for name, at, size in _chunks(source, source.start + 12, order):
        if name != b"data":
            continue
        if _streamed(size):
            return LostSize(at - 4, source.end) if 0 < size < source.end - at else None
        for end in range(at + size + _FULL_CIRCLE, source.end + 1, _FULL_CIRCLE)[:_MAX_CIRCLES]:
            if end == source.end or _only_chunks_follow(source, end + size % 2, order):
                return LostSize(at - 4, end)
        return None
    return None


def _only_chunks_follow(source: SourceFile, at: int, order: str) -> bool:
    """Whether chunks fill the file from ``at`` up to its end."""
    for name, start, size in islice(_chunks(source, at, order), _MAX_CHUNKS_BEHIND_SOUND):
        if not all(0x20 <= byte < 0x7F for byte in name):
            return False
        at = start + size + size % 2
    return source.end <= at <= source.end + 1  # the last byte, which only pads, may lack


def _aiff_end(source: SourceFile) -> int | None:
    for name, at, size in _chunks(source, source.start + 12, ">"):
        if name == b"SSND":
            return None if _streamed(size) else at + size
    return None


def _au_end(source: SourceFile) -> int | None:
    head = source.read_at(source.start, 12)
    offset, size = struct.unpack(">II", head[4:].ljust(8, b"\0"))
    return None if _streamed(size) else source.start + int(offset) + int(size)


def _w64_end(source: SourceFile) -> int | None:
    at = source.start + 40
    for _ in range(_MAX_CHUNKS):
        head = source.read_at(at, 24)
        size = int.from_bytes(head[16:], "little")
        if len(head) < 24 or size < 24:
            return None
        if head[:4] == b"data":
            return at + size
        at += (size + 7) // 8 * 8
    _refuse_chunks()


def _caf_end(source: SourceFile) -> int | None:
    at = source.start + 8
    for _ in range(_MAX_CHUNKS):
        head = source.read_at(at, 12)
        if len(head) < 12:
            return None
        size = int.from_bytes(head[4:], "big", signed=True)
        if head[:4] == b"data" or size < 0:
            return None if size < 0 else at + 12 + size
        at += 12 + size
    _refuse_chunks()


def _mp4_end(source: SourceFile) -> int | None:
    at = source.start
    for _ in range(_MAX_CHUNKS):
        head = source.read_at(at, 16)
        if len(head) < 8 or not head[4:8].isalnum():  # zeros or a tag behind the last box
            return at
        size = int.from_bytes(head[:4], "big")
        if size == 1:
            size = int.from_bytes(head[8:], "big")
        if size < 8:  # 0: up to the end of the file
            return None
        at += size
    return None


def _matroska_end(source: SourceFile) -> int | None:
    head = source.read_at(source.start, 4096)
    at = head.find(_EBML_SEGMENT)
    if at < 0 or len(head) < at + 12 or not head[at + 4]:
        return None
    length = 9 - head[at + 4].bit_length()
    size = int.from_bytes(head[at + 4 : at + 4 + length], "big") & ((1 << 7 * length) - 1)
    if size == (1 << 7 * length) - 1:  # live: unknown
        return None
    return source.start + at + 4 + length + size


def _asf_end(source: SourceFile) -> int | None:
    head = source.read_at(source.start, 1 << 16)
    at = head.find(_ASF_FILE_PROPERTIES)
    if at < 0 or len(head) < at + 92:
        return None
    size, flags = struct.unpack_from("<Q", head, at + 40)[0], head[at + 88]
    return None if flags & 1 or not size else source.start + int(size)  # bit 0: broadcast


def _avi_end(source: SourceFile) -> int | None:
    size = int.from_bytes(source.read_at(source.start + 4, 4), "little")
    return None if _streamed(size) else source.start + 8 + size


_END: dict[str, Callable[[SourceFile], int | None]] = {
    "wav": _riff_end,
    "wav mpeg": _riff_end,
    "rf64": _riff_end,
    "aiff": _aiff_end,
    "aifc": _aiff_end,
    "au": _au_end,
    "w64": _w64_end,
    "caf": _caf_end,
    "caf alac": _caf_end,
    "mp4": _mp4_end,
    "matroska": _matroska_end,
    "asf": _asf_end,
    "avi": _avi_end,
}
