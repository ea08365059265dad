"""What a file is by its bytes, where its sound lies, and what its headers promise."""

from __future__ import annotations

from dataclasses import dataclass

from keyscan.audio import formats
from keyscan.audio.formats import DecoderName, Format
from keyscan.audio.lengths import read_wav
from keyscan.audio.mpeg import end_of_frames, find_frames
from keyscan.audio.ogg import check_pages
from keyscan.audio.source import SourceFile

_SCAN = 1 << 17  # bytes in which the first MPEG frame is looked for
_MAX_ZEROS = 1 << 20  # before it: a broken tag editor or a download may have left them
_TAILS = (1 << 15, 1 << 19, 1 << 23)  # bytes in which the last MPEG frame is looked for
_MAX_TAGS = 100
_SIZE_UNKNOWN = b"\xff\xff\xff\xff"  # in a WAV: FFmpeg reads up to the end


@dataclass(frozen=True)
class Probed:
    """Before decoding: the format, and what is known of the file's damage.

    Attributes:
        decoders: in the order to try them.
        breaks_off: the file ends before its headers say.
        damaged_pages: places where Ogg pages are lost or damaged.
        announced_samples: per channel, by an MP3's or FLAC's header.
    """

    format: Format
    decoders: tuple[DecoderName, ...]
    breaks_off: bool
    damaged_pages: int
    announced_samples: int | None


def probe(source: SourceFile) -> Probed:
    """Identify an open file and set ``source.start`` and ``.end`` to its sound.

    The size in the header of a WAV that is too long for it is replaced.

    Raises:
        DecodeFailed: the file has too many chunks.
    """
    known, source.start, source.end = identify(source)
    end = None
    if known is formats.WAV:
        known, end = _probe_wav(source)
    elif known.end is not None:
        end = known.end(source)
    breaks_off, damaged_pages = end is not None and end > source.end, 0
    if known.paged:
        pages = check_pages(source)
        breaks_off, damaged_pages = not pages.complete, pages.damaged_parts
    samples = known.samples(source.read_at(source.start, 2048)) if known.samples else None
    intact = not (breaks_off or damaged_pages)
    decoders = (intact and known.decoders_if_intact) or known.decoders
    return Probed(known, decoders, breaks_off, damaged_pages, samples)


def identify(source: SourceFile) -> tuple[Format, int, int]:
    """The format, and the bytes from which and up to which it lies, between ID3 and APE tags."""
    start = _behind_tags(source)
    end = _before_tags(source, start)
    head = source.read_at(start, 1 << 12)
    for known in formats.FORMATS:
        if known.matches(head):
            chained = known.codec and _is_chained(source, start, end)
            return formats.OGG if chained else known, start, end
    zeros = source.read_at(start, min(_MAX_ZEROS, end - start))
    scan_start = start + len(zeros) - len(zeros.lstrip(b"\0"))
    data = source.read_at(scan_start, min(_SCAN, end - scan_start))
    frames = find_frames(data, complete=scan_start + len(data) >= end)
    if frames is None:
        return formats.UNKNOWN, start, end
    kind, offset = frames
    start = scan_start + offset
    known = formats.MP3 if kind == "mp3" else formats.ADTS
    return known, start, _behind_last_frame(source, start, end)


def _probe_wav(source: SourceFile) -> tuple[Format, int | None]:
    """How to decode a WAV, and the byte where its sound ends by its header."""
    header = read_wav(source)
    if header.holds_mpeg:
        return formats.WAV_WITH_MPEG, header.end
    if header.lost_size is None:
        return formats.WAV, header.end
    source.patch(header.lost_size.field, _SIZE_UNKNOWN)
    source.end = header.lost_size.end
    return formats.LARGE_WAV, None


def _behind_last_frame(source: SourceFile, start: int, end: int) -> int:
    """Where MPEG frames end: lyrics, a tag at the wrong end, or zeros may follow them."""
    for size in _TAILS:
        tail_start = max(end - size, start)
        found = end_of_frames(source.read_at(tail_start, end - tail_start))
        if found is not None:
            return tail_start + found
        if tail_start == start:
            break
    return end


def _behind_tags(source: SourceFile) -> int:
    """The first byte behind the ID3v2 tags at the start (id3.org, ID3v2.4 section 3)."""
    at = 0
    for _ in range(_MAX_TAGS):
        head = source.read_at(at, 10)
        if head[:3] != b"ID3" or len(head) < 10:
            break
        footer = 10 if head[5] & 0x10 else 0
        size = 0
        for byte in head[6:10]:
            size = size << 7 | byte & 0x7F
        if at + 10 + size + footer > source.end:  # a damaged size, or a truncated file
            return at + 10
        at += 10 + size + footer
    return at


def _before_tags(source: SourceFile, start: int) -> int:
    """The end of the sound: before an ID3v1 tag and an APEv2 tag, if there are any.

    To decoders they are damaged frames; libsndfile loses the last block of a FLAC file to one.
    """
    end = source.end
    if source.read_at(end - 128, 3) == b"TAG":
        end -= 128
    foot = source.read_at(end - 32, 32)
    if foot[:8] == b"APETAGEX":
        size, has_header = int.from_bytes(foot[12:16], "little"), 32 if foot[23] & 0x80 else 0
        is_real = len(foot) <= size <= end - start - has_header
        end -= size + has_header if is_real else len(foot)
    return max(end, start)


def _is_chained(source: SourceFile, start: int, end: int) -> bool:
    """Whether the last page belongs to another stream than the first (internet radio)."""
    tail = source.read_at(max(end - (1 << 17), start), 1 << 17)
    last = tail.rfind(b"OggS\0")
    serial = source.read_at(start + 14, 4)
    return last >= 0 and tail[last + 14 : last + 18] not in (serial, b"")
