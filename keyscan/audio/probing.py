"""Which container a file is, where its sound lies, and what its headers say of damage."""

from __future__ import annotations

import re
from dataclasses import dataclass

from keyscan.audio import riff
from keyscan.audio.formats import (
    ADTS,
    FORMATS,
    FREE_FORMAT_MP3,
    LARGE_WAV,
    MP3,
    OGG_CHAIN,
    UNKNOWN,
    WAV,
    WAV_WITH_MPEG,
    DecoderName,
    Format,
)
from keyscan.audio.lengths import BEYOND
from keyscan.audio.mpeg import (
    WINDOW,
    FramesEnd,
    end_of_frames,
    find_frames,
    starts_in_free_format,
    xing_place,
)
from keyscan.audio.ogg import check_pages
from keyscan.audio.source import SourceFile
from keyscan.audio.tags import (
    MAX_ZEROS,
    before_tags,
    behind_tags,
    behind_zeros,
    breaks_off_in_tag,
    next_id3v2,
)

_SCAN = 1 << 20  # bytes other than tags and zeros before the sound; players look as far
_TAILS = (1 << 15, 1 << 19, 1 << 23)  # bytes in which the last MPEG frame is looked for
_MAX_GAPS = 10  # between tags before the sound

# The first block of a FLAC file and the begin of the next, and a first Ogg page; libraries that
# write these formats hold no more than the first eight bytes.
_BEGIN = re.compile(
    rb"fLaC(?:\x00\x00\x00\x22.{34}[\x01-\x06\x81-\x86]|\x80\x00\x00\x22.{34}\xff[\xf8\xf9])"
    rb"|OggS\x00\x02\x00{8}",
    re.DOTALL,
)

# The same behind a tag that states too small a size, and WAV, AIFF and MP4.
_BEGIN_IN_TAG = re.compile(
    _BEGIN.pattern
    + rb"|(?:RIF[FX]|RF64|BW64).{4}WAVE[ -~]{4}|FORM.{4}AIF[FC][A-Z]{4}"
    + rb"|\0\0\0[\x10-\x40]ftyp[ -~]{4}",
    re.DOTALL,
)
_RAW_SYNC = re.compile(rb"\x0b\x77|\x7f\xfe\x80\x01")  # AC-3 and DTS
_ZEROS = bytes(1 << 16)  # so many between other bytes are looked behind

_SIZE_UNKNOWN = b"\xff\xff\xff\xff"  # in a WAV: FFmpeg reads up to the end


@dataclass(frozen=True, kw_only=True)
class Probed:
    """Before decoding: the format, and what is known of the file's damage.

    Attributes:
        decoders: in the order to try them.
        announced_bytes: of the sound by the file's headers; 0 if they do not say.
        missing_bytes: by which the file ends before its headers say.
        announced_seconds: of the sound by the file's headers, or None.
        breaks_off: the file ends before its headers say.
        ends_in_tag: the file ends within a tag at its start, and no sound is found.
        damaged_pages: places where Ogg pages are lost or damaged.
        lost_samples: per channel, of an incomplete last Ogg page; None: see ``OggPages``.
        ends_clean: the last MPEG frame is whole, and nothing but tags follow.
        announced_samples: per channel, by an MP3's or FLAC's header.
        has_more: sound follows that is not decoded: another chunk of a WAV, AIFF or CAF, or
            free-format MP3 behind ordinary MP3.
    """

    format: Format
    decoders: tuple[DecoderName, ...]
    announced_bytes: int
    missing_bytes: int
    announced_seconds: float | None
    breaks_off: bool
    ends_in_tag: bool
    damaged_pages: int
    lost_samples: int | None
    ends_clean: bool
    announced_samples: int | None
    has_more: bool


def probe(source: SourceFile) -> Probed:
    """Identify an open file and set ``source.start`` and ``.end`` to its sound.

    The size in the header of a WAV that is too long for it is replaced.

    Raises:
        DecodeFailed: the file has too many chunks.
    """
    found = identify(source)
    known, source.start, source.end = found.format, found.start, found.end
    end, size, has_more = None, 0, found.has_more
    seconds = known.seconds(source) if known.seconds else None
    if known.header is not None:
        header = known.header(source)
        end, size, has_more = header.end, header.size, header.more_is_worth_telling
        known = _apply(header, known, source)
    elif known.end is not None:
        end = known.end(source)
        size = 0 if end in (None, BEYOND) else end - source.start
    breaks_off, damaged_pages, lost_samples = end is not None and end > source.end, 0, None
    if known.paged:
        pages = check_pages(source)
        breaks_off, damaged_pages = not pages.complete, pages.damaged_parts
        lost_samples = pages.lost_samples
        known = OGG_CHAIN if len(pages.links) > 1 else known
    head = source.read_at(source.start, 2048)
    samples = known.samples(head) if known.samples else None
    if known is FREE_FORMAT_MP3 and (count := xing_place(head)) is not None:
        source.patch(source.start + count, bytes(4))  # libsndfile reads no frame more
    intact = not (breaks_off or damaged_pages)
    return Probed(
        format=known,
        decoders=known.decoders_for(intact=intact),
        announced_bytes=size,
        missing_bytes=max(end - source.end, 0) if end is not None else 0,
        announced_seconds=seconds,
        breaks_off=breaks_off,
        ends_in_tag=known is UNKNOWN and breaks_off_in_tag(source),
        damaged_pages=damaged_pages,
        lost_samples=lost_samples,
        ends_clean=found.ends_clean,
        announced_samples=samples,
        has_more=has_more,
    )


