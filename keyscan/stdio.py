"""The standard streams: taken over from libraries, written whole, and stderr that never blocks."""

from __future__ import annotations

import contextlib
import os
import queue
import threading

_ROOM = 1000  # texts; what comes while so many wait is dropped


def take_streams() -> tuple[int, int]:
    """Keep stdin and stdout for this program: descriptors to read from and to write to.

    What a library or a child process prints to stdout goes to stderr, and none of them reads stdin.
    """
    requests, replies = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return requests, replies


def write_all(descriptor: int, data: bytes) -> None:
    """``os.write`` until everything is written.

    Raises:
        OSError: the reader is gone.
    """
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(descriptor, view) :]
        except BlockingIOError:  # another process that has the pipe may set that flag
            os.set_blocking(descriptor, True)


def print_text(text: str, what: str) -> int:
    """Write ``text`` to stdout; the exit code, 1 if it cannot be written, which stderr tells.

    ``what``: the name of the text in that message.
    """
    try:
        write_all(1, text.encode())
    except OSError as error:
        STDERR.write(f"keyscan: {what} cannot be written: {error.strerror}\n")
        STDERR.drain(timeout=1.0)
        return 1
    return 0


def read_some(descriptor: int, count: int) -> bytes:
    """``os.read`` that waits for at least one byte; ``b""`` at the end.

    Raises:
        OSError: the descriptor cannot be read.
    """
    while True:
        try:
            return os.read(descriptor, count)
        except BlockingIOError:
            os.set_blocking(descriptor, True)


class StderrPrinter:
    """A text stream that never blocks and never fails; each ``write`` comes out in one piece."""

    def __init__(self, descriptor: int = 2) -> None:
        self._descriptor = descriptor
        self._queue: queue.Queue[str | None] = queue.Queue(_ROOM)
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def write(self, text: str) -> None:
        """Queue ``text``, or drop it if the reader is far behind."""
        with self._lock:
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="stderr", daemon=True)
                try:
                    thread.start()
                except RuntimeError:  # the system has no room for a thread
                    self._put(text)
                    return
                self._thread = thread
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
            self._put(text)

    def _put(self, text: str) -> None:
        with contextlib.suppress(OSError):  # there is no reader now
            write_all(self._descriptor, text.encode("utf-8", "backslashreplace"))


STDERR = StderrPrinter()
