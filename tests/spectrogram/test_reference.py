"""librosa without its compiler gives the same numbers, bit for bit."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from examples.track import render_track
from keyscan.keys import Key

SCRIPT = """
import sys
import numpy as np
{first}
samples = np.load(sys.argv[1])
from keyscan.spectrogram.reference import LibrosaConstantQ
transform = LibrosaConstantQ()
transform.push(samples)
np.save(sys.argv[2], transform.finish())
import joblib, numba, pooch
assert all(hasattr(module, "__file__") == {real} for module in (joblib, numba, pooch))
assert not {{"llvmlite", "sklearn", "requests"}} & sys.modules.keys() or {real}
"""


@pytest.fixture
def samples(tmp_path):
    mono = render_track(Key.parse("D minor"), 8.0).mean(axis=1).astype(np.float32)
    np.save(tmp_path / "samples.npy", mono)
    return tmp_path / "samples.npy"


def constant_q(samples, name, first, real):
    out = samples.with_name(name)
    script = SCRIPT.format(first=first, real=real)
    subprocess.run([sys.executable, "-c", script, samples, out], check=True, timeout=240)
    return np.load(out)


def test_the_constant_q_is_the_same_bit_for_bit_without_the_compiler(samples):
    ours = constant_q(samples, "ours.npy", first="", real=False)
    librosas = constant_q(samples, "librosas.npy", first="import librosa, librosa.core.spectrum",
                          real=True)  # fmt: skip
    assert ours.mean() > 0.1
    np.testing.assert_array_equal(ours, librosas)
