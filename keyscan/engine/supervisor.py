"""One thread watches all busy workers: their time, their memory, and whether to go on."""

from __future__ import annotations

import contextlib
import logging
import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from keyscan.engine.messages import Stop, send
from keyscan.errors import AnalysisError, Cancelled, OutOfMemory, TimedOut
from keyscan.options import WorkerOptions

log = logging.getLogger(__name__)

_PERIOD = 0.05  # seconds between two looks at a busy worker
_END_SECONDS = 1.0
_STOP_SECONDS = 1.0  # for a decoder to end a cancelled file; it looks between blocks


class Watch:
    """One file in the hands of one worker process.

    ``verdict`` is why the supervisor has killed the process, None if it has not. ``accepted`` is
    to be set once the process has read its work: a message may be sent to it from then on.
    """

    def __init__(
        self,
        process: BaseProcess,
        connection: Connection,
        options: WorkerOptions,
        cancelled: threading.Event,
    ) -> None:
        self.verdict: AnalysisError | None = None
        self.accepted = False
        self._process, self._connection = process, connection
        self._options, self._cancelled = options, cancelled
        self._start, self._timeout = time.monotonic(), options.timeout
        self._stop_deadline: float | None = None
        self._stop_sent = False

    def opened(self, seconds: float) -> None:
        """The file holds so many seconds of sound: a long one has more time from its start on."""
        self._timeout = self._options.timeout_for(seconds)

    def look(self) -> None:
        """Kill the process if it has had its time or memory; ask it to stop if cancelled."""
        if self.verdict is not None:
            return
        now = time.monotonic()
        if self._cancelled.is_set() and self._stop_deadline is None:
            self._stop_deadline = now + _STOP_SECONDS
        stopping = self._stop_deadline is not None
        if stopping and self.accepted and not self._stop_sent:
            self._stop_sent = True  # the pipe has room: the process has read its work
            with contextlib.suppress(OSError):
                send(self._connection, Stop())
        if now > min(self._start + self._timeout, self._stop_deadline or math.inf):
            seconds = f"{self._timeout:.1f}".removesuffix(".0")
            text = f"no answer within {seconds} seconds; the file is given up"
            self.verdict = Cancelled() if stopping else TimedOut(text)
        elif resident_bytes(self._process.pid or 0) > self._options.memory_limit:
            self.verdict = out_of_memory(self._options)
        if self.verdict is not None:
            self._process.kill()


def out_of_memory(options: WorkerOptions) -> OutOfMemory:
    """What is said of a file whose decoder needs too much."""
    size = options.memory_limit >> 20
    return OutOfMemory(f"the decoder needs more than {size} MiB for this file")


class Supervisor:
    """Looks at every watch twenty times a second while there is one; sleeps otherwise."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._watches: set[Watch] = set()
        self._thread: threading.Thread | None = None
        self._closed = False

    @contextmanager
    def watching(self, watch: Watch) -> Iterator[None]:
        """Watch while the block runs; after it, the process is not killed any more."""
        with self._changed:
            self._watches.add(watch)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)
                self._thread.start()
            self._changed.notify()
        try:
            yield
        finally:
            with self._changed:
                self._watches.remove(watch)

    def close(self) -> None:
        """End the thread, once nothing is watched."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(_END_SECONDS)  # a file that does not end is watched for ever

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._watches or self._closed)
                if self._closed and not self._watches:
                    return
            time.sleep(_PERIOD)  # not on the condition: a file of milliseconds wakes no thread
            with self._changed:
                for watch in self._watches:
                    try:
                        watch.look()
                    except Exception:  # one worker must not end the watch over the others
                        log.exception("a worker process could not be watched")


def resident_bytes(pid: int) -> int:
    """The physical memory that a process has; 0 if the system does not tell, or it is gone."""
    import psutil  # takes 30 ms, and workers do without it

    try:
        return int(psutil.Process(pid).memory_info().rss)
    except (psutil.Error, OSError):  # no file can be opened any more
        return 0
