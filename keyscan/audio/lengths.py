"""What the headers of a container say of its length: where the sound lies, samples or seconds.

A file that ends before its sound does is truncated; ``riff`` has WAV and its kin. Sources: the AU
specification, ISO/IEC 14496-12 (boxes), RFC 8794 and 9559 (Matroska), RFC 9639 (FLAC), Sony's DSF
specification 1.01, Philips' DSDIFF specification 1.5, the description of Creative's VOC format in
the MultimediaWiki, and Microsoft's ASF specification. Every function returns None, or a header
without an end, where the file does not say.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from keyscan.audio.riff import Header, chunks, is_unknown
from keyscan.audio.source import SourceFile

_MAX_BOXES = 100_000
_ASF_FILE_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_EBML_SEGMENT = b"\x18\x53\x80\x67"
_VOC_END = 0  # the type of the last block

BEYOND = 1 << 64
"""The end of a file that breaks off and does not say how much would follow."""


def read_au(source: SourceFile) -> Header:
    """AU: offset and size are the second and third word."""
    head = source.read_at(source.start, 12)
    offset, size = struct.unpack(">II", head[4:].ljust(8, b"\0"))
    return Header() if is_unknown(size) else Header(end=source.start + offset + size, size=size)


def read_dsf(source: SourceFile) -> Header:
    """DSF: chunks whose sizes count their heads."""
    return _chunk(b"data", chunks(source, source.start, "<4sQ", own=12))


def read_dff(source: SourceFile) -> Header:
    """DSDIFF: chunks as in AIFF, with sizes of 64 bits; DST is compressed."""
    return _chunk(b"DSD DST ", chunks(source, source.start + 16, ">4sQ", padded_to=2))


def _chunk(names: bytes, walk: Iterator[tuple[bytes, int, int]]) -> Header:
    for name, at, size in walk:
        if name in names:
            return Header(end=at + size, size=size)
    return Header()


def read_voc(source: SourceFile) -> Header:
    """VOC: blocks, each with a type and a size of 24 bits, up to one that only ends the file.

    A file that breaks off in the first block had perhaps no other; behind a later one more follow.
    """
    start = at = source.start + int.from_bytes(source.read_at(source.start + 20, 2), "little")
    for _ in range(_MAX_BOXES):
        head = source.read_at(at, 4)
        if len(head) < 4 or head[0] == _VOC_END:
            return Header(end=at, size=at - start)
        size = 4 + int.from_bytes(head[1:], "little")
        if at + size > source.end and at > start:
            return Header(end=BEYOND)
        at += size
    return Header()


def mp4_end(source: SourceFile) -> int | None:
    """MP4: the end of the last box; a size of 0 means up to the end of the file.

    A file of fragments that breaks off in one of them may have had more, which only an index of
    several fragments in front of them tells.
    """
    at, last, in_fragments, has_index = source.start, b"", False, False
    for _ in range(_MAX_BOXES):
        head = source.read_at(at, 32 + 12)
        if len(head) < 8 or not head[4:8].isalnum():  # zeros or a tag behind the last box
            breaks_off = at > source.end and in_fragments and last in (b"moof", b"mdat")
            return BEYOND if breaks_off and not has_index else at
        size, last = int.from_bytes(head[:4], "big"), head[4:8]
        if size == 1:
            size = int.from_bytes(head[8:16], "big")
        if size < 8:
            return None
        in_fragments |= last == b"moof"
        has_index |= last == b"sidx" and not in_fragments and _references(head) > 1
        at += size
    return None


def _references(head: bytes) -> int:
    """How many fragments the segment index that begins with ``head`` lists."""
    at = 38 if head[8:9] == b"\1" else 30  # version 1 has times and offsets of 64 bits
    return int.from_bytes(head[at : at + 2], "big")


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
    size = _asf_property(source, 40)
    return None if size is None else source.start + size


def asf_seconds(source: SourceFile) -> float | None:
    """ASF (WMA): the play duration in 100 ns, which includes a "preroll" in milliseconds."""
    duration, preroll = _asf_property(source, 64), _asf_property(source, 80)
    return None if duration is None else max(duration / 1e7 - (preroll or 0) / 1e3, 0) or None


def _asf_property(source: SourceFile, offset: int) -> int | None:
    """A number at ``offset`` in the file properties object, which a broadcast leaves undefined."""
    head = source.read_at(source.start, 1 << 16)
    at = head.find(_ASF_FILE_PROPERTIES)
    if at < 0 or len(head) < at + 92 or head[at + 88] & 1:  # bit 0: broadcast
        return None
    return int.from_bytes(head[at + offset : at + offset + 8], "little") or None


def avi_end(source: SourceFile) -> int | None:
    """AVI: the size of the RIFF chunk."""
    size = int.from_bytes(source.read_at(source.start + 4, 4), "little")
    return None if is_unknown(size) else source.start + 8 + size


def flac_samples(head: bytes) -> int | None:
    """Samples per channel by the STREAMINFO block, which comes first (RFC 9639, 8.2)."""
    if head[4:5] not in (b"\x00", b"\x80"):
        return None
    return int.from_bytes(head[21:26], "big") & ((1 << 36) - 1) or None
