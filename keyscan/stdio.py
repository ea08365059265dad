"""Text for people, on stderr, from a thread of its own: nobody there to read it stops nothing."""

from __future__ import annotations

import contextlib
import queue
import threading

from keyscan.server.streams import write_all

_ROOM = 1000  # texts; what comes while so many wait is dropped


class StderrPrinter:
    """A text stream that never blocks and never fails; each ``write`` comes out in one piece."""

    def __init__(self, descriptor: int = 2) -> None:
        self._descriptor = descriptor
        self._queue: queue.Queue[str | None] = queue.Queue(_ROOM)
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def write(self, text: str) -> None:
        """Queue ``text``, or drop it if nobody has read for long."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="stderr", daemon=True)
                self._thread.start()
        try:
            self._queue.put_nowait(text)
        except queue.Full:
            return

    def flush(self) -> None:
        """For ``logging``; the thread writes everything as soon as it can."""

    def drain(self, timeout: float) -> None:
        """Before the process ends: wait until everything is written, ``timeout`` s at most."""
        thread, self._thread = self._thread, None
        if thread is not None:
            try:
                self._queue.put(None, timeout=timeout)
            except queue.Full:
                return
            thread.join(timeout)

    def _run(self) -> None:
        while (text := self._queue.get()) is not None:
            with contextlib.suppress(OSError):  # nobody reads; somebody may again
                write_all(self._descriptor, text.encode("utf-8", "backslashreplace"))


STDERR = StderrPrinter()
