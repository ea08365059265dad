"""Child processes that decode files, and can die of it without taking anybody along.

A worker thread of the server owns one process: it hands it a path, and waits for features, the
end of the process, or the end of its patience.
"""

from __future__ import annotations

import logging
import multiprocessing
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection

from keyscan.analysis.spectrogram import CqtEngine, Features
from keyscan.serving.pipe import receive, send
from keyscan.serving.worker_process import Failure, Started, Stop, Taken, Work, worker_main

log = logging.getLogger(__name__)

_START_SECONDS = 60.0  # a cold disk and a virus scanner can take a long time over the imports
_STOP_SECONDS = 1.0  # a decoder looks for the stop between blocks, far more often than that
_POLL_SECONDS = 0.05


class WorkerFailed(Exception):
    """A worker process could not be started."""


@dataclass(frozen=True)
class WorkerSettings:
    """``timeout`` is in seconds per file."""

    cqt: CqtEngine
    timeout: float


class Worker:
    """One decoding process at a time, started anew after a crash or a timeout."""

    def __init__(self, settings: WorkerSettings) -> None:
        self._settings = settings
        self._process: multiprocessing.process.BaseProcess | None = None
        self._connection: Connection | None = None
        self._spawning = threading.Lock()
        self._closed = False

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.is_alive()

    def start(self) -> Started:
        """Start the process and wait until it has warmed up.

        Raises:
            WorkerFailed: it died or stayed silent.
        """
        self._forget()
        context = multiprocessing.get_context("spawn")
        reason = f"it said nothing for {_START_SECONDS:g} seconds"
        try:
            self._connection, theirs = context.Pipe()
            self._process = context.Process(
                target=worker_main, args=(theirs, self._settings.cqt), name="decoder", daemon=True
            )
            with self._spawning, _ctrl_c_blocked():  # the child inherits that
                if self._closed:
                    raise WorkerFailed("the server is ending")
                self._process.start()
            theirs.close()
            if self._connection.poll(_START_SECONDS):
                started: Started = receive(self._connection)
                return started
        except EOFError:
            reason = self._fate()
        except OSError as error:
            reason = str(error)
        self._forget()
        raise WorkerFailed(f"a decoding process could not be started: {reason}")

    def run(self, path: str, abandoned: threading.Event) -> Features | Failure:
        """Analyse one file; ends early, with any answer, once ``abandoned`` is set.

        Raises:
            WorkerFailed: the process had died before it took the file.
        """
        connection = self._connection
        if connection is None:
            raise WorkerFailed("no decoding process could be started")
        taken = stop_sent = False
        deadline = time.monotonic() + self._settings.timeout
        try:
            send(connection, Work(path))
            while True:
                if connection.poll(_POLL_SECONDS):
                    answer = self._receive(connection, deadline)
                    if not isinstance(answer, Taken):
                        return answer
                    taken = True
                now = time.monotonic()
                if now > deadline:
                    return self._give_up(stop_sent)
                if abandoned.is_set() and not stop_sent:
                    send(connection, Stop())
                    stop_sent, deadline = True, min(deadline, now + _STOP_SECONDS)
        except (OSError, EOFError):
            if time.monotonic() > deadline:
                return self._give_up(stop_sent)
            fate = self._fate()
        except Exception as error:  # a decoder gone mad can send anything
            fate = f"it sent no sensible answer: {error!r}"
        self._forget()
        if not taken:
            raise WorkerFailed(f"the decoding process died before it took the file: {fate}")
        return Failure("decoder_crashed", f"the decoder died of this file: {fate}")

    def close(self) -> None:
        """End the process at once, and start no other; may be called from any thread."""
        self._closed = True
        with self._spawning:  # a process killed half-way through its start would complain
            self._kill()

    def _kill(self) -> None:
        process = self._process
        if process is not None and process.pid:
            process.kill()

    def _receive(self, connection: Connection, deadline: float) -> Taken | Features | Failure:
        """Read the answer that has begun; a process that stalls halfway is killed in time."""
        guard = threading.Timer(max(0.0, deadline - time.monotonic()), self._kill)
        guard.daemon = True
        guard.start()
        try:
            answer: Taken | Features | Failure = receive(connection)
        finally:
            guard.cancel()
        return answer

    def _give_up(self, stop_sent: bool) -> Failure:
        self._forget()
        if stop_sent:
            return Failure("cancelled", "cancelled")
        seconds = self._settings.timeout
        return Failure("timeout", f"no answer within {seconds:g} seconds; the file is given up")

    def _forget(self) -> None:
        """Let go of the process, which must not be left running."""
        self._kill()
        self._fate()
        if self._connection is not None:
            self._connection.close()
        self._process = self._connection = None

    def _fate(self) -> str:
        """Wait for the end of the process, which is dying, and tell what it dies of."""
        process = self._process
        if process is None or not process.pid:
            return "it was never started"
        process.join(_STOP_SECONDS)
        if process.exitcode is None:
            process.kill()
            process.join(_STOP_SECONDS)
        code = process.exitcode
        if code is None:
            return "it does not end"
        if -code in set(signal.Signals):
            return f"signal {signal.Signals(-code).name}"
        return f"exit code {code}"


