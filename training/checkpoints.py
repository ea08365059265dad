"""Checkpoints of ``training.train``, to be continued or combined."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from keyscan.errors import ModelError
from keyscan.model.checkpoint import load_model
from keyscan.model.confidence import Temperature
from keyscan.model.network import NetworkSettings


@dataclass(frozen=True)
class Checkpoint:
    """What is in the file, and the file's hash."""

    content: dict[str, Any]
    sha256: str

    @property
    def architecture(self) -> NetworkSettings:
        return NetworkSettings.from_dict(self.content["architecture"])

    @property
    def temperature(self) -> Temperature:
        return Temperature.from_checkpoint(self.content)


def read_checkpoint(path: Path) -> Checkpoint:
    """Raises ModelError unless the file is a checkpoint of ``training.train``."""
    info = load_model(path).info
    if info.name != "keyscan":
        raise ModelError(f"{path}: not a checkpoint of training.train")
    content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return Checkpoint(content, info.sha256)
