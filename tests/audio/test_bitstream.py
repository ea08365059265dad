"""Bitstreams that look like 16-bit samples are decoded; samples never are."""

from __future__ import annotations

import functools
import struct
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from examples.track import encode
from keyscan import analyze
from keyscan.audio.stream import AudioStream
from tests import dts
from tests.audio_files import id3v2, music

RATE = 48_000
SECONDS = 6.0
CONTAINERS = {
    "wav": ("WAV", "PCM_16", "FILE"),
    "wavex": ("WAVEX", "PCM_16", "FILE"),
    "rifx": ("WAV", "PCM_16", "BIG"),
    "wav-24": ("WAV", "PCM_24", "FILE"),
    "wav-32": ("WAV", "PCM_32", "FILE"),
    "wav-float": ("WAV", "FLOAT", "FILE"),
    "rf64": ("RF64", "PCM_16", "FILE"),
    "w64": ("W64", "PCM_16", "FILE"),
    "aiff": ("AIFF", "PCM_16", "FILE"),
    "aiff-32": ("AIFF", "PCM_32", "FILE"),
    "aifc-sowt": ("AIFF", "PCM_16", "LITTLE"),
    "au": ("AU", "PCM_16", "FILE"),
    "caf": ("CAF", "PCM_16", "FILE"),
    "flac": ("FLAC", "PCM_16", "FILE"),
    "flac-24": ("FLAC", "PCM_24", "FILE"),
}


def encoded(codec: str, container: str, rate: int = RATE, bit_rate: int = 448_000) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "sound")
        encode(path, music(rate, SECONDS), rate, codec, container=container, bit_rate=bit_rate)
        return path.read_bytes()


def padded(frames: list[bytes], size: int = 4 * dts.FRAME_SAMPLES) -> bytes:
    """Each frame takes as much room as its samples would."""
    return b"".join(frame.ljust(size, b"\0") for frame in frames)


def swapped(data: bytes) -> bytes:
    return np.frombuffer(data, "<u2").byteswap().tobytes()


@functools.cache
def dts_frames() -> list[bytes]:
    return dts.frames(music(RATE, SECONDS))


def dts_14() -> bytes:
    return padded([dts.in_words_of_14_bits(frame) for frame in dts_frames()])


def dts_on_spdif() -> bytes:
    """Bursts of type I (IEC 61937-5): preamble, type, length in bits, and little-endian words."""
    bits = 8 * dts.FRAME_BYTES
    head = struct.pack("<4H", 0xF872, 0x4E1F, 11, bits)
    return padded([head + swapped(frame) for frame in dts_frames()])


STREAMS: dict[str, Callable[[], bytes]] = {
    "ac3": lambda: encoded("ac3", "spdif"),
    "ac3 44.1 kHz": lambda: encoded("ac3", "spdif", 44_100),
    "eac3": lambda: encoded("eac3", "spdif"),
    "dts": dts_on_spdif,
    "raw dts": lambda: padded(dts_frames()),
    "raw dts without gaps": lambda: b"".join(dts_frames()),
    "raw dts in 14 bits": dts_14,
    "raw ac3": lambda: encoded("ac3", "ac3"),
    "raw ac3 44.1 kHz": lambda: encoded("ac3", "ac3", 44_100),
    "raw eac3": lambda: encoded("eac3", "eac3"),
    "raw eac3 44.1 kHz": lambda: encoded("eac3", "eac3", 44_100),
    "mp3": lambda: encoded("libmp3lame", "mp3", bit_rate=320_000),
    "mp3 of few frames": lambda: encoded("libmp3lame", "mp3", bit_rate=64_000),
    "mp3 behind a tag": lambda: id3v2() + encoded("libmp3lame", "mp3", bit_rate=192_000),
    "mp2": lambda: encoded("mp2", "mp2", bit_rate=192_000),
    "adts": lambda: encoded("aac", "adts", bit_rate=192_000),
}


@functools.cache
def stream(name: str) -> bytes:
    """One of STREAMS, with or without ", swapped" behind its name: in the other order of bytes."""
    plain, _, order = name.partition(", ")
    data = STREAMS[plain]()
    data += bytes(len(data) % 2)
    return swapped(data) if order else data


def write(path: Path, data: bytes, container: str = "wav") -> None:
    """``data`` as little-endian words of stereo samples."""
    kind, subtype, endian = CONTAINERS[container]
    words = np.frombuffer(data[: len(data) & ~3], "<i2").reshape(-1, 2)
    words = words / 32768 if subtype == "FLOAT" else words
    soundfile.write(path, words, RATE, subtype, endian, kind)


def decode(path: Path) -> tuple[str, float, list[str]]:
    with AudioStream(path, RATE) as opened:
        seconds = sum(map(len, opened)) / RATE
        return opened.format, seconds, [warning.code for warning in opened.warnings]


