"""A file for each defect that damaged and crafted files brought to light, named for what is wrong
with it; each is made from a valid file."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from tests.audio_files import valid
from tests.crafted.containers import MP4_TYPE, box, chunk, movie, pcm_track


@dataclass(frozen=True)
class Found:
    """A file and its answer: the code, and the codes of the warnings if it is ``"ok"``."""

    data: bytes
    code: str
    warnings: tuple[str, ...] = ()


def rf64_that_ends_behind_every_position() -> Found:
    """A length of 2**63 - 1: libsndfile seeks to where Python's numbers do not fit C's any more,
    and a traceback was printed."""
    data = valid("rf64")
    at = data.index(b"ds64") + 16
    return Found(data[:at] + struct.pack("<Q", 2**63 - 1) + data[at + 8 :], "ok", ("truncated",))


def wav_with_mp3_behind_a_long_chunk() -> Found:
    """libsndfile looked for the first frame byte by byte, for half a minute, and printed notes."""
    data = valid("wav-mp3")
    return Found(data[:12] + chunk(b"id3 ", b"x" * 3_000_000) + data[12:], "ok")


def wav_with_200_000_chunks() -> Found:
    """Each costs the decoder several calls; ten megabytes of them took ten seconds."""
    data = valid("wav")
    return Found(data[:12] + chunk(b"junk", b"") * 200_000 + data[12:], "decode_failed")


def wav_with_65_535_channels() -> Found:
    """It was said to be without sound."""
    data = valid("wav")
    return Found(data[:22] + b"\xff\xff" + data[24:], "decode_failed")


def mp3_with_headers_that_begin_no_frame() -> Found:
    """The search for the last frame took six seconds for ten megabytes of them."""
    return Found(valid("mp3") + b"\xff\xfb\x94\x64\0" * 400_000, "ok")


def movie_whose_index_is_a_thousandth_of_its_size() -> Found:
    """One number in a kilobyte, and FFmpeg asked for two gigabytes."""
    tables = b"".join(
        box(name, struct.pack(f">{len(words)}I", *words))
        for name, words in (
            (b"stts", (0, 2, 1, 2, 80_000_000, 1)),
            (b"stsz", (0, 1, 80_000_000)),
            (b"stsc", (0, 1, 1, 80_000_000, 1)),
            (b"stco", (0, 1, 40)),
        )
    )
    data = MP4_TYPE + movie(pcm_track(tables)) + box(b"mdat", bytes(1000))
    return Found(data, "decode_failed")


def caf_with_a_damaged_packet_table() -> Found:
    """libsndfile, which was asked after FFmpeg, printed what it thought of it."""
    data = valid("caf-alac")
    at = data.index(b"pakt") + 36
    return Found(data[:at] + b"\xff" * 82 + data[at + 82 :], "decode_failed")


def adx_of_an_impossible_rate() -> Found:
    """FFmpeg divides by zero, and the process dies."""
    head = b"\x80\0\0\x20\3\x12\4\2" + struct.pack(">II", 50_375_748, 141_120)
    data = head + b"\1\xf4\3" + bytes(11) + b"(c)CRI" + bytes(18 * 2000)
    return Found(data, "unsupported_format")


FOUND = {
    make.__name__: make
    for make in (
        rf64_that_ends_behind_every_position,
        wav_with_mp3_behind_a_long_chunk,
        wav_with_200_000_chunks,
        wav_with_65_535_channels,
        mp3_with_headers_that_begin_no_frame,
        movie_whose_index_is_a_thousandth_of_its_size,
        caf_with_a_damaged_packet_table,
        adx_of_an_impossible_rate,
    )
}
