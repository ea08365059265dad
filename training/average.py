"""Average the weights of neighbouring epochs of one training run.

``python -m training.average runs/first/epoch-02.pt runs/first/epoch-03.pt --out averaged.pt``

Source: Izmailov et al., "Averaging weights leads to wider optima and better generalization"
(UAI 2018).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from keyscan.errors import ModelError
from training.checkpoints import read_checkpoint
from training.files import write_whole


def average(paths: Sequence[Path]) -> dict[str, Any]:
    """A checkpoint with the mean weights and the settings of the last of ``paths``.

    Raises:
        ModelError: a file is not a checkpoint of ``training.train``.
        ValueError: the checkpoints differ in architecture or in training settings.
    """
    checkpoints = [read_checkpoint(path).content for path in paths]
    runs = [{**c["training"], "epoch": 0, "architecture": c["architecture"]} for c in checkpoints]
    if any(run != runs[0] for run in runs):
        raise ValueError("only epochs of one run can be averaged")
    states = [checkpoint["state_dict"] for checkpoint in checkpoints]
    mean = {
        name: torch.stack([state[name] for state in states]).float().mean(0).to(value.dtype)
        for name, value in states[0].items()
    }
    epochs = [checkpoint["training"]["epoch"] for checkpoint in checkpoints]
    # A temperature is valid for one set of weights only.
    fitted = ("temperature", "temperature_frames", "calibration")
    last = {name: value for name, value in checkpoints[-1].items() if name not in fitted}
    averaged: dict[str, Any] = last | {"state_dict": mean}
    return averaged | {"training": last["training"] | {"epoch": epochs}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("checkpoints", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    try:
        averaged = average(arguments.checkpoints)
        with write_whole(arguments.out) as file:
            torch.save(averaged, file)
    except (ModelError, OSError, ValueError) as error:
        sys.exit(f"training.average: {error}")


if __name__ == "__main__":
    main()
