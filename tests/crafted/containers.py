"""Containers by hand: what no writer would write."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from fuzzing.settled import repair_ogg
from tests.audio_files import valid


def box(name: bytes, *contents: bytes) -> bytes:
    """An MP4 box (ISO/IEC 14496-12)."""
    content = b"".join(contents)
    return struct.pack(">I", 8 + len(content)) + name + content


def full_box(name: bytes, *contents: bytes, flags: int = 0) -> bytes:
    """A box of version 0 with flags."""
    return box(name, struct.pack(">I", flags), *contents)


def element(name: int, content: bytes | int, size: int | None = None) -> bytes:
    """A Matroska element (RFC 8794); ``size`` is what it claims, if not the truth."""
    if isinstance(content, int):
        content = content.to_bytes(max((content.bit_length() + 7) // 8, 1), "big")
    head = name.to_bytes((name.bit_length() + 7) // 8, "big")
    claimed = len(content) if size is None else size
    return head + (claimed | 1 << 56).to_bytes(8, "big") + content


def chunk(name: bytes, content: bytes, order: str = "<", size: int | None = None) -> bytes:
    """A RIFF or IFF chunk; ``size`` is what it claims, if not the truth."""
    claimed = len(content) if size is None else size
    return name + struct.pack(order + "I", claimed) + content + b"\0" * (len(content) % 2)


def pcm_track(
    tables: bytes, *, rate: int = 44100, channels: int = 1, references: bytes = b""
) -> bytes:
    """The ``trak`` box of an MP4 with 16-bit mono sound; ``tables`` go into its ``stbl``."""
    entry = box(
        b"sowt", bytes(6), struct.pack(">H8xHHHHI", 1, channels, 16, 0, 0, min(rate, 65535) << 16)
    )
    return box(
        b"trak",
        full_box(b"tkhd", struct.pack(">IIII", 0, 0, 1, 0), bytes(64), flags=7),
        box(
            b"mdia",
            full_box(b"mdhd", struct.pack(">IIIIHH", 0, 0, rate, rate * 60, 0, 0)),
            full_box(b"hdlr", bytes(4), b"soun", bytes(12), b"\0"),
            box(
                b"minf",
                full_box(b"smhd", bytes(4)),
                box(b"dinf", references or _self_reference()),
                box(b"stbl", full_box(b"stsd", struct.pack(">I", 1), entry), tables),
            ),
        ),
    )


def movie(*tracks: bytes) -> bytes:
    """The ``moov`` box around tracks."""
    head = struct.pack(">IIIII", 0, 0, 1000, 60_000, 0x10000) + bytes(72) + struct.pack(">I", 2)
    return box(b"moov", full_box(b"mvhd", head), *tracks)


def _self_reference() -> bytes:
    return full_box(b"dref", struct.pack(">I", 1), full_box(b"url ", flags=1))


MP4_TYPE = box(b"ftyp", b"qt  \0\0\0\0qt  ")


def matroska(*elements: bytes, rate: float = 44100.0, channels: int = 1,
             encodings: bytes = b"", clusters: bytes = b"") -> bytes:  # fmt: skip
    """A Matroska file (RFC 9559) with one track of 16-bit PCM."""
    audio = element(0xB5, struct.pack(">d", rate)) + element(0x9F, channels) + element(0x6264, 16)
    track = element(
        0xAE,
        element(0xD7, 1) + element(0x73C5, 1) + element(0x83, 2)
        + element(0x86, b"A_PCM/INT/LIT") + element(0xE1, audio) + encodings,
    )  # fmt: skip
    head = element(0x1A45DFA3, element(0x4282, b"matroska"))
    tracks = element(0x1654AE6B, track)
    return head + element(0x18538067, b"".join(elements) + tracks + clusters)


def simple_block(content: bytes) -> bytes:
    """A block of track 1 that is a cluster's first."""
    return element(0xA3, b"\x81\0\0\x80" + content)


@dataclass(frozen=True)
class Field:
    """A number in a header: ``offset`` bytes behind the last ``marker`` in a valid file."""

    format: str
    marker: bytes
    offset: int
    packing: str

    def claim(self, number: float | bytes) -> bytes:
        """The file with ``number`` in that field, and right checksums if it is Ogg."""
        data = valid(self.format)
        at = data.rindex(self.marker) + self.offset
        packed = number if isinstance(number, bytes) else struct.pack(self.packing, number)
        data = data[:at] + packed + data[at + len(packed) :]
        return repair_ogg(data) if data.startswith(b"OggS") else data
