"""Tags before and behind the sound, which players pass over: ID3v2, APEv2 and ID3v1.

Sources: id3.org (ID3v2.4 section 3; ID3v1) and the APEv2 specification (wiki.hydrogenaud.io).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from keyscan.audio.source import SourceFile

_HEAD = 32  # bytes that tell a tag and its length
_MAX_TAGS = 100  # at the start of a file
_ZEROS = bytes(1 << 18)
MAX_ZEROS = 1 << 32  # which take a second where the disk does not store them
_ID3_VERSIONS = (2, 3, 4)

# Version, flags, a size and the first frame's name: so much is no accident among other bytes.
_ID3V2 = re.compile(rb"ID3[\2-\4]\0[\0-\xf0][\0-\x7f]{4}(?!ID3)[A-Z][A-Z0-9]{2}")


def tag_length(head: bytes) -> int:
    """Bytes of the tag that begins with ``head``, its first 32 bytes; 0 if there is none.

    A damaged tag may state a wrong length.
    """
    if head[:3] == b"ID3" and len(head) >= 10 and head[3] in _ID3_VERSIONS:
        size = 0
        for byte in head[6:10]:
            size = size << 7 | byte & 0x7F
        return 10 + size + (10 if head[5] & 0x10 else 0)
    if head[:8] == b"APETAGEX" and len(head) >= _HEAD and head[23] & 0x20:
        return _HEAD + int.from_bytes(head[12:16], "little")
    return 128 if head[:3] == b"TAG" else 0


def behind_tags(source: SourceFile, at: int = 0) -> int:
    """The first byte behind the tags that begin at byte ``at``, and behind zeros between them."""
    for begin, end in _tags(source, at):
        if end > source.end:  # a damaged size, or a truncated file
            return begin + (10 if source.read_at(begin, 3) == b"ID3" else _HEAD)
        at = end
    return at


def breaks_off_in_tag(source: SourceFile) -> bool:
    """Whether the file ends before one of the tags at its start does."""
    return any(end > source.end for _, end in _tags(source, 0))


def _tags(source: SourceFile, at: int) -> Iterator[tuple[int, int]]:
    """First byte and end of each tag from byte ``at`` on; the last may end behind the file."""
    for _ in range(_MAX_TAGS):
        begin = behind_zeros(source, at)
        head = source.read_at(begin, _HEAD)
        length = tag_length(head)
        if not length or (begin == 0 and head[:3] == b"TAG"):  # which may be a text
            return
        at = begin + length
        yield begin, at


def behind_zeros(source: SourceFile, at: int) -> int:
    """The first byte from ``at`` on that is not zero; the end of the file, or of 4 GiB of zeros."""
    last, size = at + MAX_ZEROS, _HEAD  # mostly there are none
    while at < last and (chunk := source.read_at(at, size)):
        size = len(_ZEROS)
        rest = 0 if chunk == _ZEROS else len(chunk.lstrip(b"\0"))
        at += len(chunk) - rest
        if rest:
            break
    return at


def next_id3v2(data: bytes) -> int | None:
    """Offset of the first ID3v2 tag among other bytes, or None."""
    found = _ID3V2.search(data)
    return found and found.start()


def before_tags(source: SourceFile, start: int) -> int:
    """The end of the sound: before an ID3v1 tag and an APEv2 tag, if there are any.

    To decoders they are damaged frames; libsndfile loses the last block of a FLAC file to one.
    """
    end = source.end
    if source.read_at(end - 128, 3) == b"TAG":
        end -= 128
    foot = source.read_at(end - _HEAD, _HEAD)
    if foot[:8] == b"APETAGEX":
        size, has_header = int.from_bytes(foot[12:16], "little"), _HEAD if foot[23] & 0x80 else 0
        is_real = len(foot) <= size <= end - start - has_header
        end -= size + has_header if is_real else len(foot)
    return max(end, start)
