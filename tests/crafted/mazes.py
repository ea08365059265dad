"""Structures that could take for ever to walk through."""

from __future__ import annotations

import random
import struct

from tests.audio_files import id3v2, valid
from tests.crafted.containers import MP4_TYPE, chunk


def asf_objects_of_huge_size() -> bytes:
    """Every object behind the header's first claims 2**63 - 1 bytes."""
    data = bytearray(valid("wma"))
    data[16:24] = (2**63 - 1).to_bytes(8, "little")
    at = 30
    for _ in range(3):
        size = int.from_bytes(data[at + 16 : at + 24], "little")
        data[at + 16 : at + 24] = (2**63 - 1).to_bytes(8, "little")
        at += size
    return bytes(data)


def avi_index_that_names_itself() -> bytes:
    """An OpenDML index of indexes whose every entry is that index."""
    data = valid("avi-video")
    at = data.index(b"strf") - 8
    place = at + 8
    entries = b"".join(struct.pack("<QII", place, 2000, 1) for _ in range(100))
    index = struct.pack("<HBBI4s12x", 4, 0, 0, 100, b"01wb") + entries
    return data[:at] + chunk(b"indx", index) + data[at:]


def avi_index_of_a_million_entries() -> bytes:
    data = valid("avi-video")
    entry = struct.pack("<4sIII", b"01wb", 16, 4, 1)
    return data[: data.index(b"idx1")] + chunk(b"idx1", entry * 300_000, size=2**31)


def lists_in_lists() -> bytes:
    """RIFF's lists, 10,000 deep."""
    nested = b""
    for _ in range(10_000):
        nested = chunk(b"LIST", b"hdrl" + nested)
    return chunk(b"RIFF", b"AVI " + nested + chunk(b"LIST", b"movi"))


def chunks_without_end_in_wav() -> bytes:
    data = valid("wav")
    return data[:12] + chunk(b"junk", b"") * 1_000_000 + data[12:]


def chunks_without_end_in_aiff() -> bytes:
    data = valid("aiff")
    return data[:12] + chunk(b"ANNO", b"", ">") * 1_000_000 + data[12:]


def chunks_without_end_in_w64() -> bytes:
    data = valid("w64")
    junk = b"junk\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a" + struct.pack("<Q", 24)
    return data[:40] + junk * 300_000 + data[40:]


def chunks_without_end_in_caf() -> bytes:
    """Behind the description, which must come first."""
    data = valid("caf")
    return data[:52] + (b"free" + bytes(8)) * 700_000 + data[52:]


def ten_megabytes_of_frame_headers() -> bytes:
    """Each looks like an MP3's, and none follows where it should; the first are real frames."""
    return valid("mp3")[:50_000] + b"\xff\xfb\x90\x64\0" * 2_000_000


def frames_that_change_their_rate() -> bytes:
    """ADTS: a new resampler every ten frames."""
    data, at = valid("aac", 20.0), 0
    frames: list[bytes] = []
    while at < len(data):
        length = (data[at + 3] & 3) << 11 | data[at + 4] << 3 | data[at + 5] >> 5
        frame = bytearray(data[at : at + length])
        frame[2] = frame[2] & 0xC3 | (3 + len(frames) // 10 % 2) << 2
        frames.append(bytes(frame))
        at += length
    return b"".join(frames) * 4


def ogg_pages_without_end() -> bytes:
    """Half a million pages with nothing in them."""
    return valid("ogg-vorbis") + (b"OggS\0\0" + bytes(21)) * 500_000


def noise_behind_each_magic() -> bytes:
    """Beginnings of everything, one behind the other."""
    rng = random.Random(1)
    magics = (b"RIFF\xff\xff\xff\xffWAVE", b"fLaC", b"OggS", MP4_TYPE, b"\x1aE\xdf\xa3", id3v2())
    return b"".join(rng.choice(magics) + rng.randbytes(100) for _ in range(3000))


MAZES = {
    asf_objects_of_huge_size: "ok",
    avi_index_that_names_itself: "no_audio",
    avi_index_of_a_million_entries: "ok",
    lists_in_lists: "no_audio",
    chunks_without_end_in_wav: "decode_failed",
    chunks_without_end_in_aiff: "decode_failed",
    chunks_without_end_in_w64: "decode_failed",
    chunks_without_end_in_caf: "decode_failed",
    ten_megabytes_of_frame_headers: "decode_failed",
    frames_that_change_their_rate: "ok",
    ogg_pages_without_end: "ok",
    noise_behind_each_magic: "decode_failed",
}
"""With the code of the answer."""
