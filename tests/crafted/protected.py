"""Encrypted sound as stores and streaming services write it: marks of all kinds, and noise."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tests.audio_files import valid
from tests.crafted.containers import box, element, full_box

_PARENTS = (b"moov", b"trak", b"mdia", b"minf", b"stbl")
Edit = Callable[[bytes], bytes]


def noise(size: int, seed: int = 1) -> bytes:
    """What encrypted bytes look like."""
    return np.random.default_rng(seed).bytes(size)


def scrambled(data: bytes) -> bytes:
    """An MP4 whose ``mdat`` is noise."""
    at = data.index(b"mdat")
    end = at - 4 + int.from_bytes(data[at - 4 : at], "big")
    return data[: at + 4] + noise(end - at - 4) + data[end:]


def with_descriptions(data: bytes, edit: Edit, number: int | None = None) -> bytes:
    """An MP4 with its index at the end, whose sample entries (of track ``number``) are edited."""
    boxes, at, track = [], 0, -1
    while at < len(data):
        size, name = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        content = data[at + 8 : at + size]
        track += name == b"trak"
        if name in _PARENTS:
            content = with_descriptions(content, edit, None if number == track else number)
        if name == b"stsd" and number is None:
            content = content[:8] + edit(content[8:])
        boxes.append(box(name, content))
        at += size
    return b"".join(boxes)


def sinf(original: bytes = b"mp4a", scheme: bytes = b"cenc", *more: bytes) -> bytes:
    """The box that says how a track is protected (ISO/IEC 14496-12, 8.12)."""
    kind = full_box(b"schm", scheme, bytes(4))
    return box(b"sinf", box(b"frma", original), kind, box(b"schi", *more))


def tenc(*, encrypted: bool) -> bytes:
    """The box that says whether the samples are encrypted (ISO/IEC 23001-7, 8.2)."""
    return full_box(b"tenc", bytes(2), bytes([encrypted, 8]), noise(16))


def renamed(name: bytes, *more: bytes) -> Edit:
    """The sample entry under another ``name`` and with ``more`` boxes at its end."""
    return lambda entry: box(name, entry[8:], *more)


MP4S: dict[str, Edit] = {
    "FairPlay": renamed(b"drms", sinf(b"mp4a", b"itun")),
    "CENC": renamed(b"enca", sinf(b"mp4a", b"cenc", tenc(encrypted=True))),
    "CBCS": renamed(b"enca", sinf(b"mp4a", b"cbcs", tenc(encrypted=True))),
    "PIFF": renamed(b"enca", sinf(b"mp4a", b"piff")),
    "an unknown scheme": renamed(b"enca", sinf(b"mp4a", b"????")),
    "no scheme": renamed(b"enca"),
    "an unknown codec": renamed(b"enca", sinf(b"ac-4")),
    "sinf alone": renamed(b"mp4a", sinf(b"mp4a", b"itun")),
    "Audible": renamed(b"aavd", sinf(b"aavd", b"adrm", box(b"adrm", noise(200)))),
    "Audible without its box": renamed(b"aavd"),
    "a clear beginning": lambda entry: entry + renamed(b"enca", sinf())(entry),
}
"""What is done to the sample entry of an MP4."""


def protected_mp4(kind: str, name: str = "m4a") -> bytes:
    """The valid file of that name with encrypted sound, marked in that way."""
    return scrambled(with_descriptions(valid(name), MP4S[kind]))


def protected_asf(guid: str) -> bytes:
    """A WMA with one of the two encryption objects of ASF (specification, 3.14 and 3.15)."""
    data, fields = valid("wma"), b""
    for text in (noise(16), b"DRM\0", b"KeyID\0", b"http://example.com\0"):
        fields += len(text).to_bytes(4, "little") + text
    new = bytes.fromhex(guid) + (24 + len(fields)).to_bytes(8, "little") + fields
    size, count = (int.from_bytes(data[a:b], "little") for a, b in ((16, 24), (24, 28)))
    body = noise(len(data) - size - 50)
    head = data[:16] + (size + len(new)).to_bytes(8, "little") + (count + 1).to_bytes(4, "little")
    return head + data[28:30] + new + data[30 : size + 50] + body


def protected_matroska() -> bytes:
    """A WebM whose track has a content encryption (RFC 9559, 5.1.4.1.31.6)."""
    data = valid("webm")
    encryption = element(0x5035, element(0x47E1, 5) + element(0x47E2, noise(16)))
    encoding = element(0x6240, element(0x5033, 1) + encryption)
    encodings = element(0x6D80, encoding)
    at = data.rindex(b"\x16\x54\xae\x6b")  # the seek head has it, too
    start, end = _content(data, at + 4)
    track = data.index(b"\xae", start)  # behind a checksum
    content = data[slice(*_content(data, track + 1))]
    new = element(0x1654AE6B, element(0xAE, content + encodings))
    return data[:at] + new + data[end:]


def _content(data: bytes, at: int) -> tuple[int, int]:
    """The first byte and the end of an element's content, whose size begins at ``at``."""
    length = 9 - data[at].bit_length()
    size = int.from_bytes(data[at : at + length], "big") & ((1 << 7 * length) - 1)
    return at + length, at + length + size
