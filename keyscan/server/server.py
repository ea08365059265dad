"""The long-lived process: requests from one stream, replies to another, files to the workers."""

from __future__ import annotations

import contextlib
import errno
import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING

from keyscan import __version__
from keyscan.cache.messages import Identified, Known
from keyscan.cache.record import Record, decode_record, encode_record
from keyscan.engine.pool import WorkerPool
from keyscan.engine.worker import Worker
from keyscan.engine.worker_process import Failure
from keyscan.errors import BadRequest
from keyscan.keys import KeyStyle
from keyscan.model.checkpoint import KeyModel
from keyscan.model.estimate import estimate_key
from keyscan.server.profiling import failure_table, file_table
from keyscan.server.protocol import (
    PROTOCOL_VERSION,
    Analyze,
    Cancel,
    Message,
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
from keyscan.spectrogram.constant_q import Features
from keyscan.stages import Stages
from keyscan.stdio import STDERR

if TYPE_CHECKING:
    from keyscan.cache.store import ResultStore  # and with it sqlite3

log = logging.getLogger(__name__)

_NOBODY_READS = (errno.EPIPE, errno.ECONNRESET, errno.EINVAL)  # the last: Windows
_ORPHAN_SECONDS = 1.0  # behind the end of the input: whether anybody listens, a write tells
_LAST_WORDS_SECONDS = 1.0  # for a client that is told to stop and does not read
_LAST_ROWS_SECONDS = 5.0  # for a cache that somebody has locked at the end of the input


@dataclass(frozen=True)
class ServerSettings:
    """``heartbeat`` is in seconds."""

    style: KeyStyle
    heartbeat: float
    profile: bool


@dataclass(frozen=True)
class _Taken:
    """A job that a worker is done with; ``since`` is when it took it."""

    job: Job
    outcome: Features | Known | Failure
    since: float


class Server:
    """Ties reader, scheduler, workers, model and writer together; ``run`` is its whole life.

    Threads: the caller's waits for the end, so that a signal is acted on at once; one reads, one
    writes, one runs the model, and each worker process has one.
    """

    def __init__(
        self,
        model: KeyModel,
        pool: WorkerPool,
        settings: ServerSettings,
        *,
        read: Callable[[int], bytes],
        write: Callable[[bytes], None],
        store: ResultStore | None = None,
    ) -> None:
        """``read(n)`` gives up to ``n`` bytes of requests, ``write`` takes whole reply lines.

        ``store`` is the cache that the workers of the pool look into; ``run`` closes it.
        """
        self._model = model
        self._store = store
        self._pool = pool
        self._settings = settings
        self._read = read
        self._inbox: queue.SimpleQueue[_Taken] = queue.SimpleQueue()
        # a slow model must not let spectrograms pile up
        self._inbox_room = threading.Semaphore(2 * pool.size)
        self._done = False
        self._stopped = False
        self._wake_up: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._output_error: OSError | None = None
        self._writer = LineWriter(
            write, heartbeat_seconds=settings.heartbeat, on_closed=self._output_closed
        )
        self._scheduler = Scheduler(self._writer.send)

    def run(self) -> None:
        """Say ``ready``, then answer until the input ends and all is answered, or until ``stop``.

        Raises:
            OSError: replies could not be written, for another reason than that nobody reads.
        """
        self._pool.open(self._serve)
        self._writer.send(self._ready())
        self._writer.start()
        for work in (self._read_requests, self._answer_all, self._end_when_done):
            threading.Thread(target=work, name=work.__name__, daemon=True).start()
        while not self._done:
            with contextlib.suppress(queue.Empty):
                self._wake_up.get(timeout=1.0)  # so that Ctrl-C is noticed on Windows too
        self._pool.kill()
        self._writer.close()
        while not self._writer.join(_LAST_WORDS_SECONDS) and not self._stopped:
            continue  # the client reads slowly
        if self._store is not None:
            self._store.close(_LAST_WORDS_SECONDS if self._stopped else _LAST_ROWS_SECONDS)
        if self._output_error is not None and self._output_error.errno not in _NOBODY_READS:
            raise self._output_error

    def stop(self) -> None:
        """End now, without answering what is queued; safe in any thread and signal handler."""
        self._stopped = self._done = True
        self._wake_up.put(None)

    def _output_closed(self, error: OSError) -> None:
        self._output_error = error
        self.stop()

    def _ready(self) -> Message:
        return {
            "type": "ready",
            "version": __version__,
            "protocol": PROTOCOL_VERSION,
            "model": self._model.info.name,
            "workers": self._pool.size,
            "generation": self._scheduler.generation,
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
            self._writer.beat_every(min(self._settings.heartbeat, _ORPHAN_SECONDS))
            self._scheduler.close()

    def _handle(self, line: bytes | OversizedLine) -> None:
        try:
            match parse(line):
                case Analyze() as request:
                    if self._scheduler.submit(request):
                        self._pool.grow()
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

    def _serve(self, worker: Worker) -> None:
        """A worker thread's life."""
        while not self._done:
            self._pool.ensure_alive(worker)
            with self._pool.spare(worker):
                job = self._scheduler.next_job()
            if job is None:
                return
            since = time.perf_counter()
            path = job.request.path
            settings = None if self._store is None else self._store.settings
            try:
                outcome = self._pool.run(worker, path, job.abandoned, settings, alone=job.alone)
            except Exception as error:
                log.exception("a worker thread failed on %r", path)
                outcome = Failure("internal_error", f"{type(error).__name__}: {error}")
            self._inbox_room.acquire()
            self._inbox.put(_Taken(job, outcome, since))

    def _answer_all(self) -> None:
        """The life of the thread that runs the model."""
        while True:
            self._answer(self._inbox.get())
            self._inbox_room.release()

    def _answer(self, taken: _Taken) -> None:
        """Exactly one reply for a job, whatever happens."""
        job, outcome, stages = taken.job, taken.outcome, Stages()
        if not isinstance(outcome, Failure):
            stages.seconds.update(outcome.seconds)
            if job.abandoned.is_set():
                outcome = Failure("cancelled", "cancelled")
            else:
                try:
                    reply = self._success(job, outcome, stages)
                except Exception as error:
                    log.exception("the model failed on %r", job.request.path)
                    outcome = Failure("internal_error", f"{type(error).__name__}: {error}")
        if isinstance(outcome, Failure):
            reply = failure(job.request, job.generation, outcome.code, outcome.message)
        with stages.measure("format_output"):
            self._scheduler.finish(job, reply)
        if self._settings.profile and not job.abandoned.is_set():
            name, total = PurePath(job.request.path).name, time.perf_counter() - taken.since
            if isinstance(outcome, Failure):
                STDERR.write(failure_table(name, outcome.code, total))
            else:
                STDERR.write(file_table(name, stages.seconds, total))

    def _success(self, job: Job, outcome: Features | Known, stages: Stages) -> Message:
        if isinstance(outcome, Known):
            record = decode_record(outcome.record)
        else:
            # what is kept answers later requests too, whatever they ask for
            timeline = job.request.timeline or self._store is not None
            until = outcome.duration if timeline else None
            estimate = estimate_key(self._model, outcome.spectrogram, stages, timeline_until=until)
            record = Record(estimate, outcome.duration, outcome.warnings)
        if self._store is not None:
            with stages.measure("cache"):
                _keep(self._store, outcome, record)
        with stages.measure("format_output"):
            return success(
                job.request,
                job.generation,
                record.estimate,
                style=self._settings.style,
                duration=record.duration,
                warnings=[asdict(warning) for warning in record.warnings],
                cached=isinstance(outcome, Known),
            )


def _keep(store: ResultStore, outcome: Features | Known, record: Record) -> None:
    if isinstance(outcome, Identified):
        store.keep(outcome.digest, outcome.file, encode_record(record))
    elif isinstance(outcome, Known) and outcome.file is not None:
        store.keep_file(outcome.file)
