"""MPEG audio (MP1/2/3) and ADTS AAC frames, which chains of headers tell from other bytes.

Sources: ISO/IEC 11172-3 and 13818-3 (frame header; allocation of Layer I), ISO/IEC 14496-3
1.A.2.2 (ADTS), and the "Xing"/"Info" header that encoders put into the first frame of an MP3.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Literal, NamedTuple

from keyscan.audio.tags import tag_length

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
_CHAIN = 4  # frames in a row: in random bytes once in 2**44
_LONG_CHAIN = 16  # the same where most files have samples
_FREE_CHAIN = 8  # the same of frames whose length no header states
_SHORTEST_FREE_FRAME, _LONGEST_FREE_FRAME = 24, 4096  # bytes; 640 kbit/s take 2,880
_MAX_FALSE_HEADERS = 20_000  # that begin no chain: eight times as many as in 8 MiB of random bytes
_MAX_CHAINS = 100  # that are looked at; programs have up to 14
WINDOW = 1 << 18  # bytes behind the first frame that are mostly frames; programs reach 26 %

# The first three bytes of a header of MPEG audio or ADTS.
_HEADER = re.compile(rb"\xff(?=[\xe2\xe3\xf2-\xf7\xfa-\xff][\x10-\xef]|[\xf0\xf1\xf8\xf9])")
# The same of Layer III in free format: the bit rate is 0.
_FREE_HEADER = re.compile(rb"\xff[\xe2\xe3\xf2\xf3\xfa\xfb](?=[\0-\x0b])")
# What ends the last frame of a truncated file before its time.
_TAG = re.compile(rb"TAG|APETAGEX|LYRICSBEGIN|ID3[\2-\4]\0")

Kind = Literal["mp3", "adts", "free"]


class Frame(NamedTuple):
    """One frame's header; ``length`` is in bytes, ``signature`` the same in every frame."""

    length: int
    samples: int
    signature: tuple[object, ...]


def mp3_frame(data: bytes, at: int = 0, free_length: int = 0) -> Frame | None:
    """The MPEG audio frame whose 4-byte header is at ``data[at:]``, or None.

    ``free_length``: bytes of a frame without padding in free format, which states no bit rate; no
    other frame is meant then.
    """
    if len(data) < at + 4 or data[at] != 0xFF or data[at + 1] & 0xE0 != 0xE0:
        return None
    version, layer = data[at + 1] >> 3 & 3, 4 - (data[at + 1] >> 1 & 3)
    bitrate, rate, padding = data[at + 2] >> 4, data[at + 2] >> 2 & 3, data[at + 2] >> 1 & 1
    if version == 1 or layer == 4 or (version == 0 and layer != 3):
        return None
    if bitrate == 15 or rate == 3 or (bitrate == 0) != (free_length > 0):
        return None
    if layer == 1 and any(15 in (byte >> 4, byte & 15) for byte in data[at + 6 : at + 20]):
        return None  # an allocation of 15 is forbidden; programs are full of such bytes
    mpeg1 = version == 3
    hertz = _RATES[rate] >> (0 if mpeg1 else 1 if version == 2 else 2)
    samples = 384 if layer == 1 else 1152 if layer == 2 or mpeg1 else 576
    if free_length:
        return Frame(free_length + padding, samples, (version, layer, hertz))
    bits = _BITRATES[mpeg1, layer][bitrate - 1] * 1000
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


@dataclass(frozen=True)
class _Chain:
    """Frames in a row, ``data[start:end]``; the last one, from ``last`` on, may be truncated."""

    kind: Kind
    start: int
    last: int
    end: int


_Parse = Callable[[bytes, int], Frame | None]


def find_frames(data: bytes, reach: int, *, complete: bool) -> tuple[Kind, int] | None:
    """Kind and offset, below ``reach``, of the frames that ``data`` mostly consists of from there.

    ``complete``: ``data`` reaches the end of the file, where a chain may be as short as two frames.
    """
    chains = list(_chains(data, complete))
    for number, first in enumerate(chains[:_MAX_CHAINS]):
        if first.start >= reach:
            break
        alike = [chain for chain in chains[number:] if chain.kind == first.kind]
        if _are_most(alike, data[first.start : first.start + WINDOW], first.start):
            return first.kind, first.start
    free = _free_chains(data)
    if free:
        joined = [chain for chain in chains if chain.start >= free[-1].end]
        if _are_most(free + joined, data[:WINDOW], 0):
            return "free", 0
    return None


def leading_frames(data: bytes) -> Kind | None:
    """The kind of frames of which at least the first half of ``data``, and 16, is a row."""
    kinds: tuple[tuple[Kind, _Parse], ...] = (("mp3", mp3_frame), ("adts", adts_frame))
    for kind, parse in kinds:
        _, end, count = _follow(data, 0, parse)
        if count >= _LONG_CHAIN and 2 * end >= len(data):
            return kind
    return None


