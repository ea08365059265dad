"""Single-threaded execution for bit-identical results."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

_P = ParamSpec("_P")
_R = TypeVar("_R")


def single_threaded(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Run ``function`` with one thread of BLAS and OpenMP.

    The order of additions, and so the last bits of a sum, depend on the number of threads.
    """

    @wraps(function)
    def limited(*arguments: _P.args, **options: _P.kwargs) -> _R:
        with threadpool_limits(limits=1):
            return function(*arguments, **options)

    return limited
