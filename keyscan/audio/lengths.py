"""What the headers of a container say of its length: the byte where the sound ends, or samples.

A file that ends before that byte is truncated. Sources: the RIFF/RF64 (EBU 3306), AIFF-C, AU,
Wave64 and CAF specifications, ISO/IEC 14496-12 (boxes), RFC 8794 and 9559 (Matroska), RFC 9639
(FLAC), and Microsoft's ASF specification. Every function returns None where the header does not
say, and raises DecodeFailed where a file has more chunks than any writer has reason for.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from keyscan.audio.source import SourceFile
from keyscan.errors import DecodeFailed

_RIFF_CHUNK = "4sI"  # name and size
_MAX_CHUNKS = 100_000
_MAX_CHUNKS_BEHIND_SOUND = 100
_MPEG_TAGS = (0x50, 0x55)  # WAVE_FORMAT_MPEG and WAVE_FORMAT_MPEGLAYER3
_FULL_CIRCLE = 1 << 32  # a size modulo this is what 32 bits hold
_MAX_CIRCLES = 1 << 12  # 16 TiB
_ASF_FILE_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_EBML_SEGMENT = b"\x18\x53\x80\x67"


@dataclass(frozen=True)
class LostSize:
    """The sound of a WAV really ends at byte ``end``; the wrong size begins at byte ``field``."""

    field: int
    end: int


@dataclass(frozen=True)
class WavHeader:
    """The chunks of a WAV or RF64 file up to its sound.

    ``holds_mpeg``: the sound is MPEG audio. ``end``: the byte where the sound ends by the header.
    ``lost_size``: the header states an end before the real one.
    """

    holds_mpeg: bool = False
    end: int | None = None
    lost_size: LostSize | None = None


def _chunks(
    source: SourceFile, at: int, head: str, *, padded_to: int = 1, own: int = 0
) -> Iterator[tuple[bytes, int, int]]:
    """Name, first byte and size of each chunk from byte ``at`` on.

    Args:
        head: name and size, as ``struct`` unpacks them.
        padded_to: chunks begin at multiples of this.
        own: bytes of the head that its size counts.
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
        at += length + -(-size // padded_to) * padded_to
    raise DecodeFailed(f"the file has more than {_MAX_CHUNKS} chunks")  # a decoder reads them all


def read_wav(source: SourceFile) -> WavHeader:
    """Walk over the chunks of a WAV or RF64 file once, up to its sound."""
    order = ">" if source.read_at(source.start, 4) == b"RIFX" else "<"
    head = order + _RIFF_CHUNK
    holds_mpeg, size_in_64_bits = False, 0
    for name, at, size in _chunks(source, source.start + 12, head, padded_to=2):
        if name == b"fmt ":
            tag = struct.unpack(order + "H", source.read_at(at, 2).ljust(2, b"\0"))[0]
            holds_mpeg |= tag in _MPEG_TAGS
        elif name == b"ds64":
            size_in_64_bits = struct.unpack("<Q", source.read_at(at + 8, 8).ljust(8, b"\0"))[0]
        elif name == b"data":
            if size == 0xFFFFFFFF and size_in_64_bits:
                end: int | None = at + size_in_64_bits
            else:
                end = None if _is_unknown(size) else at + size
            return WavHeader(holds_mpeg, end, _lost_size(source, at, size, head))
    return WavHeader(holds_mpeg)


def wav_end(source: SourceFile) -> int | None:
    """WAV and RF64: the end of the ``data`` chunk."""
    return read_wav(source).end


def _lost_size(source: SourceFile, at: int, size: int, head: str) -> LostSize | None:
    """The real end of a ``data`` chunk at byte ``at`` that is longer than 32 bits can say.

    Recorders that stream state the largest size. Others store the size modulo 4 GiB: this is
    assumed where the file, or a chain of further chunks, ends a multiple of 4 GiB later.
    """
    if _is_unknown(size):
        return LostSize(at - 4, source.end) if 0 < size < source.end - at else None
    for end in range(at + size + _FULL_CIRCLE, source.end + 1, _FULL_CIRCLE)[:_MAX_CIRCLES]:
        if end == source.end or _only_chunks_follow(source, end + size % 2, head):
            return LostSize(at - 4, end)
    return None


def _only_chunks_follow(source: SourceFile, at: int, head: str) -> bool:
    """Whether chunks fill the file from ``at`` up to its end."""
    chunks = _chunks(source, at, head, padded_to=2)
    for name, start, size in islice(chunks, _MAX_CHUNKS_BEHIND_SOUND):
        if not all(0x20 <= byte < 0x7F for byte in name):
            return False
        at = start + size + size % 2
    return source.end <= at <= source.end + 1  # the last padding byte may be missing


def aiff_end(source: SourceFile) -> int | None:
    """AIFF and AIFF-C: the end of the ``SSND`` chunk."""
    for name, at, size in _chunks(source, source.start + 12, ">" + _RIFF_CHUNK, padded_to=2):
        if name == b"SSND":
            return None if _is_unknown(size) else at + size
    return None


def au_end(source: SourceFile) -> int | None:
    """AU: offset and size are the second and third word."""
    head = source.read_at(source.start, 12)
    offset, size = struct.unpack(">II", head[4:].ljust(8, b"\0"))
    return None if _is_unknown(size) else source.start + int(offset) + int(size)


def w64_end(source: SourceFile) -> int | None:
    """Wave64: the end of the ``data`` chunk, whose name is a GUID."""
    for name, at, size in _chunks(source, source.start + 40, "<16sQ", padded_to=8, own=24):
        if name.startswith(b"data"):
            return at + size
    return None


def caf_end(source: SourceFile) -> int | None:
    """CAF: the end of the ``data`` chunk; a size of -1 means unknown."""
    for name, at, size in _chunks(source, source.start + 8, ">4sq"):
        if name == b"data":
            return at + size
    return None


def mp4_end(source: SourceFile) -> int | None:
    """MP4: the end of the last box; a size of 0 means up to the end of the file."""
    at = source.start
    for _ in range(_MAX_CHUNKS):
        head = source.read_at(at, 16)
        if len(head) < 8 or not head[4:8].isalnum():  # zeros or a tag behind the last box
            return at
        size = int.from_bytes(head[:4], "big")
        if size == 1:
            size = int.from_bytes(head[8:], "big")
        if size < 8:
            return None
        at += size
    return None


def matroska_end(source: SourceFile) -> int | None:
    """Matroska and WebM: the end of the segment; live recordings leave it unknown."""
    head = source.read_at(source.start, 4096)
    at = head.find(_EBML_SEGMENT)
    if at < 0 or len(head) < at + 12 or not head[at + 4]:
        return None
    length = 9 - head[at + 4].bit_length()
    size = int.from_bytes(head[at + 4 : at + 4 + length], "big") & ((1 << 7 * length) - 1)
    if size == (1 << 7 * length) - 1:
        return None
    return source.start + at + 4 + length + size


def asf_end(source: SourceFile) -> int | None:
    """ASF (WMA): the file size in the file properties object."""
    head = source.read_at(source.start, 1 << 16)
    at = head.find(_ASF_FILE_PROPERTIES)
    if at < 0 or len(head) < at + 92:
        return None
    size, flags = struct.unpack_from("<Q", head, at + 40)[0], head[at + 88]
    return None if flags & 1 or not size else source.start + int(size)  # bit 0: broadcast


def avi_end(source: SourceFile) -> int | None:
    """AVI: the size of the RIFF chunk."""
    size = int.from_bytes(source.read_at(source.start + 4, 4), "little")
    return None if _is_unknown(size) else source.start + 8 + size


def flac_samples(head: bytes) -> int | None:
    """Samples per channel by the STREAMINFO block, which comes first (RFC 9639, 8.2)."""
    if head[4:5] not in (b"\x00", b"\x80"):
        return None
    return int.from_bytes(head[21:26], "big") & ((1 << 36) - 1) or None


def _is_unknown(size: int) -> bool:
    """Whether ``size`` is what a writer leaves behind that does not know it."""
    return size == 0 or size >= 0xFFFFF000 or 0x7FFFF000 <= size <= 0x7FFFFFFF
