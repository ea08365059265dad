"""What the tests of the model share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from keyscan.model.checkpoint import PACKAGED_CHECKPOINT, KeyModel, load_model
from keyscan.model.network import KeyNet


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Small networks gain nothing from threads, which wait for each other on a busy machine."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def model() -> KeyModel:
    return load_model()


@pytest.fixture(scope="session")
def keynet(tmp_path_factory: pytest.TempPathFactory) -> KeyModel:
    path = tmp_path_factory.mktemp("keynet") / "keynet.pt"
    torch.manual_seed(4)
    torch.save(KeyNet().state_dict(), path)
    return load_model(path)


def packaged_with(path: Path, **fields: Any) -> KeyModel:
    """The packaged model with other fields in its checkpoint, which is written to ``path``."""
    torch.save(torch.load(PACKAGED_CHECKPOINT, weights_only=True) | fields, path)
    return load_model(path)
