"""Lines in, lines out: bytes only, in any locale, and never half a line."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator

from keyscan.analysis import Message
from keyscan.server.protocol import MAX_LINE_BYTES, OversizedLine, encode


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
    return text.strip(b" \t\r\n")  # what JSON calls whitespace


class LineWriter:
    """The one thread that writes: messages in the order of ``send``, heartbeats in between."""

    def __init__(
        self,
        write: Callable[[bytes], None],
        *,
        heartbeat_seconds: float,
        on_closed: Callable[[OSError], None],
    ) -> None:
        """``on_closed`` is called once, from the writing thread, when writing has failed."""
        self._write = write
        self._heartbeat_seconds = heartbeat_seconds
        self._on_closed = on_closed
        self._queue: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()

    def start(self, first: Message, on_first: Callable[[], object]) -> None:
        """Begin to write: ``first``, then what has been sent and will be.

        ``on_first`` is called, in the writing thread, when ``first`` is written. The first
        heartbeat comes one interval from now.
        """
        self._thread = threading.Thread(
            target=self._run, args=(encode(first), on_first), name="writer", daemon=True
        )
        self._thread.start()

    def send(self, message: Message) -> None:
        """Queue one message; returns at once."""
        self._queue.put(encode(message))

    def beat_every(self, seconds: float) -> None:
        """Change the time between heartbeats, from now on."""
        self._heartbeat_seconds = seconds
        self._queue.put(b"")  # it may wait for the next heartbeat of before

    def close(self) -> None:
        """Queue the end: what is queued before it will still be written."""
        self._queue.put(None)

    def join(self, timeout: float) -> bool:
        """Wait up to ``timeout`` seconds for the end; true once everything is written."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self, first: bytes, on_first: Callable[[], object]) -> None:
        next_heartbeat = time.monotonic() + self._heartbeat_seconds
        try:
            self._write(first)
            on_first()
            while True:
                try:
                    line = self._queue.get(timeout=max(0.0, next_heartbeat - time.monotonic()))
                except queue.Empty:
                    line = encode({"type": "heartbeat"})
                    next_heartbeat = time.monotonic() + self._heartbeat_seconds
                if line is None:
                    return
                if line:
                    self._write(line)
                else:
                    next_heartbeat = time.monotonic() + self._heartbeat_seconds
        except OSError as error:
            self._on_closed(error)
