"""Tags and pictures that claim, or inflate to, hundreds of megabytes."""

from __future__ import annotations

import struct

from tests.audio_files import valid
from tests.crafted.bombs import deflated_zeros
from tests.crafted.containers import box, chunk, full_box


def _id3_tag(frames: bytes, size: int | None = None) -> bytes:
    size = len(frames) if size is None else size
    return b"ID3\4\0\0" + _synchsafe(size) + frames


def _synchsafe(size: int) -> bytes:
    return bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0))


def _inflating_frames() -> bytes:
    """Three comments of 200 MiB (ID3v2.4: compressed, with a data length indicator)."""
    size = 200 << 20
    packed = _synchsafe(size) + deflated_zeros(size)
    return (b"TXXX" + _synchsafe(len(packed)) + b"\0\x09" + packed) * 3


def tag_that_claims_256_megabytes() -> bytes:
    return _id3_tag(b"TIT2" + b"\x7f" * 4 + bytes(2), 2**28 - 1) + valid("mp3")


def tag_that_inflates_before_an_mp3() -> bytes:
    return _id3_tag(_inflating_frames()) + valid("mp3")


def tag_that_inflates_in_an_aifc() -> bytes:
    form = valid("aifc-float")
    return form[:12] + chunk(b"ID3 ", _id3_tag(_inflating_frames()), ">") + form[12:]


def tag_that_inflates_in_a_wav() -> bytes:
    """Around MP3, which is FFmpeg's to decode."""
    form = valid("wav-mp3")
    return form[:12] + chunk(b"id3 ", _id3_tag(_inflating_frames())) + form[12:]


def hundred_and_one_tags() -> bytes:
    return _id3_tag(b"") * 100 + _id3_tag(_inflating_frames()) + valid("mp3")


def picture_of_100_megabytes_in_flac() -> bytes:
    data = valid("flac")
    claims = struct.pack(">II", 3, 9) + b"image/png" + struct.pack(">6I", 0, 9, 9, 24, 0, 100 << 20)
    block = b"\x06" + len(claims).to_bytes(3, "big") + claims
    return data[:42] + block + data[42:]


def picture_of_100_megabytes_in_id3() -> bytes:
    picture = b"APIC" + _synchsafe(100 << 20) + bytes(2) + b"\0image/png\0\3\0" + bytes(1000)
    return _id3_tag(picture, 101 << 20) + valid("mp3")


def picture_of_100_megabytes_in_m4a() -> bytes:
    picture = struct.pack(">I4sI4sII", 100 << 20, b"covr", (100 << 20) - 8, b"data", 14, 0)
    data = valid("m4a")
    at = data.index(b"moov") - 4
    size = int.from_bytes(data[at : at + 4], "big")
    items = box(b"udta", full_box(b"meta", box(b"ilst", picture + bytes(1000))))
    return data[:at] + box(b"moov", data[at + 8 : at + size], items) + data[at + size :]


TAGS = {
    tag_that_claims_256_megabytes: "ok",
    tag_that_inflates_before_an_mp3: "ok",
    tag_that_inflates_in_an_aifc: "ok",
    tag_that_inflates_in_a_wav: "ok",
    hundred_and_one_tags: "ok",
    picture_of_100_megabytes_in_flac: "ok",
    picture_of_100_megabytes_in_id3: "ok",
    picture_of_100_megabytes_in_m4a: "ok",
}
"""With the code of the answer."""
