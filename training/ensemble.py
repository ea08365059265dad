"""Join checkpoints that were trained apart into one, which averages their logits.

``python -m training.ensemble runs/a/epoch-01.pt runs/b/epoch-01.pt --out joined.pt``

See ``keyscan.model.ensemble``. What was fitted to one network alone (temperature, tonality) is left
out; ``training.calibrate`` and ``training.tonality.fit`` fit it to the ensemble.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from keyscan.errors import ModelError
from keyscan.model.checkpoint import CHECKPOINT_FORMAT
from training.checkpoints import read_checkpoint
from training.files import write_whole


def join(paths: Sequence[Path]) -> dict[str, Any]:
    """The checkpoint of an ensemble of the checkpoints at ``paths``.

    Raises:
        ModelError: a file is not a checkpoint of ``training.train``.
        ValueError: fewer than two, an ensemble among them, or different architectures.
    """
    if len(paths) < 2:
        raise ValueError("an ensemble needs at least two checkpoints")
    found = [read_checkpoint(path) for path in paths]
    for path, checkpoint in zip(paths, found, strict=True):
        if checkpoint.members > 1:
            raise ValueError(f"{path}: already an ensemble")
        if checkpoint.architecture != found[0].architecture:
            raise ValueError(f"{path}: another architecture than {paths[0]}")
    return {
        "format": CHECKPOINT_FORMAT,
        "architecture": found[0].content["architecture"],
        "members": len(found),
        "state_dict": {
            f"members.{number}.{name}": value
            for number, checkpoint in enumerate(found)
            for name, value in checkpoint.content["state_dict"].items()
        },
        "training": {"members": [checkpoint.content["training"] for checkpoint in found]},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("checkpoints", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    try:
        joined = join(arguments.checkpoints)
        with write_whole(arguments.out) as file:
            torch.save(joined, file)
    except (ModelError, OSError, ValueError) as error:
        sys.exit(f"training.ensemble: {error}")


if __name__ == "__main__":
    main()
