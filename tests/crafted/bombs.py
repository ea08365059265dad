"""Small files that would be large: hours of nothing, and indexes that inflate."""

from __future__ import annotations

import functools
import struct
import tempfile
import zlib
from pathlib import Path

import numpy as np
import soundfile

from examples.track import encode
from fuzzing.settled import repair_ogg
from tests.audio_files import valid
from tests.crafted.containers import (
    MP4_TYPE,
    box,
    element,
    full_box,
    matroska,
    movie,
    pcm_track,
    simple_block,
)

_HUGE = 2**32 - 1


@functools.cache
def deflated_zeros(size: int) -> bytes:
    packer = zlib.compressobj(1)
    parts = [packer.compress(bytes(1 << 20)) for _ in range(size >> 20)]
    return b"".join([*parts, packer.flush()])


def _table(name: bytes, count: int, *rows: int, size: int | None = None) -> bytes:
    """A table of an MP4 index that claims ``count`` rows."""
    words = [*([] if size is None else [size]), count, *rows]
    return full_box(name, struct.pack(f">{len(words)}I", *words))


def _offsets(position: int) -> bytes:
    return _table(b"stsc", 1, 1, 1, 1) + _table(b"stco", 1, position)


def hours_of_silence_flac() -> bytes:
    return _silence("FLAC", "PCM_16", 60)


def hours_of_silence_alac() -> bytes:
    return _silence("CAF", "ALAC_16", 60)


def hours_of_silence_ogg() -> bytes:
    """Streams of a minute, one behind another: an hour would take the encoder long."""
    minute = _silence("OGG", "VORBIS", 1)
    serial = minute[14:18]
    streams = (minute.replace(serial, struct.pack("<I", number)) for number in range(30))
    return repair_ogg(b"".join(streams))


def hours_of_silence_wavpack() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "silence.wv")
        silence = np.zeros((8000 * 3600, 1), np.float32)
        encode(path, silence, 8000, "wavpack", container="wv", bit_rate=None)
        return path.read_bytes()


def _silence(kind: str, subtype: str, minutes: int) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "silence")
        with soundfile.SoundFile(path, "w", 8000, 1, format=kind, subtype=subtype) as file:
            for _ in range(minutes):
                file.write(np.zeros(8000 * 60, np.int16))
        return path.read_bytes()


def index_that_inflates() -> bytes:
    """QuickTime's compressed ``moov``: half a GiB of zeros (QuickTime File Format, "cmov")."""
    size = 512 << 20
    packed = struct.pack(">I", size) + deflated_zeros(size)
    index = box(b"moov", box(b"cmov", box(b"dcom", b"zlib"), box(b"cmvd", packed)))
    return MP4_TYPE + index + box(b"mdat", bytes(1000))


def index_that_inflates_inside() -> bytes:
    """The same, where no ``cmov`` belongs."""
    whole = index_that_inflates()
    packed = whole[whole.index(b"cmov") - 4 : whole.index(b"mdat") - 4]
    return MP4_TYPE + box(b"moov", box(b"udta", packed)) + box(b"mdat", bytes(1000))


def samples_of_one_size() -> bytes:
    """80 million samples of one byte: a number in the index, and 24 bytes each for who unrolls
    it."""
    return _movie_of_many_samples(80_000_000, tracks=1)


def tracks_of_many_samples() -> bytes:
    """Each of sixty tracks claims no more than a long recording has: 5 million samples."""
    return _movie_of_many_samples(5_000_000, tracks=60)


def _movie_of_many_samples(count: int, tracks: int) -> bytes:
    tables = (
        _table(b"stts", 2, 1, 2, count, 1)
        + _table(b"stsz", count, size=1)
        + _table(b"stsc", 1, 1, count, 1)
        + _table(b"stco", 1, 40)
    )
    return MP4_TYPE + movie(*[pcm_track(tables)] * tracks) + box(b"mdat", bytes(1000))


