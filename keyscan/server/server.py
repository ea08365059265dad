"""Requests from one stream, replies to another, in between the engine."""

from __future__ import annotations

import contextlib
import errno
import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from keyscan import __version__
from keyscan.analysis import Analysis, Message
from keyscan.engine.engine import Engine
from keyscan.engine.task import Outcome
from keyscan.errors import BadRequest
from keyscan.keys import NOTATIONS, SPELLINGS
from keyscan.locations import meant_path
from keyscan.options import ServeOptions
from keyscan.runtime import file_table, profiling_enabled
from keyscan.server.protocol import (
    FEATURES,
    PROTOCOL_VERSION,
    Analyze,
    Cancel,
    OversizedLine,
    Ping,
    Reset,
    failure,
    parse,
    rejection,
    success,
)
from keyscan.server.scheduler import Job, Scheduler
from keyscan.server.streams import LineWriter, read_lines
from keyscan.stdio import STDERR

if TYPE_CHECKING:
    from keyscan.model.checkpoint import ModelInfo  # and with it torch

log = logging.getLogger(__name__)

READY_TEXT = "Server ready\n"
"""On stderr, for clients of the analyzer whose protocol this is: they wait for it."""

_CLIENT_GONE = (errno.EPIPE, errno.ECONNRESET, errno.EINVAL)  # the last: Windows
_ORPHAN_SECONDS = 1.0  # between heartbeats after the input has ended: they tell if the client lives
_LAST_WORDS_SECONDS = 1.0  # for a client that does not read while the server stops
_LAST_ROWS_SECONDS = 5.0  # for a locked cache when the input has ended


class Server:
    """Ties reader, scheduler, engine and writer together: ``listen``, ``start``, ``wait``.

    Threads: the caller's waits for the end, so that a signal is acted on at once; one reads, one
    writes, and the engine has its own.
    """

    def __init__(
        self,
        engine: Engine,
        options: ServeOptions,
        *,
        read: Callable[[int], bytes],
        write: Callable[[bytes], None],
    ) -> None:
        """``read(n)`` gives up to ``n`` bytes of requests, ``write`` takes whole reply lines.

        ``wait`` ends ``engine``.
        """
        self._engine = engine
        self._options = options
        self._profiles = profiling_enabled()
        self._read = read
        self._done = False
        self._stopped = False
        self._wake_up: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._output_error: OSError | None = None
        self._writer = LineWriter(
            write, heartbeat_seconds=options.heartbeat, on_closed=self._output_closed
        )
        self._scheduler = Scheduler(self._writer.send, options.effort)

    def listen(self) -> None:
        """Take requests, and decode their files while the engine loads; write nothing.

        Raises:
            RuntimeError: the system has no room for a thread.
        """
        self._engine.serve(self._scheduler.next_job, self._answer)
        for work in (self._read_requests, self._end_when_done):
            threading.Thread(target=work, name=work.__name__, daemon=True).start()

    def start(self, model: ModelInfo) -> None:
        """Write ``ready``, then the replies; the engine has loaded its ``model``.

        Raises:
            RuntimeError: the system has no room for a thread; nothing has been written.
        """
        self._writer.start(self._ready(model), lambda: STDERR.write(READY_TEXT))

    def wait(self) -> None:
        """Wait until the input has ended and all is answered, or until ``stop``.

        Raises:
            OSError: replies could not be written, though the client still reads.
        """
        while not self._done:
            with contextlib.suppress(queue.Empty):
                self._wake_up.get(timeout=1.0)  # so that Ctrl-C is noticed on Windows too
        self._engine.kill()
        self._writer.close()
        while not self._writer.join(_LAST_WORDS_SECONDS) and not self._stopped:
            continue  # the client reads slowly
        self._engine.close(_LAST_WORDS_SECONDS if self._stopped else _LAST_ROWS_SECONDS)
        if self._output_error is not None and self._output_error.errno not in _CLIENT_GONE:
            raise self._output_error

    def stop(self) -> None:
        """End now, without answering what is queued; safe in any thread and signal handler."""
        self._stopped = self._done = True
        self._wake_up.put(None)

    def _output_closed(self, error: OSError) -> None:
        self._output_error = error
        self.stop()

    def _ready(self, model: ModelInfo) -> Message:
        return {
            "type": "ready",
            "version": __version__,
            "protocol": PROTOCOL_VERSION,
            "model": model.name,
            "workers": self._engine.size,
            "generation": 0,  # a reset that has been read already is answered later
            "features": list(FEATURES),
            "notations": list(NOTATIONS),
            "spellings": list(SPELLINGS),
        }

    def _end_when_done(self) -> None:
        self._scheduler.wait_until_done()
        self._done = True
        self._wake_up.put(None)

    def _read_requests(self) -> None:
        try:
            for line in read_lines(self._read):
                self._handle(line)
        except OSError as error:
            log.warning("stdin cannot be read any more: %s", error)
        finally:
            self._writer.beat_every(min(self._options.heartbeat, _ORPHAN_SECONDS))
            self._scheduler.close()

    def _handle(self, line: bytes | OversizedLine) -> None:
        try:
            match parse(line):
                case Analyze() as request:
                    if self._scheduler.submit(request):
                        self._engine.grow()
                case Reset():
                    self._scheduler.reset()
                case Cancel() as request:
                    self._scheduler.cancel(request)
                case Ping() as request:
                    self._scheduler.ping(request)
        except BadRequest as error:
            self._writer.send(rejection(error, self._scheduler.generation))
        except Exception:
            log.exception("a request could not be handled")
            unknown = BadRequest("the line could not be handled; the log has the details")
            self._writer.send(rejection(unknown, self._scheduler.generation))

    def _answer(self, job: Job, outcome: Outcome) -> None:
        """Exactly one reply for a job."""
        start, result = time.perf_counter(), outcome.result
        if isinstance(result, Analysis):
            result = replace(result, path=meant_path(result.path))  # whose disk has just answered
            reply = success(job.request, job.generation, result, self._options.style)
        else:
            reply = failure(job.request, job.generation, result)
        self._scheduler.finish(job, reply)
        if self._profiles and not job.cancelled.is_set():
            STDERR.write(file_table(job.path, outcome, time.perf_counter() - start))
