"""Uncompressed samples that are read without libsndfile are those that libsndfile reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from keyscan.audio.mixdown import Mixdown, Mono
from keyscan.audio.probing import probe
from keyscan.audio.soundfile_decoder import SoundfileDecoder
from keyscan.audio.source import SourceFile
from keyscan.audio.stream import AudioStream
from keyscan.spectrogram.constant_q import SAMPLE_RATE

RATE = 44100
KINDS = [
    *(("WAV", "FILE"), ("WAV", "BIG"), ("WAVEX", "FILE"), ("RF64", "FILE"), ("W64", "FILE")),
    *(("AIFF", "FILE"), ("AIFF", "LITTLE"), ("CAF", "FILE"), ("CAF", "LITTLE"), ("AU", "FILE")),
]


SUBTYPES = {"PCM_16": 2, "PCM_24": 3, "PCM_32": 4, "FLOAT": 4}  # bytes a sample


def write(path: Path, kind: str, endian: str, subtype: str, frames: int, channels: int = 2) -> None:
    """Noise, with the loudest samples there are at its start."""
    noise = np.random.default_rng(0).standard_normal((frames, channels)) * 0.2
    noise[0], noise[1:2] = -1.0, 1.0
    soundfile.write(path, noise, RATE, subtype, endian, kind)


def decoded(path: Path) -> Mono:
    with SourceFile(path) as source:
        decoder = SoundfileDecoder(source, probe(source).format, Mixdown())
        return np.concatenate([block.samples for block in decoder])


def mean(path: Path) -> Mono:
    """By libsndfile alone."""
    samples, _ = soundfile.read(path, dtype="float32", always_2d=True)
    return samples @ np.full(samples.shape[1], 1 / samples.shape[1], np.float32)


@pytest.mark.parametrize("channels", [1, 2, 6])
@pytest.mark.parametrize(
    ("kind", "endian", "subtype"),
    [
        (*kind, subtype)
        for kind in KINDS
        for subtype in SUBTYPES
        if soundfile.check_format(kind[0], subtype, kind[1])
    ],
)
def test_every_order_of_bytes_and_number_of_channels(kind, endian, subtype, channels, tmp_path):
    path = tmp_path / "a"
    write(path, kind, endian, subtype, 2 * RATE + 1, channels)
    np.testing.assert_allclose(decoded(path), mean(path), atol=1e-6)


@pytest.mark.parametrize("frames", [1, 2, 65535, 65536, 65537])
@pytest.mark.parametrize("subtype", SUBTYPES)
@pytest.mark.parametrize("kind", ["WAV", "AIFF"])
def test_every_length(kind, subtype, frames, tmp_path):
    path = tmp_path / "a"
    write(path, kind, "FILE", subtype, frames)
    np.testing.assert_allclose(decoded(path), mean(path), atol=1e-7)


@pytest.mark.parametrize("kind", ["WAV", "AIFF"])
def test_every_value_of_24_bits_is_exact(kind, tmp_path):
    steps = np.arange(-(2**23), 2**23, 1009)
    soundfile.write(tmp_path / "a", (steps << 8).astype(np.int32), RATE, "PCM_24", format=kind)
    np.testing.assert_array_equal(decoded(tmp_path / "a") * 2**23, steps)


@pytest.mark.parametrize("subtype", SUBTYPES)
def test_a_tag_before_the_file_is_skipped(subtype, tmp_path):
    plain, tagged = tmp_path / "plain", tmp_path / "tagged"
    write(plain, "WAV", "FILE", subtype, 4 * RATE)
    tag = b"ID3\x03\x00\x00\x00\x00\x02\x00" + bytes(256)
    tagged.write_bytes(tag + plain.read_bytes())
    with AudioStream(tagged, SAMPLE_RATE) as stream:
        found = np.concatenate(list(stream))
        assert stream.decoder == "soundfile"
    with AudioStream(plain, SAMPLE_RATE) as stream:
        np.testing.assert_array_equal(found, np.concatenate(list(stream)))


@pytest.mark.parametrize("lost", [1, 2, 3, 7, 8, 100_000])
@pytest.mark.parametrize("subtype", SUBTYPES)
@pytest.mark.parametrize("kind", ["WAV", "AIFF"])
def test_a_file_that_breaks_off_is_decoded_up_to_there(kind, subtype, lost, tmp_path):
    path = tmp_path / "a"
    write(path, kind, "FILE", subtype, 4 * RATE)
    with AudioStream(path, SAMPLE_RATE) as stream:
        whole = np.concatenate(list(stream))
        expected = stream.duration - -(-lost // (2 * SUBTYPES[subtype])) / RATE
    path.write_bytes(path.read_bytes()[:-lost])
    with AudioStream(path, SAMPLE_RATE) as stream:
        found = np.concatenate(list(stream))
    assert stream.duration == pytest.approx(expected)
    np.testing.assert_allclose(found[:-400], whole[: len(found) - 400], atol=1e-6)
    codes = [warning.code for warning in stream.warnings]
    assert codes == (["truncated"] if lost == 100_000 else [])  # a few bytes are not heard