def samples_of_a_fragment() -> bytes:
    """A ``trun`` whose samples all have the default size: no byte of the file is behind them."""
    run = full_box(b"trun", struct.pack(">Ii", 80_000_000, 100), flags=1)
    head = full_box(b"tfhd", struct.pack(">III", 1, 1, 1), flags=0x18)
    extends = box(b"mvex", full_box(b"trex", struct.pack(">IIIII", 1, 1, 1, 1, 0)))
    empty = b"".join(_table(name, 0) for name in (b"stts", b"stsc", b"stco"))
    track = pcm_track(empty + _table(b"stsz", 0, size=0))
    moof = box(b"moof", full_box(b"mfhd", struct.pack(">I", 1)), box(b"traf", head, run))
    return MP4_TYPE + movie(track, extends) + moof + box(b"mdat", bytes(1000))


def tables_of_four_thousand_million_rows() -> bytes:
    tables = (
        _table(b"stts", _HUGE, 1, 1)
        + _table(b"ctts", _HUGE, 1, 1)
        + _table(b"stsz", _HUGE, 4, size=0)
        + _table(b"stsc", _HUGE, 1, 1, 1)
        + _table(b"stco", _HUGE, 40)
        + _table(b"stss", _HUGE, 1)
    )
    return MP4_TYPE + movie(pcm_track(tables)) + box(b"mdat", bytes(1000))


def boxes_ten_thousand_deep() -> bytes:
    nested = b""
    for _ in range(10_000):
        nested = box(b"udta", nested)
    return MP4_TYPE + box(b"moov", nested) + box(b"mdat", bytes(1000))


def alac_frames_of_millions_of_samples() -> bytes:
    """The largest frame that a decoder takes, 16,777,216 samples, in the decoder's settings."""
    data = bytearray(valid("alac"))
    at = data.rindex(b"alac") + 8
    data[at : at + 4] = (4096 * 4096).to_bytes(4, "big")
    return bytes(data)


_ZLIB = element(0x6D80, element(0x6240, element(0x5034, element(0x4254, 0))))


def matroska_blocks_that_inflate() -> bytes:
    """ContentCompression: silence in 30 blocks of 8 MiB."""
    block = simple_block(deflated_zeros(8 << 20))
    return matroska(encodings=_ZLIB, clusters=element(0x1F43B675, element(0xE7, 0) + block * 30))


def matroska_block_that_inflates_for_ever() -> bytes:
    block = simple_block(deflated_zeros(512 << 20))
    return matroska(encodings=_ZLIB, clusters=element(0x1F43B675, element(0xE7, 0) + block))


def matroska_of_endless_elements() -> bytes:
    """The segment, the tags, a string and the cluster each claim 2**56 - 2 bytes."""
    endless = 2**56 - 2
    title = element(0x1549A966, element(0x7BA9, b"title", endless), endless)
    head = element(0x1A45DFA3, element(0x4282, b"matroska"))
    return head + element(0x18538067, title + element(0x1F43B675, b"\0" * 100, endless), endless)


def matroska_tags_in_tags() -> bytes:
    nested = b""
    for _ in range(10_000):
        nested = element(0x67C8, nested)
    return matroska(element(0x1254C367, element(0x7373, nested)))


def script_of_a_day_of_tones() -> bytes:
    """SBaGen, "Sequenced Brainwave Generator": text that FFmpeg plays."""
    times = "NOW base\n+23:30:00 off\n+23:40:00 off\n"
    return f"-SE\nbase: 200+8/20\noff: -\n{times}".encode()


BOMBS = {
    script_of_a_day_of_tones: "unsupported_format",
    hours_of_silence_flac: "silent",
    hours_of_silence_alac: "silent",
    hours_of_silence_ogg: "silent",
    hours_of_silence_wavpack: "silent",
    index_that_inflates: "decode_failed",
    index_that_inflates_inside: "decode_failed",
    samples_of_one_size: "decode_failed",
    samples_of_a_fragment: "decode_failed",
    tables_of_four_thousand_million_rows: "decode_failed",
    boxes_ten_thousand_deep: "decode_failed",
    alac_frames_of_millions_of_samples: "too_short",
    matroska_blocks_that_inflate: "silent",
    matroska_block_that_inflates_for_ever: "decode_failed",
    matroska_of_endless_elements: "no_audio",
    matroska_tags_in_tags: "decode_failed",
}
"""With the code of the answer."""
