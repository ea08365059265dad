"""Writers of files of gigabytes that take up megabytes: music, and holes."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from examples.track import SAMPLE_RATE
from tests.audio_files import FORMATS, Samples

GIB = 1 << 30
CHANNELS = 64  # of 32-bit floats: 11 MB a second, so that gigabytes are minutes
BYTES_PER_FRAME = 4 * CHANNELS
BYTES_PER_SECOND = BYTES_PER_FRAME * SAMPLE_RATE
_TAG_SIZE = (1 << 28) - 1  # the largest of an ID3v2 tag


def _wide(music: Samples) -> Samples:
    return np.tile(music, (1, CHANNELS // music.shape[1]))


def write_through_libsndfile(path: Path, music: Samples, size: int, kind: str) -> None:
    """Silence, and ``music`` at the end of about ``size`` bytes; the sizes are libsndfile's."""
    with soundfile.SoundFile(path, "w", SAMPLE_RATE, CHANNELS, "FLOAT", format=kind) as file:
        file.write(_wide(music[:1]))
        file.seek(size // BYTES_PER_FRAME - len(music))
        file.write(_wide(music))


def write_wav(path: Path, music: Samples, size: int, stated: int, tail: bytes = b"") -> int:
    """``music``, silence, and ``tail`` behind ``size`` bytes; returns where the sound ends.

    ``stated`` is what the header gives as size of the sound.
    """
    size -= (size - 44) % BYTES_PER_FRAME
    form = struct.pack("<HHIIHH", 3, CHANNELS, SAMPLE_RATE, BYTES_PER_SECOND, BYTES_PER_FRAME, 32)
    riff = (stated + 36 + len(tail)) % (1 << 32)
    head = struct.pack(
        "<4sI4s4sI16s4sI", b"RIFF", riff, b"WAVE", b"fmt ", 16, form, b"data", stated
    )
    with path.open("wb") as file:
        file.write(head + _wide(music).astype("<f4").tobytes())
        file.truncate(size)
        file.seek(size)
        file.write(tail)
    return size


def write_behind_tags(path: Path, music: Samples, size: int, name: str) -> None:
    """A file of a format of FORMATS behind ID3v2 tags of 256 MiB, of ``size`` bytes or more."""
    FORMATS[name].write(path, music, SAMPLE_RATE)
    data = path.read_bytes()
    with path.open("wb") as file:
        for at in range(0, size, _TAG_SIZE + 10):
            file.seek(at)
            file.write(b"ID3\4\0\0\x7f\x7f\x7f\x7f")
        file.seek(at + _TAG_SIZE + 10)
        file.write(data)


def write_behind_chunk(path: Path, music: Samples, size: int, name: str) -> None:
    """A WAV or AIFF whose sound stands behind a chunk of ``size`` bytes."""
    FORMATS[name].write(path, music, SAMPLE_RATE)
    data, order = path.read_bytes(), ">" if name == "aiff" else "<"
    first = data.index(b"SSND" if name == "aiff" else b"data")
    head = data[:4] + struct.pack(order + "I", len(data) + size) + data[8:first]
    with path.open("wb") as file:
        file.write(head + b"JUNK" + struct.pack(order + "I", size))
        file.seek(size, 1)
        file.write(data[first:])


def write_m4a(path: Path, music: Samples, size: int) -> None:
    """An MP4 whose sound lies behind a hole, found through 64-bit offsets (``co64``).

    Source: ISO/IEC 14496-12 (boxes).
    """
    FORMATS["m4a-faststart"].write(path, music, SAMPLE_RATE)
    data = path.read_bytes()
    boxes = dict(_boxes(data))
    sound, before = boxes[b"mdat"], data.index(b"mdat") + 4
    start = _box(b"ftyp", boxes[b"ftyp"])
    start += _far(b"moov", boxes[b"moov"], size - len(sound) - before)
    start += struct.pack(">I4sQ", 1, b"mdat", size - len(start))
    with path.open("wb") as file:
        file.write(start)
        file.seek(size - len(sound))
        file.write(sound)


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        yield data[at + 4 : at + 8], data[at + 8 : at + size]
        at += size


def _box(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(body), name) + body


def _far(name: bytes, body: bytes, shift: int) -> bytes:
    """A box whose chunk offsets are ``shift`` bytes greater, in 64 bits."""
    if name in (b"moov", b"trak", b"mdia", b"minf", b"stbl"):
        return _box(name, b"".join(_far(*child, shift) for child in _boxes(body)))
    if name != b"stco":
        return _box(name, body)
    near: NDArray[np.uint32] = np.frombuffer(body[8:], ">u4")
    return _box(b"co64", body[:8] + (near.astype(np.uint64) + shift).astype(">u8").tobytes())


def write_silent_wav(path: Path, channels: int, seconds: int) -> None:
    """Silence in 16 bits: the more channels, the longer it takes to decode."""
    frame = 2 * channels
    size = frame * SAMPLE_RATE * seconds
    form = struct.pack("<HHIIHH", 1, channels, SAMPLE_RATE, frame * SAMPLE_RATE, frame, 16)
    head = struct.pack("<4sI8sI16s4sI", b"RIFF", size + 36, b"WAVEfmt ", 16, form, b"data", size)
    with path.open("wb") as file:
        file.write(head)
        file.truncate(size + len(head))
