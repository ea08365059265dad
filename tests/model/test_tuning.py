"""Tuning: within two cents on tones of any pitch standard, and nothing claimed about noise."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from keyscan.model.tuning import Tuning, estimate_tuning, in_tune, normalise, prepare, retune
from keyscan.spectrogram.constant_q import ConstantQ, load_filter_bank

BANK = load_filter_bank()
CHORDS = ((48, 55, 64, 72), (53, 57, 60, 65), (50, 57, 62, 66), (47, 55, 59, 67))


def chords(cents: float, level: float = 0.1) -> Tensor:
    """Eight seconds of chords with harmonics, ``(105, 40)``."""
    t = np.arange(2 * BANK.sample_rate) / BANK.sample_rate
    sound = []
    for chord in CHORDS:
        hertz = [440 * 2 ** ((pitch - 69 + cents / 100) / 12) for pitch in chord]
        tones = [np.sin(2 * np.pi * k * f * t) / k**2 for f in hertz for k in (1, 2, 3)]
        sound.append(level * np.sum(tones, axis=0) * np.exp(-t))
    return spectrogram(np.concatenate(sound))


def spectrogram(samples: np.ndarray) -> Tensor:
    transform = ConstantQ(BANK)
    transform.push(samples.astype(np.float32))
    return torch.from_numpy(transform.finish())


@pytest.mark.parametrize("cents", [-45, -30, -12, 0, 9, 20, 37, 51])
def test_the_tuning_is_found_within_two_cents(cents: float) -> None:
    tuning = estimate_tuning(chords(cents))
    assert tuning.cents == pytest.approx(cents, abs=2)
    assert tuning.clarity > 0.6


def test_loudness_is_nothing_to_it() -> None:
    loud, soft = (estimate_tuning(chords(15, level)) for level in (0.2, 0.002))
    assert loud.cents == pytest.approx(soft.cents, abs=0.1)
    assert loud.clarity == pytest.approx(soft.clarity, abs=0.01)


@pytest.mark.parametrize("cents", [-40, -20, 20, 40])
def test_retuned_music_looks_like_music_in_tune(cents: float) -> None:
    wanted, found = torch.expm1(chords(0)), torch.expm1(in_tune(chords(cents)))
    untouched = torch.expm1(chords(cents))
    inner = slice(4, 101)
    error = (found - wanted)[inner].abs().sum() / wanted[inner].sum()
    assert error < 0.25
    assert error < 0.4 * (untouched - wanted)[inner].abs().sum() / wanted[inner].sum()
    assert estimate_tuning(in_tune(chords(cents))).cents == pytest.approx(0, abs=5)


def test_retuning_by_whole_bins_moves_them() -> None:
    x = torch.expm1(chords(0))
    assert torch.allclose(retune(x, 50.0)[:-1], x[1:], atol=1e-3)
    assert torch.allclose(retune(x, -50.0)[1:], x[:-1], atol=1e-3)
    assert torch.allclose(retune(x, 0.0), x, atol=1e-3)


def test_noise_and_silence_are_not_tuned() -> None:
    noise = spectrogram(np.random.default_rng(1).normal(0, 0.1, 8 * BANK.sample_rate))
    assert estimate_tuning(noise).clarity < 0.12
    assert in_tune(noise) is noise
    silence = torch.zeros(105, 40)
    assert estimate_tuning(silence) == Tuning(0.0, 0.0)
    assert torch.equal(in_tune(silence), silence)


def test_silent_stretches_have_no_say() -> None:
    rng = torch.Generator().manual_seed(1)
    hiss = 1e-5 * torch.rand(105, 200, generator=rng)
    tuning = estimate_tuning(torch.cat([hiss, chords(20)], dim=1))
    assert tuning.cents == pytest.approx(20, abs=2)


def test_next_to_silence_no_peak_is_flat() -> None:
    """Magnitudes that differ, and whose logarithms do not, once made the tuning not a number."""
    rng = torch.Generator().manual_seed(2)
    silence = 1e-12 * torch.rand(105, 50, generator=rng)
    tuning = estimate_tuning(torch.cat([silence, chords(20)], dim=1))
    assert tuning.cents == pytest.approx(20, abs=2)


NOISE = torch.rand(105, 90, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    "spectrogram", [chords(30), chords(0), NOISE], ids=["sharp", "in tune", "noise"]
)
@pytest.mark.parametrize("chunk", [7, 16, 1000])
def test_prepared_parts_are_those_of_the_whole(spectrogram: Tensor, chunk: int) -> None:
    whole = normalise(in_tune(spectrogram)[None])
    before = spectrogram.clone()
    prepared = prepare(spectrogram, chunk)
    for first, end in ((0, 20), (13, 40), (0, spectrogram.shape[1])):
        torch.testing.assert_close(
            prepared.part(first, end), whole[..., first:end], atol=1e-4, rtol=1e-4
        )
    assert torch.equal(spectrogram, before)
