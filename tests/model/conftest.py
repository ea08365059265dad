"""What the tests of the model share."""

from __future__ import annotations

import pytest
import torch


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Small networks gain nothing from threads, which wait for each other on a busy machine."""
    torch.set_num_threads(1)
