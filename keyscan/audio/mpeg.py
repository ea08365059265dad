"""MPEG audio (MP1/2/3) and ADTS AAC frames, which a chain of headers tells from random bytes.

Sources: ISO/IEC 11172-3 and 13818-3 (frame header), ISO/IEC 14496-3 1.A.2.2 (ADTS), and the
"Xing"/"Info" header that encoders put into the first frame of an MP3.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_BITRATES = {  # kbit/s by (MPEG-1?, layer)
    (True, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES = (44100, 48000, 32000)  # of MPEG-1; halved for MPEG-2, quartered for MPEG-2.5
_HEADER_SIZE = 7  # bytes of ADTS, the longer one
_CHAIN = 3  # headers that must follow one another: in random bytes once in 2**44
_MAX_FALSE_HEADERS = 20_000  # that begin no chain: eight times as many as in 8 MiB of random bytes

# The first three bytes of a header of MPEG audio or ADTS.
_HEADER = re.compile(rb"\xff(?=[\xe2-\xe7\xf2-\xf7\xfa-\xff][\x10-\xef]|[\xf0\xf1\xf8\xf9])")


@dataclass(frozen=True)
class Frame:
    """One frame's header; ``length`` is in bytes, ``signature`` the same in every frame."""

    length: int
    samples: int
    signature: tuple[object, ...]


def mp3_frame(data: bytes, at: int = 0) -> Frame | None:
    """The MPEG audio frame whose 4-byte header is at ``data[at:]``, or None."""
    if len(data) < at + 4 or data[at] != 0xFF or data[at + 1] & 0xE0 != 0xE0:
        return None
    version, layer = data[at + 1] >> 3 & 3, 4 - (data[at + 1] >> 1 & 3)
    bitrate, rate, padding = data[at + 2] >> 4, data[at + 2] >> 2 & 3, data[at + 2] >> 1 & 1
    if version == 1 or layer == 4 or bitrate in (0, 15) or rate == 3:
        return None
    mpeg1 = version == 3
    hertz = _RATES[rate] >> (0 if mpeg1 else 1 if version == 2 else 2)
    bits = _BITRATES[mpeg1, layer][bitrate - 1] * 1000
    samples = 384 if layer == 1 else 1152 if layer == 2 or mpeg1 else 576
    slot = 4 if layer == 1 else 1
    length = (samples // 8 * bits // hertz // slot + padding) * slot
    return Frame(length, samples, (version, layer, hertz))


def adts_frame(data: bytes, at: int = 0) -> Frame | None:
    """The ADTS frame whose 7-byte header is at ``data[at:]``, or None."""
    if len(data) < at + 7 or data[at] != 0xFF or data[at + 1] & 0xF6 != 0xF0:
        return None
    length = (data[at + 3] & 3) << 11 | data[at + 4] << 3 | data[at + 5] >> 5
    if data[at + 2] >> 2 & 15 > 12 or length < 8:
        return None
    # Object type and rate; the channel count may differ where programmes are joined.
    return Frame(length, 1024, (data[at + 1] >> 3 & 1, data[at + 2] & 0xFC))


def is_cut(packet: bytes) -> bool:
    """Whether ``packet`` begins like an MP3 frame and is shorter than its header says."""
    frame = mp3_frame(packet)
    return frame is not None and len(packet) < frame.length


def find_frames(data: bytes, *, complete: bool) -> tuple[str, int] | None:
    """Kind (``"mp3"`` or ``"adts"``) and offset of the first chain of frames in ``data``.

    ``complete``: ``data`` reaches the end of the file, where a chain may be as short as two frames.
    """
    for kind, start, _ in _chains(data, complete):
        return kind, start
    return None


def end_of_frames(data: bytes) -> int | None:
    """Where the last chain of frames in ``data``, the end of a file, ends; None without a chain.

    A truncated last frame is part of the chain.
    """
    end = None
    for _, _, end in _chains(data, complete=True):
        if len(data) - end < _HEADER_SIZE and data[end : end + 1] in (b"", b"\xff"):
            return len(data)
    return end


def _chains(data: bytes, complete: bool) -> Iterator[tuple[str, int, int]]:
    """Kind, start and end of each chain of frames; ends after too many headers that begin none."""
    at, tries_left = 0, _MAX_FALSE_HEADERS
    while tries_left and (header := _HEADER.search(data, at)):
        start = header.start()
        for kind, parse in (("mp3", mp3_frame), ("adts", adts_frame)):
            first = frame = parse(data, start)
            at, count = start, 0
            while first and frame and frame.signature == first.signature:
                at, count = at + frame.length, count + 1
                frame = parse(data, at)
            if count > _CHAIN or (complete and count >= 2 and at >= len(data)):
                yield kind, start, at
                break
        else:
            at, tries_left = start + 1, tries_left - 1


def xing_samples(data: bytes) -> int | None:
    """Samples that the Xing/Info header in the MP3 frame at the start of ``data`` announces.

    The count includes the encoder's delay and padding; None without such a header.
    """
    frame = mp3_frame(data)
    if frame is None:
        return None
    for tag in (b"Xing", b"Info"):
        at = data[: min(frame.length, 200)].find(tag, 4)
        if at >= 0 and len(data) >= at + 12 and data[at + 7] & 1:
            return int.from_bytes(data[at + 8 : at + 12], "big") * frame.samples
    return None
