"""Music to draw: real sound through the real front end and the real model."""

from __future__ import annotations

import numpy as np
import pytest
import soxr

from examples.track import SAMPLE_RATE, render_track
from keyscan.keys import Key
from keyscan.model.checkpoint import load_model
from keyscan.model.estimate import estimate_key
from keyscan.spectrogram.constant_q import FRAMES_PER_SECOND, constant_q, load_filter_bank
from tests.plot.pictures import Drawn


def heard(samples):
    """The spectrogram of (samples, 2) at 44.1 kHz."""
    bank = load_filter_bank()
    mono = soxr.resample(samples.mean(axis=1), SAMPLE_RATE, bank.sample_rate)
    return constant_q(mono.astype(np.float32), bank)


def as_drawn(name, spectrogram):
    estimate = estimate_key(load_model(), spectrogram, timeline_until=spectrogram.shape[1] / 5)
    return Drawn(name, spectrogram, spectrogram.shape[1] / FRAMES_PER_SECOND + 0.4, estimate)


@pytest.fixture(scope="session")
def song():
    """Half a minute in F# minor, 11A."""
    return as_drawn("Song.flac", heard(render_track(Key.parse("F# minor"), 30.0)))


@pytest.fixture(scope="session")
def modulating():
    """Half a minute in C major, 8B, and as much in E major, 12B."""
    parts = [render_track(Key.parse(name), 30.0) for name in ("C major", "E major")]
    return as_drawn("Modulation.flac", heard(np.concatenate(parts)))


@pytest.fixture(scope="session")
def drums():
    """Bursts of noise, four a second, for twenty seconds."""
    time = np.arange(20 * SAMPLE_RATE) / SAMPLE_RATE
    noise = np.random.default_rng(0).standard_normal(len(time))
    hits = 0.3 * noise * np.exp(-(time % 0.25) / 0.03)
    return as_drawn("Drums.wav", heard(np.stack([hits, hits], axis=1).astype(np.float32)))
