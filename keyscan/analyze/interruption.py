"""Ctrl-C: the first ends the work and has what is done printed, the next ends that too."""

from __future__ import annotations

import os
import signal
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from keyscan.engine.pool import WorkerPool
    from keyscan.server.server import Server

_PATIENCE = 3  # signals, before all is dropped as it stands


class Interruption:
    """Handles SIGINT and SIGTERM from its making on; ``number`` is that of the first to come.

    While the server runs, the first stops it, and its ``run`` returns. At any other time, and every
    later one, raises KeyboardInterrupt in the main thread.
    """

    def __init__(self) -> None:
        self.number: int | None = None
        self._count = 0
        self._pool: WorkerPool | None = None
        self._server: Server | None = None
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._handle)

    def knows_pool(self, pool: WorkerPool) -> None:
        """The processes that must not outlive this one."""
        self._pool = pool

    def run(self, server: Server) -> None:
        """``server.run()``, until the first signal at the latest."""
        self._server = server
        try:
            if self.number is None:
                server.run()
        finally:
            self._server = None
            self.kill()

    def kill(self) -> None:
        """End all decoding processes at once."""
        if self._pool is not None:
            self._pool.kill()

    @property
    def exit_code(self) -> int | None:
        """128 + the signal's number; None if there was no signal."""
        return None if self.number is None else 128 + self.number

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self._count += 1
        if self.number is None:
            self.number = number
            if self._server is not None:
                self._server.stop()
                return
        if self._count > _PATIENCE:
            os._exit(128 + number)
        raise KeyboardInterrupt
