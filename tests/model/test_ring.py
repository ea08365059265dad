"""What is worked out faster at inference is what the network was trained to do."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from keyscan.model.checkpoint import PACKAGED_CHECKPOINT
from keyscan.model.network import EquivariantNetwork, NetworkSettings, Summary
from keyscan.model.ring import CircularConv, RingProduct


@pytest.mark.parametrize("turn", [(5, 6), (0, 11)])
@pytest.mark.parametrize("bias", [False, True])
def test_a_product_of_fourier_coefficients_is_the_convolution(
    turn: tuple[int, int], bias: bool
) -> None:
    torch.manual_seed(0)
    conv = CircularConv(3, 5, (12, 1), turn, bias=bias)
    x = torch.randn(2, 3, 12, 7)
    with torch.inference_mode():
        expected, found = conv(x), RingProduct(conv)(x)
    assert expected.std() > 0.1
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def plain_and_folded() -> tuple[EquivariantNetwork, EquivariantNetwork]:
    content = torch.load(PACKAGED_CHECKPOINT, weights_only=True)
    networks = []
    for _ in range(2):
        network = EquivariantNetwork(NetworkSettings.from_dict(content["architecture"]))
        network.load_state_dict(content["state_dict"], strict=False)
        networks.append(network.eval())
    networks[1].fold()
    assert not any(isinstance(module, nn.BatchNorm2d) for module in networks[1].modules())
    return networks[0], networks[1]


PLAIN, FOLDED = plain_and_folded()


@pytest.mark.parametrize("frames", [8, 50, 63, 64, 65, 1500, 5000])
def test_a_folded_network_gives_what_the_plain_one_gives(frames: int) -> None:
    """At any length, though its convolutions see only multiples of one."""
    x = torch.rand(1, 105, frames, generator=torch.Generator().manual_seed(frames)) * 2
    with torch.inference_mode():
        features = PLAIN.features(x)
        folded = FOLDED.features(x)
        assert features.shape[-1] == -(-frames // 4)
        torch.testing.assert_close(folded, features, atol=1e-4, rtol=1e-4)
        total, folded_total = PLAIN.summarise(features), FOLDED.summarise(folded)
        for expected, found in (
            (PLAIN.conclude(total), FOLDED.conclude(folded_total)),
            (PLAIN.traits(total), FOLDED.traits(folded_total)),
        ):
            torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)


def test_a_batch_of_sums_is_concluded_one_by_one() -> None:
    generator = torch.Generator().manual_seed(1)

    def some(*shape: int) -> Tensor:
        return torch.rand(shape, generator=generator) + 0.5

    batch = Summary(some(9, 48, 12), some(9, 48, 12), some(9), some(9))
    with torch.inference_mode():
        found = FOLDED.conclude(batch)
        for row in range(9):
            alone = PLAIN.conclude(Summary(*(field[row : row + 1] for field in batch)))
            torch.testing.assert_close(found[row : row + 1], alone, atol=1e-4, rtol=0)
