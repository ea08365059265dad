"""Which tracks of an MP4 are encrypted, by their sample descriptions.

Sources: ISO/IEC 14496-12, 8.5.2 and 8.12 (``stsd``, ``sinf``), ISO/IEC 23001-7 (``tenc``); Apple's
FairPlay and Audible write the same boxes under names of their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from keyscan.audio.source import SourceFile

_ENCRYPTED_ENTRIES = (b"enca", b"drms", b"aavd")
_SINF = re.compile(rb"sinf....frma", re.DOTALL)
_TENC = re.compile(rb"tenc.{6}(.)", re.DOTALL)  # the byte says whether samples are encrypted
_MOST_BOXES = 10_000
_LONGEST_DESCRIPTION = 1 << 16  # bytes


def protected_tracks(source: SourceFile) -> frozenset[int]:
    """The identifiers of the tracks whose sound is encrypted."""
    moov = next(_boxes(source, source.start, source.end, b"moov"), (0, 0))
    return frozenset(
        _track_id(source, *trak)
        for trak in _boxes(source, *moov, b"trak")
        if _is_protected(_description(source, *trak))
    )


def _is_protected(description: bytes) -> bool:
    """Whether an ``stsd`` box describes encrypted sound."""
    entry = description[12:16]
    if entry not in _ENCRYPTED_ENTRIES and not _SINF.search(description):
        return False
    tenc = _TENC.search(description)
    return tenc is None or tenc[1] != b"\0"


def _description(source: SourceFile, at: int, end: int) -> bytes:
    """The content of a track's ``stsd`` box; empty if there is none."""
    for name in (b"mdia", b"minf", b"stbl", b"stsd"):
        found = next(_boxes(source, at, end, name), None)
        if found is None:
            return b""
        at, end = found
    return source.read_at(at, min(end - at, _LONGEST_DESCRIPTION))


def _track_id(source: SourceFile, at: int, end: int) -> int:
    for first, _ in _boxes(source, at, end, b"tkhd"):
        head = source.read_at(first, 24)
        offset = 20 if head[:1] == b"\1" else 12  # version 1 has times of 64 bits
        return int.from_bytes(head[offset : offset + 4], "big")
    return -1


def _boxes(source: SourceFile, at: int, end: int, name: bytes) -> Iterator[tuple[int, int]]:
    """First byte and end of the content of each box of that name between two bytes."""
    for _ in range(_MOST_BOXES):
        head, length = source.read_at(at, 16), 8
        size = int.from_bytes(head[:4], "big")
        if size == 1:
            size, length = int.from_bytes(head[8:], "big"), 16
        size = size or end - at  # 0: up to the end
        if len(head) < 8 or size < length or at >= end:
            return
        if head[4:8] == name:
            yield at + length, min(at + size, end)
        at += size
