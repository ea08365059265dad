"""Lines in, lines out: bytes only, whatever the locale, and never half a line."""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Callable, Iterator

from keyscan.serving.protocol import MAX_LINE_BYTES, Message, OversizedLine, encode


def read_lines(
    read: Callable[[int], bytes], limit: int = MAX_LINE_BYTES
) -> Iterator[bytes | OversizedLine]:
    """Split what ``read(n)`` returns (``b""`` at the end) into lines without their ends.

    Blank lines are left out. Of a line longer than ``limit`` bytes only its length is kept.
    """
    pending = bytearray()
    dropped = 0
    while chunk := read(1 << 16):
        *complete, rest = chunk.split(b"\n")
        for piece in complete:
            line = _line(bytes(pending) + piece, dropped, limit)
            pending.clear()
            dropped = 0
            if line:
                yield line
        pending += rest
        if len(pending) > limit:
            dropped += len(pending)
            pending.clear()
    if line := _line(bytes(pending), dropped, limit):
        yield line


def _line(text: bytes, dropped: int, limit: int) -> bytes | OversizedLine:
    if dropped + len(text) > limit:
        return OversizedLine(dropped + len(text))
    return text.strip()


def write_all(descriptor: int, data: bytes) -> None:
    """``os.write`` until everything is written.

    Raises:
        OSError: the reader is gone.
    """
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


class LineWriter:
    """The one thread that writes: messages in the order of ``send``, heartbeats in between."""

    def __init__(
        self,
        write: Callable[[bytes], None],
        *,
        heartbeat_seconds: float,
        on_closed: Callable[[], None],
    ) -> None:
        """``on_closed`` is called once, from the writing thread, when nobody reads any more."""
        self._write = write
        self._heartbeat_seconds = heartbeat_seconds
        self._on_closed = on_closed
        self._queue: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._thread.start()

    def send(self, message: Message) -> None:
        """Queue one message; returns at once."""
        self.send_line(encode(message))

    def send_line(self, line: bytes) -> None:
        """Queue a message that is encoded already."""
        self._queue.put(line)

    def close(self) -> None:
        """Queue the end: what is queued before it will still be written."""
        self._queue.put(None)

    def join(self, timeout: float) -> bool:
        """Wait up to ``timeout`` seconds for the end; true once everything is written."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        next_heartbeat = time.monotonic() + self._heartbeat_seconds
        try:
            while True:
                try:
                    line = self._queue.get(timeout=max(0.0, next_heartbeat - time.monotonic()))
                except queue.Empty:
                    line = encode({"type": "heartbeat"})
                    next_heartbeat = time.monotonic() + self._heartbeat_seconds
                if line is None:
                    return
                self._write(line)
        except OSError:
            self._on_closed()
