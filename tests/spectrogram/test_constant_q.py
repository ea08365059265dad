"""The constant-Q front end against librosa itself."""

from __future__ import annotations

import subprocess
import sys

import librosa
import numpy as np
import pytest
import soundfile
import soxr

from examples.track import SAMPLE_RATE, render_track
from keyscan.keys import Key
from keyscan.spectrogram import constant_q as front_end
from keyscan.spectrogram.constant_q import ConstantQ, constant_q, load_filter_bank
from keyscan.spectrogram.features import extract_features
from training.filterbank import analyser_bank

# what resampling alone does to the values, which run from 0 to about 4
GOLDEN_MEAN = 2e-4
GOLDEN_MAX = 2e-2


FOUR_HOURS = """
from pathlib import Path
import numpy as np
from keyscan.spectrogram.constant_q import SAMPLE_RATE, ConstantQ, load_filter_bank

def memory_of(minutes):
    block, transform = np.ones(60 * SAMPLE_RATE, np.float32), ConstantQ(load_filter_bank())
    for _ in range(minutes):
        transform.push(block)
    status = Path("/proc/self/status")  # ru_maxrss counts the parent's memory before exec, too
    size = transform.finish().nbytes
    return size >> 20, int(status.read_text().partition("VmHWM:")[2].split()[0]) >> 10

_, before = memory_of(1)
size, after = memory_of(240)
print(size, after - before)
"""


@pytest.fixture(scope="module")
def music():
    """Twelve seconds of mono music at 44.1 kHz."""
    return render_track(Key(9, "minor"), 12.0).mean(axis=1)


def reference(samples):
    transform = librosa.cqt(
        samples, sr=44100, hop_length=8820, n_bins=105, bins_per_octave=24, fmin=65
    )
    return np.log1p(np.abs(transform))[:, :-2]


def at_our_rate(samples):
    return soxr.resample(samples, SAMPLE_RATE, load_filter_bank().sample_rate)


def test_equals_librosa_at_44100_hz(music):
    expected = reference(music)
    ours = constant_q(at_our_rate(music), load_filter_bank())
    assert ours.shape == expected.shape
    assert ours.dtype == np.float32
    assert expected.mean() > 0.1
    difference = np.abs(ours - expected)
    assert difference.mean() < GOLDEN_MEAN
    assert difference.max() < GOLDEN_MAX


def test_both_engines_agree_on_a_file(music, tmp_path):
    path = tmp_path / "music.wav"
    soundfile.write(path, music, SAMPLE_RATE, subtype="FLOAT")
    matrix = extract_features(path, "matrix").spectrogram
    librosa_itself = extract_features(path, "librosa").spectrogram
    assert matrix.shape == librosa_itself.shape
    np.testing.assert_array_equal(librosa_itself, reference(music).astype(np.float32))
    assert np.abs(matrix - librosa_itself).mean() < GOLDEN_MEAN


def test_the_data_file_has_the_constants_of_the_front_end():
    bank = load_filter_bank()
    assert bank.fmin == front_end.FMIN
    assert bank.n_bins == front_end.N_BINS
    assert bank.bins_per_octave == front_end.BINS_PER_OCTAVE
    assert bank.sample_rate == front_end.SAMPLE_RATE
    assert bank.hop_length == front_end.HOP_LENGTH
    assert front_end.FRAMES_PER_SECOND == front_end.SAMPLE_RATE / front_end.HOP_LENGTH


def test_data_file_is_what_the_script_writes_with_librosa():
    packaged, rebuilt = load_filter_bank(), analyser_bank()
    assert (packaged.sample_rate, packaged.hop_length) == (3675, 735)
    assert (packaged.n_bins, packaged.bins_per_octave, packaged.fmin) == (105, 24, 65.0)
    for ours, theirs in zip(packaged.octaves, rebuilt.octaves, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


@pytest.mark.parametrize("size", [1, 700, 735, 10_000, 1_000_000])
def test_blocks_of_any_size_give_the_same_spectrogram(music, size):
    samples = at_our_rate(music)[: 10_000 if size == 1 else None]
    transform = ConstantQ(load_filter_bank())
    for start in range(0, len(samples), size):
        transform.push(samples[start : start + size])
    whole = constant_q(samples, load_filter_bank())
    np.testing.assert_allclose(transform.finish(), whole, atol=1e-5)


@pytest.mark.parametrize("seconds", [0.0, 0.2, 0.39, 0.4, 0.6, 3.0, 7.77])
def test_as_many_frames_as_librosa_less_two(seconds):
    samples = np.zeros(round(seconds * 3675), np.float32)
    frames = constant_q(samples, load_filter_bank()).shape[1]
    assert frames == max(0, len(samples) // 735 - 1)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_long_spectrogram_is_held_once():
    command = [sys.executable, "-c", FOUR_HOURS]
    output = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    size, grown = map(int, output.split())  # MiB
    assert size == 28
    assert grown < 1.5 * size


@pytest.mark.parametrize("k", [0, 23, 24, 60, 104])
def test_a_sine_peaks_in_its_own_bin(k):
    frequency = 65.0 * 2 ** (k / 24)
    time = np.arange(4 * 3675) / 3675
    spectrogram = constant_q(np.sin(2 * np.pi * frequency * time).astype(np.float32),
                             load_filter_bank())  # fmt: skip
    assert set(spectrogram[:, 4:-4].argmax(axis=0)) == {k}


def test_default_path_imports_neither_librosa_nor_numba_nor_torch(music, tmp_path):
    path = tmp_path / "music.flac"
    soundfile.write(path, music, SAMPLE_RATE)
    script = (
        "import sys; from keyscan.spectrogram.features import extract_features;"
        "features = extract_features(sys.argv[1]); assert features.spectrogram.shape[1] == 59;"
        "print(sorted({'librosa', 'numba', 'torch', 'scipy'} & sys.modules.keys()))"
    )
    command = [sys.executable, "-c", script, path]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert result.stdout.strip() == "[]"
