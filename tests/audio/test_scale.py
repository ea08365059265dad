"""Floats on a scale of integers sound like floats up to 1, and other floats stay as they are."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from examples.track import encode
from keyscan.audio.scale import full_scale
from keyscan.audio.stream import AudioStream
from tests.audio_files import Samples, music

RATE = 44_100
SCALES = [2.0**15, 2.0**23, 2.0**31]


def through_soundfile(kind: str, subtype: str, path: Path, samples: Samples) -> None:
    soundfile.write(path, samples, RATE, subtype, format=kind)


def through_ffmpeg(codec: str, container: str, path: Path, samples: Samples) -> None:
    encode(path, samples, RATE, codec, container=container, bit_rate=None)


FORMATS: dict[str, Callable[[Path, Samples], None]] = {
    **{f"{kind} {subtype}": functools.partial(through_soundfile, kind, subtype)
       for kind in ("WAV", "WAVEX", "RF64", "W64", "AIFF", "CAF", "AU")
       for subtype in ("FLOAT", "DOUBLE")},
    "MKA": functools.partial(through_ffmpeg, "pcm_f32le", "matroska"),
    "AVI": functools.partial(through_ffmpeg, "pcm_f32le", "avi"),
    "MOV": functools.partial(through_ffmpeg, "pcm_f32be", "mov"),
    "MOV of doubles": functools.partial(through_ffmpeg, "pcm_f64le", "mov"),
}  # fmt: skip


def decode(path: Path) -> tuple[Samples, list[str]]:
    with AudioStream(path, RATE) as stream:
        return np.concatenate(list(stream)), [warning.code for warning in stream.warnings]


def check(path: Path, expected: Samples, told: tuple[str, ...] = ()) -> None:
    found, codes = decode(path)
    np.testing.assert_allclose(found[: len(expected)], expected, atol=1e-4)
    assert codes == list(told)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("name", FORMATS)
def test_every_format_and_scale(name: str, scale: float, tmp_path: Path) -> None:
    FORMATS[name](tmp_path / "a", music() * np.float32(scale))
    check(tmp_path / "a", music().mean(1))


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("gain", [0.03, 1.2])
def test_quiet_and_clipped_files(gain: float, scale: float, tmp_path: Path) -> None:
    FORMATS["WAV FLOAT"](tmp_path / "a", music() * np.float32(scale * gain))
    check(tmp_path / "a", gain * music().mean(1))


@pytest.mark.parametrize("scale", SCALES)
def test_a_long_silence_with_noise_in_its_last_bit(scale: float, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(-1, 2, (10 * RATE, 2))
    FORMATS["WAV FLOAT"](tmp_path / "a", np.concatenate([noise, music() * scale]))
    check(tmp_path / "a", np.concatenate([noise / scale, music()]).mean(1))


@pytest.mark.parametrize("scale", [1.0, *SCALES])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -3e38, 1e30])
def test_bad_samples_are_silenced_on_every_scale(bad: float, scale: float, tmp_path: Path) -> None:
    samples, expected = music() * np.float32(scale), music().mean(1)
    samples[1000:1010, 0], expected[1000:1010] = bad, 0
    FORMATS["WAV FLOAT"](tmp_path / "a", samples)
    check(tmp_path / "a", expected, ("bad_samples",))


@pytest.mark.parametrize("bad", [3e3, 1e9, 3e30])
@pytest.mark.parametrize("name", ["WAV FLOAT", "AIFF FLOAT", "MKA"])
def test_bad_samples_all_over_a_file_are_no_scale(name: str, bad: float, tmp_path: Path) -> None:
    samples, expected = music().copy(), music().mean(1)
    samples[::500, 0], expected[::500] = bad, 0
    FORMATS[name](tmp_path / "a", samples)
    check(tmp_path / "a", expected, ("bad_samples",))


@pytest.mark.parametrize("seconds", [0, 1])
def test_bad_samples_in_silence_are_no_scale(seconds: int, tmp_path: Path) -> None:
    samples = np.concatenate([music()[: seconds * RATE], np.zeros((30 * RATE, 2), np.float32)])
    expected = samples.mean(1)
    samples[100::5000, 1], expected[100::5000] = 1e9, 0
    FORMATS["WAV FLOAT"](tmp_path / "a", samples)
    check(tmp_path / "a", expected, ("bad_samples",))


@pytest.mark.parametrize("scale", [1.0, *SCALES])
def test_numpy_does_not_warn_of_signalling_nan(scale: float, tmp_path: Path) -> None:
    samples, expected = music()[:RATE] * np.float32(scale), music()[:RATE].mean(1)
    samples.view(np.uint32)[500:800:20], expected[500:800:20] = 0x7F800001, 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert full_scale([samples[:1024]]) == scale
        FORMATS["WAV FLOAT"](tmp_path / "a", samples)
        check(tmp_path / "a", expected, ("bad_samples",))


def test_a_sector_of_noise_is_no_scale(tmp_path: Path) -> None:
    FORMATS["WAV FLOAT"](tmp_path / "a", music())
    data = bytearray((tmp_path / "a").read_bytes())
    at = len(data) // 2 & ~7
    data[at : at + 4096] = np.random.default_rng(0).bytes(4096)
    (tmp_path / "a").write_bytes(data)
    found, codes = decode(tmp_path / "a")
    np.testing.assert_allclose(found[: RATE // 2], music().mean(1)[: RATE // 2], atol=1e-4)
    assert codes == ["bad_samples"]


@pytest.mark.parametrize("gain", [1e-4, 4.0, 50.0])
def test_other_floats_keep_their_level(gain: float, tmp_path: Path) -> None:
    FORMATS["WAV FLOAT"](tmp_path / "a", music() * np.float32(gain))
    found, codes = decode(tmp_path / "a")
    np.testing.assert_allclose(found, gain * music().mean(1), rtol=1e-3, atol=1e-4 * gain)
    assert codes == []


def test_a_file_of_nothing_but_zeros_or_bad_samples(tmp_path: Path) -> None:
    for value in (0.0, np.nan, np.inf, 1e38):
        FORMATS["WAV FLOAT"](tmp_path / "a", np.full((RATE, 2), value, np.float32))
        found, _ = decode(tmp_path / "a")
        assert not found.any()