def _are_most(chains: list[_Chain], window: bytes, start: int) -> bool:
    """Whether at least half of ``window`` are frames; tags and zeros between them do not count."""
    at = frames = others = 0
    for chain in chains:
        begin, end = (min(at - start, len(window)) for at in (chain.start, chain.end))
        gap = window[at:begin]
        others += len(gap[tag_length(gap[:32]) :].strip(b"\0"))
        frames, at = frames + end - begin, end
    gap = window[at:]
    return frames >= others + len(gap[tag_length(gap[:32]) :].strip(b"\0"))


@dataclass(frozen=True)
class FramesEnd:
    """Where frames end; ``is_clean``: with a whole frame, at the file's end or before a tag."""

    offset: int
    is_clean: bool


def end_of_frames(data: bytes) -> FramesEnd | None:
    """Where the last chain of frames in ``data``, the end of a file, ends; None without a chain.

    A truncated last frame is part of the chain.
    """
    last = None
    for last in _chains(data, complete=True):
        if len(data) - last.end < _HEADER_SIZE and data[last.end : last.end + 1] in (b"", b"\xff"):
            return FramesEnd(len(data), last.end == len(data))
    if last is None:
        return None
    tag = _TAG.search(data, last.last)
    if tag and tag.start() <= last.end:
        return FramesEnd(tag.start(), tag.start() == last.end)
    return FramesEnd(last.end, is_clean=False)


def _chains(data: bytes, complete: bool) -> Iterator[_Chain]:
    """All chains of frames; the search ends after too many headers that begin none."""
    at, tries_left = 0, _MAX_FALSE_HEADERS
    while tries_left and (header := _HEADER.search(data, at)):
        start = header.start()
        kinds: tuple[tuple[Kind, _Parse], ...] = (("mp3", mp3_frame), ("adts", adts_frame))
        for kind, parse in kinds:
            last, end, count = _follow(data, start, parse)
            if count >= _CHAIN or (complete and count >= 2 and end >= len(data)):
                yield _Chain(kind, start, last, end)
                at = end
                break
        else:
            at, tries_left = start + 1, tries_left - 1


def _follow(data: bytes, start: int, parse: _Parse) -> tuple[int, int, int]:
    """From frame to frame of one signature: start of the last one, its end, number of frames."""
    first = frame = parse(data, start)
    last, end, count = start, start, 0
    while first and frame and frame.signature == first.signature:
        last, end, count = end, end + frame.length, count + 1
        frame = parse(data, end)
    return last, end, count


def starts_in_free_format(data: bytes) -> bool:
    """Whether ``data`` begins with frames that do not state their length."""
    return bool(_free_chains(data))


def _free_chains(data: bytes) -> list[_Chain]:
    """The chain in free format with which ``data`` begins, and those of such frames behind it.

    Samples behind a header may look alike. A frame is as long as its header is from the next one.
    """
    if not _FREE_HEADER.match(data):
        return []
    padding = data[2] >> 1 & 1
    for other in _FREE_HEADER.finditer(data, _SHORTEST_FREE_FRAME, _LONGEST_FREE_FRAME):
        parse = partial(mp3_frame, free_length=other.start() - padding)
        chains: list[_Chain] = []
        for header in _FREE_HEADER.finditer(data):
            start = header.start()
            if chains and start < chains[-1].end:
                continue
            last, end, count = _follow(data, start, parse)
            if count >= _FREE_CHAIN:
                chains.append(_Chain("free", start, last, end))
            elif not chains:
                break
        if chains:
            return chains
    return []


def xing_samples(data: bytes) -> int | None:
    """Samples that the Xing/Info header in the MP3 frame at the start of ``data`` announces.

    The encoder's delay and padding, which decoders leave out, are not counted where LAME's
    extension of the header states them; None without such a header.
    """
    frame, at = mp3_frame(data) or mp3_frame(data, 0, _LONGEST_FREE_FRAME), xing_place(data)
    if frame is None or at is None or not data[at + 7] & 1:
        return None
    trimmed = 0
    if data[at + 120 : at + 124] in (b"LAME", b"Lavf", b"Lavc"):
        delay_and_padding = int.from_bytes(data[at + 141 : at + 144], "big")
        trimmed = (delay_and_padding >> 12) + (delay_and_padding & 0xFFF)
    return int.from_bytes(data[at + 8 : at + 12], "big") * frame.samples - trimmed


def xing_place(data: bytes) -> int | None:
    """Offset of the Xing/Info header in the MP3 frame at the start of ``data``, or None."""
    frame = mp3_frame(data) or mp3_frame(data, 0, _LONGEST_FREE_FRAME)
    if frame is None:
        return None
    places = (data[: min(frame.length, 200)].find(tag, 4) for tag in (b"Xing", b"Info"))
    return next((at for at in places if 0 <= at <= len(data) - 144), None)