@pytest.mark.parametrize("name", [*STREAMS, *(f"{name}, swapped" for name in STREAMS)])
def test_the_music_is_heard(name: str, tmp_path: Path) -> None:
    write(tmp_path / "a.wav", stream(name))
    found = analyze(tmp_path / "a.wav")
    assert found.camelot == "8A"
    assert found.duration == pytest.approx(SECONDS, abs=0.1)
    assert found.warnings == ()


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("name", ["ac3", "eac3", "raw dts in 14 bits", "raw eac3", "mp3", "adts"])
def test_every_lossless_container(name: str, container: str, tmp_path: Path) -> None:
    write(tmp_path / "a", stream(name), container)
    form, seconds, warnings = decode(tmp_path / "a")
    assert form in ("spdif ac3", "spdif eac3", "dts dca", "eac3 eac3", "mp3 mp3float", "aac aac")
    assert seconds == pytest.approx(SECONDS, abs=0.1)
    assert warnings == []


@pytest.mark.parametrize("silence", [0, 2, 100_000, 3_000_000])
@pytest.mark.parametrize("name", ["ac3", "dts", "raw dts", "raw ac3", "raw eac3"])
def test_a_track_of_a_cd_begins_with_silence_and_ends_within_a_frame(
    name: str, silence: int, tmp_path: Path
) -> None:
    write(tmp_path / "a.wav", bytes(silence) + stream(name)[1000:-2000])
    form, seconds, warnings = decode(tmp_path / "a.wav")
    assert form.split()[1] in ("ac3", "eac3", "dca")
    assert seconds == pytest.approx(SECONDS, abs=0.2)
    assert warnings == []


@pytest.mark.parametrize("container", ["wav", "flac"])
def test_a_file_that_breaks_off_says_so(container: str, tmp_path: Path) -> None:
    write(tmp_path / "a", stream("ac3"), container)
    data = (tmp_path / "a").read_bytes()
    (tmp_path / "a").write_bytes(data[: len(data) // 2])
    form, seconds, warnings = decode(tmp_path / "a")
    assert form == "spdif ac3"
    assert seconds == pytest.approx(SECONDS / 2, abs=0.5)
    assert len(warnings) == 1


NOT_BITSTREAMS: dict[str, np.ndarray] = {
    "noise": np.random.default_rng(0).integers(-(2**15), 2**15, 2_000_000),
    "clipped in anti-phase": np.tile([32766, -32767], 500_000),
    "one preamble": np.concatenate([np.array([-1934, 19999]), np.arange(500_000) % 999]),
    "loop with a preamble": np.tile(np.append([-1934, 19999], np.arange(998)), 1000),
    "loop with a sync word": np.tile(np.append([0x7FFE, -0x7FFF, -1], np.arange(997)), 1000),
    "constant": np.full(1_000_000, 0x0B77),
    "constant like a header": np.tile([-1025, 0x6490], 500_000),
    "loop with a header": np.tile(np.append([-1025, 0x6490], np.arange(190)), 5_000),
    "small negative": np.random.default_rng(0).integers(-40, 0, 1_000_000),
    "silence": np.zeros(1_000_000, int),
}


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_32", "FLOAT"])
@pytest.mark.parametrize("name", NOT_BITSTREAMS)
def test_samples_stay_samples(name: str, subtype: str, tmp_path: Path) -> None:
    samples = NOT_BITSTREAMS[name].astype(np.int16).reshape(-1, 2)
    scaled = samples / 32768 if subtype == "FLOAT" else samples
    soundfile.write(tmp_path / "a.wav", scaled, RATE, subtype)
    form, seconds, warnings = decode(tmp_path / "a.wav")
    assert form == f"WAV {subtype}"
    assert seconds == pytest.approx(len(samples) / RATE)
    assert warnings == []


def test_floats_that_are_no_numbers_are_no_bitstream(tmp_path: Path) -> None:
    samples = np.full((300_000, 2), np.nan, np.float32)
    samples[::2] = 1e30
    soundfile.write(tmp_path / "a.wav", samples, RATE, "FLOAT")
    assert decode(tmp_path / "a.wav")[2] == ["bad_samples"]


def test_bursts_that_cannot_be_decoded_are_samples(tmp_path: Path) -> None:
    """Bursts with the preamble of AC-3 and noise in them."""
    noise = np.random.default_rng(0).bytes(6136)
    burst = struct.pack("<4H", 0xF872, 0x4E1F, 1, 8 * 6136) + noise
    write(tmp_path / "a.wav", burst * 100)
    form, seconds, warnings = decode(tmp_path / "a.wav")
    assert form == "WAV PCM_16"
    assert seconds > 3
    assert warnings == []
