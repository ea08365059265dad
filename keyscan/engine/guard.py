"""A deadline for what may block: kept by one thread, as to start one each time takes longer."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Guard:
    """Calls ``act``, from a thread of its own, when a block of code is not left in time.

    The thread starts with the first block, and sleeps through those that are left in time.
    """

    def __init__(self, act: Callable[[], None]) -> None:
        """``act`` must neither block nor raise; the block cannot be left while it is called."""
        self._act = act
        self._changed = threading.Condition()
        self._deadline = math.inf  # no block has begun
        self._wakes_at = math.inf
        self._thread: threading.Thread | None = None
        self._closed = False

    @contextmanager
    def until(self, deadline: float) -> Iterator[None]:
        """Guard one block at a time; ``deadline`` is a time of ``time.monotonic``."""
        with self._changed:
            self._deadline = deadline
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._watch, name="guard", daemon=True)
                self._thread.start()
            elif deadline < self._wakes_at:
                self._changed.notify()
        try:
            yield
        finally:
            with self._changed:
                self._deadline = math.inf

    def close(self) -> None:
        """End the thread; nothing is guarded any more."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _watch(self) -> None:
        with self._changed:
            while not self._closed:
                left = self._deadline - time.monotonic()
                if left <= 0:
                    self._deadline = left = math.inf
                    self._act()
                self._wakes_at = self._deadline
                self._changed.wait(None if left == math.inf else left)
