"""What of a file must stay when its tags change."""

from __future__ import annotations

import struct

import av
from mutagen.id3 import APIC, COMM, GEOB, POPM, PRIV, TIT2, TXXX


def packets(path):
    """The coded sound, packet by packet."""
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(container.streams.audio[0])]


FRAMES = [
    TIT2(encoding=1, text=["Tést 🎵"]),
    GEOB(encoding=0, mime="a/b", desc="Serato Markers2", data=bytes(range(256))),
    APIC(encoding=0, mime="image/jpeg", type=3, desc="", data=b"\xff\xd8\xff\xfb\x90\x64" * 999),
    POPM(email="Windows Media Player 9 Series", rating=196, count=7),
    PRIV(owner="TRAKTOR4", data=b"\0\1\2TKEY"),
    COMM(encoding=0, lang="eng", desc="iTunNORM", text=[" 00000A1B"]),
    TXXX(encoding=3, desc="MY TAG", text=["one", "two"]),
]  # fmt: skip


def id3_frames(tag):
    """The frames of an ID3v2.3 or 2.4 tag as bytes, by hand, and the bytes of padding."""
    (size,) = struct.unpack(">I", tag[6:10])
    frames, at, end = [], 10, 10 + _synchsafe(size)
    while at < end and tag[at]:
        (size,) = struct.unpack(">I", tag[at + 4 : at + 8])
        size = _synchsafe(size) if tag[3] == 4 else size
        frames.append(tag[at : at + 10 + size])
        at += 10 + size
    return frames, end - at


def _synchsafe(value):
    return sum((value >> 8 * n & 0x7F) << 7 * n for n in range(4))


def atoms(data, *path):
    """The content of an atom of MP4 as (name, bytes) of each atom in it."""
    for name in path:
        data = dict(atoms(data))[name]
        if name == b"meta":
            data = data[4:]
    found = []
    while len(data) >= 8:
        size, name = struct.unpack(">I4s", data[:8])
        size = size or len(data)
        found.append((name, data[8:size]))
        data = data[size:]
    return found


def chunks(data):
    """The chunks of a WAV or AIFF as (name, bytes), without the ID3 tag."""
    form, found, at = "<I" if data[:4] == b"RIFF" else ">I", [], 12
    while at < len(data):
        (size,) = struct.unpack(form, data[at + 4 : at + 8])
        found.append((data[at : at + 4], data[at + 8 : at + 8 + size]))
        at += 8 + size + size % 2
    return [chunk for chunk in found if chunk[0] not in (b"id3 ", b"ID3 ")]


def blocks(path):
    """The metadata of a FLAC as bytes, without comments and padding, and the sound behind it."""
    data = path.read_bytes()
    found, at, last = [], data.index(b"fLaC") + 4, False
    while not last:
        last, kind, size = data[at] > 127, data[at] & 127, int.from_bytes(data[at + 1 : at + 4])
        if kind not in (1, 4):
            found.append((kind, data[at + 4 : at + 4 + size]))
        at += 4 + size
    return found, data[at:]
