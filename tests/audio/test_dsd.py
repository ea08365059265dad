"""DSD of every rate, in both containers: one bit a sample, as SACDs and their rips have it.

Sources: Sony's DSF format specification 1.01, Philips' DSDIFF specification 1.5.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soxr
from numpy.typing import NDArray

from keyscan.audio.stream import AudioStream
from tests.audio_files import Samples, music

SECONDS = 0.4
BLOCK = 4096
Bits = NDArray[np.uint8]


def modulated(samples: Samples, factor: int) -> Bits:
    """``factor`` bits (0 or 1) a sample, by a sigma-delta modulator of the first order."""
    held = np.repeat((samples.astype(np.float64) + 1) / 2, factor, axis=0)
    return np.diff(np.floor(np.cumsum(held, axis=0)), axis=0, prepend=0).astype(np.uint8)


def write_dsf(path: Path, bits: Bits, rate: int) -> None:
    count, channels = len(bits), bits.shape[1]
    packed = np.packbits(bits, axis=0, bitorder="little")
    packed = np.pad(packed, ((0, -len(packed) % BLOCK), (0, 0)))
    blocks = packed.reshape(-1, BLOCK, channels).transpose(0, 2, 1).tobytes()
    form = struct.pack("<4sQ6IQ2I", b"fmt ", 52, 1, 0, channels, channels, rate, 1, count, BLOCK, 0)
    data = struct.pack("<4sQ", b"data", 12 + len(blocks)) + blocks
    head = struct.pack("<4sQQQ", b"DSD ", 28, 28 + len(form) + len(data), 0)
    path.write_bytes(head + form + data)


def write_dff(path: Path, bits: Bits, rate: int) -> None:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">4sQ", name, len(data)) + data + bytes(len(data) % 2)

    channels = struct.pack(">H", 2) + b"SLFTSRGT"
    properties = (
        b"SND "
        + chunk(b"FS  ", struct.pack(">I", rate))
        + chunk(b"CHNL", channels)
        + chunk(b"CMPR", b"DSD \x0enot compressed\0")
    )
    body = b"DSD " + chunk(b"FVER", b"\1\5\0\0") + chunk(b"PROP", properties)
    body += chunk(b"DSD ", np.packbits(bits, axis=0).tobytes())
    path.write_bytes(struct.pack(">4sQ", b"FRM8", len(body)) + body)


@pytest.mark.parametrize("base", [44_100, 48_000])
@pytest.mark.parametrize("factor", [64, 128, 256, 512, 1024])
@pytest.mark.parametrize("write", [write_dsf, write_dff])
def test_every_rate(
    write: Callable[[Path, Bits, int], None], factor: int, base: int, tmp_path: Path
) -> None:
    samples = music(base)[: int(SECONDS * base)] * np.float32(0.5)
    write(tmp_path / "a", modulated(samples, factor), factor * base)
    with AudioStream(tmp_path / "a", 22_050) as stream:
        found = np.concatenate(list(stream))
        assert stream.warnings == ()
        assert stream.duration == pytest.approx(SECONDS, abs=0.02)
        assert stream.expected_seconds == pytest.approx(SECONDS, abs=0.02)
    expected = soxr.resample(samples.mean(1), base, 22_050)
    level = np.linalg.norm(expected[: len(found)])
    assert np.linalg.norm(found[: len(expected)] - expected[: len(found)]) < 0.1 * level
