"""As many workers as there is work for, each with a thread of the server."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future

from keyscan.analysis.spectrogram import Features
from keyscan.serving.cache_messages import Known
from keyscan.serving.worker_process import Failure, Started, WorkerSettings
from keyscan.serving.workers import Worker, WorkerFailed

log = logging.getLogger(__name__)


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

    def run(
        self,
        worker: Worker,
        path: str,
        abandoned: threading.Event,
        settings: bytes | None = None,
        *,
        alone: bool = False,
    ) -> Features | Known | Failure:
        """``Worker.run`` with a second try for a process that had died of something else."""
        for _ in range(2):
            self.ensure_alive(worker)
            try:
                return worker.run(path, abandoned, settings, alone=alone)
            except WorkerFailed as error:
                failed = error
        return Failure("worker_failed", str(failed))

    def ensure_alive(self, worker: Worker) -> None:
        """Start the worker's process if there is none; log what fails and try again, twice.

        A process that has done or grown enough is replaced.
        """
        worker.recycle()
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
