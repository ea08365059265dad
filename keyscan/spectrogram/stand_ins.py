"""Stand-ins for what librosa imports but its constant-Q can do without.

numba would compile librosa's helpers at the first call, for many seconds, and again for every new
exe; without it the result is the same bit for bit. joblib caches results on disk, and pooch
downloads examples: nobody asks librosa for either.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any


def install() -> None:
    """Let librosa find the stand-ins; a librosa that is imported already has the real ones."""
    if "librosa" in sys.modules:
        return
    for module in (_numba(), _joblib(), _pooch()):
        sys.modules.setdefault(module.__name__, module)


def _numba() -> ModuleType:
    decorators = ("jit", "njit", "vectorize", "guvectorize", "stencil")
    return _module("numba", **dict.fromkeys(decorators, _leave_as_it_is))


def _leave_as_it_is(*arguments: Any, **options: Any) -> Any:
    """A decorator, used plain or with options, that gives the function back."""
    if len(arguments) == 1 and callable(arguments[0]):
        return arguments[0]
    return _unchanged


def _unchanged(function: Callable[..., Any]) -> Callable[..., Any]:
    return function


class _Memory:
    """``joblib.Memory`` without a place to keep anything."""

    location = None

    def __init__(self, *arguments: Any, **options: Any) -> None:
        pass


def _joblib() -> ModuleType:
    return _module("joblib", Memory=_Memory)


class _Registry:
    """What ``pooch.create`` gives, with nothing to be downloaded."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.registry: dict[str, str | None] = {}

    def load_registry(self, file: str) -> None:
        pass


def _pooch() -> ModuleType:
    return _module("pooch", create=_Registry, os_cache=str)


def _module(name: str, **contents: Any) -> ModuleType:
    module = ModuleType(name)
    vars(module).update(contents)
    return module
