"""What the headers of a container say of its length: the byte where the sound ends, or samples.

A file that ends before that byte is truncated; ``riff`` has WAV and its kin. Sources: the AU
specification, ISO/IEC 14496-12 (boxes), RFC 8794 and 9559 (Matroska), RFC 9639 (FLAC), and
Microsoft's ASF specification. Every function returns None where the header does not say.
"""

from __future__ import annotations

import struct

from keyscan.audio.riff import is_unknown
from keyscan.audio.source import SourceFile

_MAX_BOXES = 100_000
_ASF_FILE_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_EBML_SEGMENT = b"\x18\x53\x80\x67"


def au_end(source: SourceFile) -> int | None:
    """AU: offset and size are the second and third word."""
    head = source.read_at(source.start, 12)
    offset, size = struct.unpack(">II", head[4:].ljust(8, b"\0"))
    return None if is_unknown(size) else source.start + int(offset) + int(size)


def mp4_end(source: SourceFile) -> int | None:
    """MP4: the end of the last box; a size of 0 means up to the end of the file."""
    at = source.start
    for _ in range(_MAX_BOXES):
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
    return None if is_unknown(size) else source.start + 8 + size


def flac_samples(head: bytes) -> int | None:
    """Samples per channel by the STREAMINFO block, which comes first (RFC 9639, 8.2)."""
    if head[4:5] not in (b"\x00", b"\x80"):
        return None
    return int.from_bytes(head[21:26], "big") & ((1 << 36) - 1) or None
