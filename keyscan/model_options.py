"""The options of the model, which the server and the doctor share, and what they do to torch."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

Precision = Literal["highest", "high", "medium"]
_MOST = 256  # workers or threads


@dataclass(frozen=True)
class ModelOptions:
    """``path`` None is the packaged checkpoint; ``precision`` is that of float32 products."""

    path: Path | None
    device: str
    threads: int
    interop_threads: int
    precision: Precision

    def apply_to_torch(self) -> None:
        """Once a process, before torch has done any work: its inter-op pool cannot be changed."""
        import torch

        torch.set_num_threads(self.threads)
        torch.set_num_interop_threads(self.interop_threads)
        torch.set_float32_matmul_precision(self.precision)


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Let ``parser`` know the options that ``model_options`` reads."""
    add = parser.add_argument
    add(
        "-m",
        "--model-path",
        type=Path,
        metavar="FILE",
        help="checkpoint to use instead of the built-in one; KeyNet state_dicts are welcome",
    )
    add(
        "--device",
        default="cpu",
        metavar="NAME",
        help="where the model runs: cpu, cuda, cuda:1, mps (default: cpu)",
    )
    add(
        "--threads",
        type=count,
        default=1,
        metavar="N",
        help="CPU threads of the model (default: 1)",
    )
    add(
        "--interop-threads",
        type=count,
        default=1,
        metavar="N",
        help="CPU threads between the model's operations (default: 1)",
    )
    add(
        "--precision",
        choices=get_args(Precision),
        default="highest",
        help="of the model's float32 matrix products (default: highest)",
    )


def model_options(options: argparse.Namespace) -> ModelOptions:
    """What a parser with the options of ``add_model_options`` has found."""
    return ModelOptions(
        options.model_path,
        options.device,
        options.threads,
        options.interop_threads,
        options.precision,
    )


def count(text: str) -> int:
    """The type of an option that is a number of workers or threads."""
    if not text.isdecimal() or not 1 <= int(text) <= _MOST:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1 to {_MOST}, not {text!r}")
    return int(text)
