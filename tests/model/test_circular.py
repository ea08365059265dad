"""What is faster at inference gives what the trained network gives."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from keyscan.model.checkpoint import PACKAGED_CHECKPOINT
from keyscan.model.circular import CircularConv, FourierConv
from keyscan.model.network import EquivariantNetwork, NetworkSettings


@pytest.mark.parametrize("padding", [(5, 6), (0, 11)])
@pytest.mark.parametrize("bias", [False, True])
def test_a_product_of_fourier_coefficients_is_the_convolution(
    padding: tuple[int, int], bias: bool
) -> None:
    torch.manual_seed(0)
    conv = CircularConv(3, 5, (12, 1), padding, bias=bias)
    x = torch.randn(2, 3, 12, 7)
    with torch.inference_mode():
        expected, found = conv(x), FourierConv(conv)(x)
    assert expected.std() > 0.1
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def plain_and_optimised() -> tuple[EquivariantNetwork, EquivariantNetwork]:
    content = torch.load(PACKAGED_CHECKPOINT, weights_only=True)
    networks = []
    for _ in range(2):
        network = EquivariantNetwork(NetworkSettings.from_dict(content["architecture"]))
        network.load_state_dict(content["state_dict"], strict=False)
        networks.append(network.eval())
    networks[1].optimise_for_inference()
    assert not any(isinstance(module, nn.BatchNorm2d) for module in networks[1].modules())
    return networks[0], networks[1]


PLAIN, OPTIMISED = plain_and_optimised()


@pytest.mark.parametrize("frames", [8, 50, 63, 64, 65, 1500, 5000])
def test_an_optimised_network_gives_what_the_plain_one_gives(frames: int) -> None:
    """At any length, although its convolutions see only multiples of one length."""
    x = torch.rand(1, 105, frames, generator=torch.Generator().manual_seed(frames)) * 2
    with torch.inference_mode():
        features = PLAIN.features(x)
        optimised = OPTIMISED.features(x)
        assert features.shape[-1] == -(-frames // 4)
        torch.testing.assert_close(optimised, features, atol=1e-4, rtol=1e-4)
        length = features.shape[-1]
        sums, optimised_sums = PLAIN.pool(features, length), OPTIMISED.pool(optimised, length)
        for expected, found in (
            (PLAIN.classify(sums), OPTIMISED.classify(optimised_sums)),
            (PLAIN.embed(sums), OPTIMISED.embed(optimised_sums)),
        ):
            torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)


def test_rows_of_sums_are_classified_one_by_one() -> None:
    generator = torch.Generator().manual_seed(1)

    def some(*shape: int) -> Tensor:
        return torch.rand(shape, generator=generator) + 0.5

    rows = (some(9, 48, 12), some(9, 48, 12), some(9), some(9))
    with torch.inference_mode():
        found = OPTIMISED.classify(rows)
        for row in range(9):
            alone = PLAIN.classify(tuple(sums[row : row + 1] for sums in rows))
            torch.testing.assert_close(found[row : row + 1], alone, atol=1e-4, rtol=0)