@contextmanager
def _ctrl_c_blocked() -> Iterator[None]:
    """Keep SIGINT away from a child from its first instruction on, where the system can."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class WorkerPool:
    """Threads, each with a worker of its own; more of them when there is more to do."""

    def __init__(
        self, size: int, settings: WorkerSettings, on_started: Callable[[Started], None]
    ) -> None:
        """``on_started`` is told of every process that has warmed up."""
        self.size = size
        self._settings = settings
        self._on_started = on_started
        first = Worker(settings)
        self._workers = [first]
        self._lock = threading.Lock()
        self._closed = False
        self._serve: Callable[[Worker], None] | None = None
        # the first process starts while the caller imports torch
        self._first: Future[Worker] = Future()
        threading.Thread(target=self._start_first, args=(first,), daemon=True).start()

    def wait_for_first(self) -> None:
        """Return once a worker waits for files.

        Raises:
            WorkerFailed: not even one worker could be started.
        """
        self._first.result()

    def open(self, serve: Callable[[Worker], None]) -> None:
        """From now on ``serve`` is what every worker's thread runs."""
        self._serve = serve
        self._run_thread(self._first.result())

    def grow(self) -> None:
        """Add a worker if there are fewer than allowed."""
        if len(self._workers) < self.size:
            worker = Worker(self._settings)
            with self._lock:
                self._workers.append(worker)
            self._run_thread(worker)

    def kill(self) -> None:
        """End all processes at once, and start no other."""
        self._closed = True
        with self._lock:
            for worker in self._workers:
                worker.close()

    def run(self, worker: Worker, path: str, abandoned: threading.Event) -> Features | Failure:
        """``Worker.run`` with a second try for a process that had died of something else."""
        for _ in range(2):
            self.ensure_alive(worker)
            try:
                return worker.run(path, abandoned)
            except WorkerFailed as error:
                failed = error
        return Failure("worker_failed", str(failed))

    def ensure_alive(self, worker: Worker) -> None:
        """Start the worker's process if there is none; log what fails and try again, twice."""
        for pause in (0.0, 0.5, 2.0):
            if worker.alive or self._closed:
                return
            time.sleep(pause)
            try:
                self._on_started(worker.start())
            except WorkerFailed as error:
                if not self._closed:
                    log.warning("%s", error)

    def _start_first(self, worker: Worker) -> None:
        try:
            self._on_started(worker.start())
            self._first.set_result(worker)
        except BaseException as error:
            self._first.set_exception(error)

    def _run_thread(self, worker: Worker) -> None:
        assert self._serve is not None
        threading.Thread(target=self._serve, args=(worker,), name="worker", daemon=True).start()
