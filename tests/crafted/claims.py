"""Headers that claim what cannot be: channels, sample rates, and lengths."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from tests.audio_files import music
from tests.crafted.containers import (
    MP4_TYPE,
    Field,
    box,
    element,
    full_box,
    matroska,
    movie,
    pcm_track,
    simple_block,
)

_W64_FMT, _W64_DATA = b"fmt \xf3\xac\xd3\x11", b"data\xf3\xac\xd3\x11"

CHANNELS = (
    Field("wav", b"fmt ", 10, "<H"),
    Field("wav-mp3", b"fmt ", 10, "<H"),
    Field("rf64", b"fmt ", 10, "<H"),
    Field("w64", _W64_FMT, 26, "<H"),
    Field("aiff", b"COMM", 8, ">H"),
    Field("aifc-float", b"COMM", 8, ">H"),
    Field("au", b".snd", 20, ">I"),
    Field("caf", b"desc", 36, ">I"),
    Field("caf-alac", b"desc", 36, ">I"),
    Field("m4a", b"mp4a", 20, ">H"),
    Field("alac", b"alac", 17, ">B"),
    Field("ogg-vorbis", b"\x01vorbis", 11, "<B"),
    Field("ogg-opus", b"OpusHead", 9, "<B"),
    Field("webm", b"OpusHead", 9, "<B"),
    Field("wma", bytes.fromhex("409e69f84d5bcf11a8fd00805f5c442b"), 56, "<H"),
)
RATES = (
    Field("wav", b"fmt ", 12, "<I"),
    Field("wav-mp3", b"fmt ", 12, "<I"),
    Field("rf64", b"fmt ", 12, "<I"),
    Field("w64", _W64_FMT, 28, "<I"),
    Field("au", b".snd", 16, ">I"),
    Field("caf", b"desc", 12, ">d"),
    Field("caf-alac", b"desc", 12, ">d"),
    Field("alac", b"alac", 28, ">I"),
    Field("ogg-vorbis", b"\x01vorbis", 12, "<I"),
    Field("ogg-opus", b"OpusHead", 12, "<I"),
    Field("wma", bytes.fromhex("409e69f84d5bcf11a8fd00805f5c442b"), 58, "<I"),
)
LENGTHS = (
    Field("wav", b"data", 4, "<I"),
    Field("wav", b"RIFF", 4, "<I"),
    Field("rf64", b"ds64", 8, "<Q"),
    Field("rf64", b"ds64", 16, "<Q"),
    Field("rf64", b"ds64", 24, "<Q"),
    Field("w64", _W64_DATA, 16, "<Q"),
    Field("aiff", b"COMM", 10, ">I"),
    Field("aiff", b"SSND", 4, ">I"),
    Field("au", b".snd", 8, ">I"),
    Field("caf", b"data", 4, ">Q"),
    Field("caf-alac", b"pakt", 12, ">Q"),
    Field("flac", b"fLaC", 22, ">I"),
    Field("ogg-vorbis", b"OggS", 6, "<Q"),
    Field("ogg-opus", b"OggS", 6, "<Q"),
    Field("mp3", b"Info", 8, ">I"),
    Field("m4a", b"mdhd", 20, ">I"),
    Field("m4a", b"stsz", 12, ">I"),
    Field("m4a", b"stts", 8, ">I"),
    Field("m4a", b"stsc", 8, ">I"),
    Field("m4a", b"stco", 8, ">I"),
    Field("m4a-fragmented", b"trun", 8, ">I"),
    Field("avi-video", b"strh", 40, "<I"),
    Field("wavpack", b"wvpk", 12, "<I"),
)


_AIFF_RATE = Field("aiff", b"COMM", 16, "10s")  # a float of 80 bits
_FLAC_STREAM = Field("flac", b"fLaC", 18, ">Q")  # rate, channels, bits and length, packed


def _flac(rate: int = 44100, channels: int = 2, bits: int = 16, samples: int = 176400) -> int:
    return rate << 44 | (channels - 1) << 41 | (bits - 1) << 36 | samples


@dataclass(frozen=True)
class Claim:
    """A field and the number that is written into it."""

    field: Field
    number: float | bytes

    def data(self) -> bytes:
        """The file that claims it."""
        return self.field.claim(self.number)

    def __str__(self) -> str:
        marker = "".join(filter(str.isalnum, self.field.marker.decode("latin-1")[:8]))
        number = self.number.hex() if isinstance(self.number, bytes) else f"{self.number:g}"
        return f"{self.field.format}-{marker}+{self.field.offset}={number}"


CHANNEL_CLAIMS = [
    Claim(field, number)
    for field in CHANNELS
    for number in {
        "B": (0, 255),
        "H": (0, 1025, 65535),
        "I": (0, 65535, 2**31, 2**32 - 1),
    }[field.packing[-1]]
]
RATE_CLAIMS = [
    Claim(field, number)
    for field in RATES
    for number in {
        "I": (0, 10**9, 2**31, 2**32 - 1),
        "d": (0.0, 1e9, -44100.0, math.nan, math.inf, 1e300),
    }[field.packing[-1]]
]
LENGTH_CLAIMS = [
    Claim(field, number)
    for field in LENGTHS
    for number in {
        "I": (0, 2**31, 2**32 - 2, 2**32 - 1),
        "Q": (0, 2**32, 2**62, 2**63 - 1, 2**63, 2**64 - 1),
    }[field.packing[-1]]
]
RATE_CLAIMS += [
    Claim(_AIFF_RATE, bytes.fromhex(number))
    for number in (
        "0000 0000000000000000",  # 0
        "401c ee6b280000000000",  # 10**9
        "401e 8000000000000000",  # 2**31
        "c00e ac44000000000000",  # -44100
        "7fff 8000000000000000",  # infinite
        "7fff c000000000000000",  # not a number
        "7ffe ffffffffffffffff",  # the largest
    )
]
RATE_CLAIMS += [Claim(_FLAC_STREAM, _flac(rate=rate)) for rate in (0, 2**20 - 1)]
CHANNEL_CLAIMS += [Claim(_FLAC_STREAM, _flac(channels=channels)) for channels in (1, 8)]
LENGTH_CLAIMS += [Claim(_FLAC_STREAM, _flac(samples=samples)) for samples in (0, 1, 2**36 - 1)]


def mka(rate: float = 44100.0, channels: int = 1) -> bytes:
    """Matroska with four seconds of PCM, and these two claims."""
    sound = (music()[:, 0] * 32767).astype("<i2").tobytes()
    blocks = b"".join(simple_block(sound[at : at + 8820]) for at in range(0, len(sound), 8820))
    cluster = element(0x1F43B675, element(0xE7, 0) + blocks)
    return matroska(rate=rate, channels=channels, clusters=cluster)


def mov(rate: int = 44100, channels: int = 1) -> bytes:
    """QuickTime with four seconds of PCM, and these two claims."""
    sound = (music()[:, 0] * 32767).astype("<i2").tobytes()
    count = len(sound) // 2
    mdat = box(b"mdat", sound)
    tables = (
        full_box(b"stts", struct.pack(">3I", 1, count, 1))
        + full_box(b"stsz", struct.pack(">2I", 1, count))
        + full_box(b"stsc", struct.pack(">4I", 1, 1, count, 1))
        + full_box(b"stco", struct.pack(">2I", 1, len(MP4_TYPE) + 8))
    )
    return MP4_TYPE + mdat + movie(pcm_track(tables, rate=rate, channels=channels))


BUILT: dict[str, Callable[[], bytes]] = {
    **{f"mka-rate={rate:g}": partial(mka, rate=rate)
       for rate in (0.0, 1e9, -44100.0, math.nan, math.inf, 1e300)},
    **{f"mka-channels={channels:g}": partial(mka, channels=channels)
       for channels in (0, 65535, 2**31, 2**32 - 1, 2**56, 2**63)},
    **{f"mov-channels={channels}": partial(mov, channels=channels)
       for channels in (0, 1025, 65535)},
    "mov-rate=0": partial(mov, rate=0),
}  # fmt: skip