@dataclass(frozen=True)
class Identified:
    """The format, and the bytes from which and up to which it lies.

    ``ends_clean``: the last MPEG frame is whole, and nothing but tags follow. ``has_more``:
    free-format MP3 follows.
    """

    format: Format
    start: int
    end: int
    ends_clean: bool = False
    has_more: bool = False


def identify(source: SourceFile) -> Identified:
    """Find the sound: between tags, behind up to 4 GiB of zeros and 1 MiB of other bytes."""
    start = behind_tags(source)
    end = before_tags(source, start)
    at, scan_left = start, _SCAN
    for _ in range(_MAX_GAPS):
        for place in (at, behind_zeros(source, at)):
            if known := _by_magic(source, place, end):
                return Identified(known, place, end)
        for most in (1, scan_left):  # the sound of most files begins at once
            data = source.read_at(place, min(most + WINDOW, end - place))
            tag, zeros = next_id3v2(data[:most]), data.find(_ZEROS, 0, most + len(_ZEROS))
            gap = min((gap for gap in (tag, zeros) if gap is not None and gap >= 0), default=None)
            reach = most if gap is None else gap
            if found := _among_other_bytes(source, place, data, reach, end):
                return found
        if gap is None or place - start >= MAX_ZEROS:
            break
        at, scan_left = behind_tags(source, place + gap), scan_left - gap
    place = behind_zeros(source, start)
    is_raw = _RAW_SYNC.match(source.read_at(place, 4))
    return Identified(UNKNOWN, place if is_raw else start, end)


def _by_magic(source: SourceFile, at: int, end: int) -> Format | None:
    """The format whose first bytes are at byte ``at``, if it has any that tell."""
    head = source.read_at(at, 1 << 12)
    for known in FORMATS:
        if known.matches(head):
            return known
    return None


def _among_other_bytes(
    source: SourceFile, at: int, data: bytes, reach: int, end: int
) -> Identified | None:
    """MPEG audio, FLAC or Ogg that begins in the first ``reach`` bytes of ``data``.

    ``at``: the byte of the file where ``data`` begins.
    """
    frames = find_frames(data, reach, complete=at + len(data) >= end)
    pattern = _BEGIN_IN_TAG if source.read_at(source.start, 3) == b"ID3" else _BEGIN
    begin = pattern.search(data, 0, frames[1] if frames else reach)
    if begin is not None:
        start = at + begin.start()
        known = _by_magic(source, start, end)
        return Identified(known or UNKNOWN, start, end)
    if frames is None:
        return None
    kind, start = frames[0], at + frames[1]
    if kind == "free":
        return Identified(FREE_FORMAT_MP3, start, end)
    last = _last_frame(source, start, end)
    behind = behind_zeros(source, behind_tags(source, last.offset))
    has_more = starts_in_free_format(source.read_at(behind, WINDOW))
    return Identified(MP3 if kind == "mp3" else ADTS, start, last.offset, last.is_clean, has_more)


def _apply(header: riff.Header, known: Format, source: SourceFile) -> Format:
    """How to decode a file of chunks; what its header has wrong is replaced."""
    if known is WAV and header.holds_mpeg:
        return WAV_WITH_MPEG
    if known is WAV and header.lost_size is not None:
        source.patch(header.lost_size.field, _SIZE_UNKNOWN)
        source.end = header.lost_size.end
        return LARGE_WAV
    if header.more is not None and header.end is not None:
        source.end = header.end  # libsndfile would take the last chunk of sound
    if header.mended is not None:
        source.start = header.mended.start
        source.patch(header.mended.start, header.mended.data)
    return known


def _last_frame(source: SourceFile, start: int, end: int) -> FramesEnd:
    """Where MPEG frames end: lyrics, a tag at the wrong end, or zeros may follow them."""
    for size in _TAILS:
        tail_start = max(end - size, start)
        found = end_of_frames(source.read_at(tail_start, end - tail_start))
        if found is not None:
            return FramesEnd(tail_start + found.offset, found.is_clean)
        if tail_start == start:
            break
    return FramesEnd(end, is_clean=False)
