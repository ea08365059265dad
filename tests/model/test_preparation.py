"""What the network sees of a part is what it would see of it in the whole."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from keyscan.model.network import normalise
from keyscan.model.preparation import Preparation
from keyscan.model.tuning import in_tune
from tests.model.test_tuning import chords


def noise() -> Tensor:
    """Nothing that has a tuning, ``(105, 90)``."""
    return torch.rand(105, 90, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    "spectrogram", [chords(30), chords(0), noise()], ids=["sharp", "in tune", "noise"]
)
@pytest.mark.parametrize("part_frames", [7, 16, 1000])
def test_parts_are_those_of_the_whole(spectrogram: Tensor, part_frames: int) -> None:
    whole = normalise(in_tune(spectrogram)[None])
    preparation = Preparation(spectrogram, part_frames)
    for first, end in ((0, 20), (13, 40), (0, spectrogram.shape[1])):
        torch.testing.assert_close(
            preparation.part(first, end), whole[..., first:end], atol=1e-4, rtol=1e-4
        )


def test_the_spectrogram_stays_as_it_is() -> None:
    spectrogram = chords(30)
    before = spectrogram.clone()
    Preparation(spectrogram, 16).part(0, 16)
    assert torch.equal(spectrogram, before)
