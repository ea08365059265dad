"""Python, the system, and the variables that change how fast libraries run."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

from keyscan.runtime import PINNED, THREAD_VARIABLES

PREFIXES = (
    *("OMP_", "GOMP_", "KMP_", "MKL_", "OPENBLAS_", "GOTO_", "BLIS_", "VECLIB_", "NUMEXPR_"),
    *("TORCH_", "PYTORCH_", "ATEN_", "ONEDNN_", "DNNL_", "NPY_", "NUMBA_", "LIBROSA_"),
)
"""Of the variables that set up numerical libraries."""


@dataclass(frozen=True)
class Python:
    """``folder`` is where the frozen app has its files, None for plain Python."""

    version: str
    implementation: str
    executable: str
    frozen: bool
    folder: str | None
    utf8_mode: bool


@dataclass(frozen=True)
class System:
    """As ``platform`` names them; ``libc`` is empty where that is part of the system."""

    name: str
    release: str
    version: str
    machine: str
    libc: str


@dataclass(frozen=True)
class Variable:
    """An environment variable; None is not set."""

    value: str | None
    set_by: Literal["user", "keyscan", "nobody"]


def python() -> Python:
    """The interpreter that runs this."""
    return Python(
        platform.python_version(),
        platform.python_implementation(),
        sys.executable,
        bool(getattr(sys, "frozen", False)),
        getattr(sys, "_MEIPASS", None),
        bool(sys.flags.utf8_mode),
    )


def system() -> System:
    """The operating system."""
    return System(
        platform.system(),
        platform.release(),
        platform.version(),
        platform.machine(),
        " ".join(platform.libc_ver()).strip(),
    )


def variables(
    environ: Mapping[str, str] = os.environ, pinned: Collection[str] = PINNED
) -> dict[str, Variable]:
    """The variables that set threads, set or not, then what else of that kind is set."""
    others = sorted(name for name in environ if name.startswith(PREFIXES))
    names = dict.fromkeys((*THREAD_VARIABLES, *others))
    return {name: _variable(name, environ, pinned) for name in names}


def load_average() -> float | None:
    """How many processes wanted a core in the last minute; None where the system does not tell."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def _variable(name: str, environ: Mapping[str, str], pinned: Collection[str]) -> Variable:
    if name not in environ:
        return Variable(None, "nobody")
    return Variable(environ[name], "keyscan" if name in pinned else "user")
