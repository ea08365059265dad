"""Samples in memory give what a WAV file with the same samples gives."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from keyscan.audio.samples import SampleStream
from keyscan.errors import InvalidInput, NoAudio, Silent, TooShort
from keyscan.spectrogram.features import extract_features, features_of_samples
from tests.audio_files import MUSIC_KEY, SAMPLE_RATE, music

NAN = float("nan")


def written(path, samples, rate=SAMPLE_RATE, subtype="FLOAT"):
    soundfile.write(path, samples, rate, subtype=subtype)
    return extract_features(path)


def same(features, others):
    np.testing.assert_array_equal(features.spectrogram, others.spectrogram)
    assert (features.duration, features.warnings) == (others.duration, others.warnings)
    assert (features.stream, others.stream) == (None, None)


@pytest.mark.parametrize(
    ("subtype", "dtype"),
    [("PCM_16", "int16"), ("PCM_24", "int32"), ("PCM_32", "int32"), ("FLOAT", "float32"),
     ("DOUBLE", "float64"), ("PCM_16", "float64"), ("PCM_24", "float32")],
)  # fmt: skip
def test_each_type_is_read_as_that_of_a_file(tmp_path, subtype, dtype):
    path = tmp_path / "a.wav"
    expected = written(path, music(), subtype=subtype)
    samples, rate = soundfile.read(path, dtype=dtype)
    same(features_of_samples(samples, rate), expected)


def test_eight_bits_rest_at_128(tmp_path):
    expected = written(tmp_path / "a.wav", music(), subtype="PCM_U8")
    samples = soundfile.read(tmp_path / "a.wav")[0] * 128 + 128
    same(features_of_samples(samples.astype(np.uint8), SAMPLE_RATE), expected)


@pytest.mark.parametrize("rate", [8_000, 22_050, 48_000, 96_000])
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_each_rate_and_number_of_channels(tmp_path, rate, channels):
    samples = np.tile(music(rate)[:, :1], channels)
    expected = written(tmp_path / "a.wav", samples, rate)
    same(features_of_samples(samples, rate), expected)


def test_half_precision():
    half = music().astype(np.float16)
    expected = features_of_samples(half.astype(np.float32), SAMPLE_RATE)
    same(features_of_samples(half, SAMPLE_RATE), expected)


def test_mono_has_one_axis_or_two():
    mono = music()[:, 0]
    same(features_of_samples(mono, SAMPLE_RATE), features_of_samples(mono[:, None], SAMPLE_RATE))


@pytest.mark.parametrize(
    "layout",
    [
        np.asfortranarray,
        lambda samples: np.repeat(samples, 2, axis=0)[::2],
        lambda samples: np.tile(samples, 2)[:, :2],
        lambda samples: samples[::-1].copy()[::-1],
        lambda samples: samples.astype(">f4"),
        lambda samples: np.ascontiguousarray(samples.T).T,
    ],
)
def test_any_layout_in_memory(layout):
    samples = layout(music())
    samples.setflags(write=False)
    before = samples.copy()
    same(features_of_samples(samples, SAMPLE_RATE), features_of_samples(music(), SAMPLE_RATE))
    np.testing.assert_array_equal(samples, before)


def test_a_memory_map(tmp_path):
    np.save(tmp_path / "a.npy", music())
    samples = np.load(tmp_path / "a.npy", mmap_mode="r")
    same(features_of_samples(samples, SAMPLE_RATE), features_of_samples(music(), SAMPLE_RATE))


def test_nan_and_noise_of_no_size_are_silenced_with_a_warning(tmp_path):
    samples = music().copy()
    samples[1000:1010] = NAN
    samples[2000, 0] = np.inf
    samples[3000] = 1e30
    expected = written(tmp_path / "a.wav", samples)
    features = features_of_samples(samples, SAMPLE_RATE)
    same(features, expected)
    assert [warning.code for warning in features.warnings] == ["bad_samples"]
    assert np.isnan(samples[1000, 0])


def test_floats_on_a_scale_of_integers(tmp_path):
    samples = music() * 32768
    expected = written(tmp_path / "a.wav", samples)
    same(features_of_samples(samples, SAMPLE_RATE), expected)
    plain = features_of_samples(music(), SAMPLE_RATE)
    np.testing.assert_allclose(expected.spectrogram, plain.spectrogram, atol=1e-5)


def test_channels_that_cancel_each_other(tmp_path):
    samples = np.stack([music()[:, 0], -music()[:, 0]], 1)
    expected = written(tmp_path / "a.wav", samples)
    features = features_of_samples(samples, SAMPLE_RATE)
    same(features, expected)
    assert [warning.code for warning in features.warnings] == ["phase"]
    with pytest.raises(Silent):
        features_of_samples(samples, SAMPLE_RATE, mean_only=True)


def test_numbers_that_are_whole_are_a_rate():
    expected = features_of_samples(music(), SAMPLE_RATE)
    for rate in (float(SAMPLE_RATE), np.int32(SAMPLE_RATE), np.float64(SAMPLE_RATE)):
        same(features_of_samples(music(), rate), expected)


@pytest.mark.parametrize("rate", [0, -44_100, 44.1, 999, 1_000_001, 22_050.5, NAN, np.inf, True,
                                  "44100", None, [44_100], 1j, np.array([44_100])])  # fmt: skip
def test_a_rate_that_is_none(rate):
    with pytest.raises(InvalidInput, match="sample rate must be a whole number of Hz from 1000 to"):
        SampleStream(music(), rate, 3675)


@pytest.mark.parametrize(
    "shape", [(), (2, 44_100), (1, 44_100), (6, 44_100), (2, 44_100, 1), (44_100, 2, 1)]
)
def test_a_shape_that_is_doubtful(shape):
    with pytest.raises(InvalidInput, match=r"\(n,\) for mono or \(n, channels\)") as caught:
        SampleStream(np.zeros(shape, np.float32), SAMPLE_RATE, 3675)
    assert str(shape) in str(caught.value)
    assert ("samples.T" in str(caught.value)) == (len(shape) == 2)


@pytest.mark.parametrize("dtype", ["int8", "uint16", "int64", "bool", "complex64",
                                   "object", "U5"])  # fmt: skip
def test_a_type_that_is_not_supported(dtype):
    with pytest.raises(InvalidInput, match="are not supported: uint8, int16"):
        SampleStream(np.zeros(44_100).astype(dtype), SAMPLE_RATE, 3675)


@pytest.mark.parametrize("shape", [(0,), (0, 2), (44_100, 0)])
def test_no_samples(shape):
    with pytest.raises(NoAudio, match="there are no samples"):
        SampleStream(np.zeros(shape), SAMPLE_RATE, 3675)


def test_silence_and_too_little():
    with pytest.raises(Silent):
        features_of_samples(np.zeros((3 * SAMPLE_RATE, 2)), SAMPLE_RATE)
    with pytest.raises(Silent, match="silenced") as caught:
        features_of_samples(np.full(3 * SAMPLE_RATE, NAN), SAMPLE_RATE)
    assert [warning.code for warning in caught.value.warnings] == ["bad_samples"]
    with pytest.raises(TooShort, match=r"1\.0 seconds"):
        features_of_samples(music()[:SAMPLE_RATE], SAMPLE_RATE)


def test_the_music_has_its_key():
    from keyscan import analyze

    found = analyze(music(), sample_rate=SAMPLE_RATE, timeline=True)
    assert (found.key, found.path, found.stream) == (MUSIC_KEY, "", None)
    assert found.timeline.segments[-1].end == pytest.approx(4.0, abs=0.3)
