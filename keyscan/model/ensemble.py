"""Several networks of one architecture behind the protocol of one: the mean of their logits."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from keyscan.model.network import EquivariantNetwork, NetworkSettings, Pooled
from keyscan.model.tuning import Prepared


class Ensemble(nn.Module):
    """A ``Network`` of ``EquivariantNetwork`` members that were trained apart.

    Their mistakes differ, so that the mean of their logits is right more often than one of them,
    and its confidence says more (Lakshminarayanan et al., "Simple and scalable predictive
    uncertainty estimation using deep ensembles", NeurIPS 2017; theirs is the mean of
    probabilities). Features, ``Pooled`` and embedding are those of the members, in their order.
    """

    def __init__(self, settings: NetworkSettings, members: int) -> None:
        """Raises ValueError for fewer than two members."""
        super().__init__()
        if members < 2:
            raise ValueError(f"members: at least 2, not {members}")
        self.settings = settings
        networks = [EquivariantNetwork(settings) for _ in range(members)]
        self.members = nn.ModuleList(networks)
        self.stride, self.context = networks[0].stride, networks[0].context
        self.least_frames = networks[0].least_frames
        self.embedding_size = sum(network.embedding_size for network in networks)

    def _members(self) -> Sequence[EquivariantNetwork]:
        return tuple(self.members)  # type: ignore[arg-type]

    def prepare(self, spectrogram: Tensor, chunk_frames: int) -> Prepared:
        """The same for all members."""
        return self._members()[0].prepare(spectrogram, chunk_frames)

    def features(self, x: Tensor) -> Tensor:
        """``(batch, 105, frames)`` -> ``(batch, members * channels, 12, frames / stride)``."""
        return torch.cat([member.features(x) for member in self._members()], dim=1)

    def pool(self, features: Tensor, frames: int) -> Pooled:
        """Sum the features of each member over every ``frames`` frames."""
        parts = features.chunk(len(self.members), dim=1)
        pooled = [m.pool(part, frames) for m, part in zip(self._members(), parts, strict=True)]
        return tuple(values for one in pooled for values in one)

    def _split(self, pooled: Pooled) -> list[tuple[EquivariantNetwork, Pooled]]:
        each = len(pooled) // len(self.members)
        return [
            (member, pooled[number * each : (number + 1) * each])
            for number, member in enumerate(self._members())
        ]

    def classify(self, pooled: Pooled) -> Tensor:
        """The mean of the members' logits, ``(rows, 24)``."""
        return torch.stack([member.classify(part) for member, part in self._split(pooled)]).mean(0)

    def embed(self, pooled: Pooled) -> Tensor:
        """The members' embeddings, ``(rows, embedding_size)``."""
        return torch.cat([member.embed(part) for member, part in self._split(pooled)], dim=1)

    def forward(self, x: Tensor) -> Tensor:
        features = self.features(x)
        return self.classify(self.pool(features, features.shape[-1]))

    def optimise_for_inference(self) -> None:
        """See ``EquivariantNetwork.optimise_for_inference``."""
        self.eval()
        for member in self._members():
            member.optimise_for_inference()


def build(settings: NetworkSettings, members: int) -> EquivariantNetwork | Ensemble:
    """The network of a checkpoint with this architecture and number of members.

    Raises:
        ValueError: the number is not from 1 on.
    """
    return EquivariantNetwork(settings) if members == 1 else Ensemble(settings, members)
