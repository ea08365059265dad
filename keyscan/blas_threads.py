"""One BLAS thread in a program that is not ours, where ``pin_threads`` would come too late."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Limit BLAS to one thread while the block runs, in any number of threads at once.

    OpenBLAS in numpy's wheels has one number for the whole process: the first block sets it, the
    last one restores it. Other BLAS libraries have a number for each thread, which the block's own
    thread sets and restores. If the caller holds a limit of threadpoolctl in another thread, that
    limit stays.
    """
    controller = _controller()
    with _LIMIT, controller.limit(limits=1, user_api="blas"):
        yield


class _ProcessLimit:
    """Limits the process while there is a block inside."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """There is no block inside."""
        self._lock = threading.Lock()
        self._inside = 0
        self._end = threading.Event()
        self._thread = threading.Thread()

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                limited, self._end = threading.Event(), threading.Event()
                # threadpoolctl lets only that thread change OpenBLAS which did so first
                self._thread = threading.Thread(
                    target=_hold, args=(limited, self._end), name="BLAS limit", daemon=True
                )
                self._thread.start()
                try:
                    limited.wait()
                except BaseException:  # Ctrl-C
                    self._end.set()
                    raise
            self._inside += 1

    def __exit__(self, *exception: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._end.set()
                self._thread.join()


_LIMIT = _ProcessLimit()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_LIMIT.forget)  # other threads' blocks stay in the parent


def _hold(limited: threading.Event, end: threading.Event) -> None:
    try:
        with _controller().limit(limits=1, user_api="blas"):
            limited.set()
            end.wait()
    finally:
        limited.set()


@cache
def _controller() -> Any:
    """The BLAS libraries of the process; numpy's is loaded by now."""
    known = "KMP_DUPLICATE_LIB_OK" in os.environ
    from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

    if not known:
        os.environ.pop("KMP_DUPLICATE_LIB_OK", None)  # threadpoolctl sets it for the program
    return ThreadpoolController()
