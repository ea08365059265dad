"""As many workers as there is work for, each with a thread of the server."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractContextManager
from functools import partial

from keyscan.cache.messages import Known
from keyscan.engine.assembly import Gathering
from keyscan.engine.sharing import Helper, SharedFile
from keyscan.engine.spares import Spares
from keyscan.engine.worker import Worker
from keyscan.engine.worker_process import Failure, Started, Work, WorkerSettings
from keyscan.errors import WorkerFailed
from keyscan.runtime import usable_cores
from keyscan.spectrogram.constant_q import Features
from keyscan.spectrogram.pieces import SHORTEST_SECONDS, Piece

log = logging.getLogger(__name__)

_MOST_HANDS = 4  # opening, finding one's place and the model are not shared: more gain little


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
        self._spares = Spares()
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
        with self._lock:
            if len(self._workers) >= self.size:
                return
            worker = Worker(self._settings)
            self._workers.append(worker)
        self._run_thread(worker)

    def kill(self) -> None:
        """End all processes at once, and start no other."""
        self._closed = True
        with self._lock:
            for worker in self._workers:
                worker.close()

    def spare(self, worker: Worker) -> AbstractContextManager[None]:
        """While the block runs, the worker may decode a piece of another one's file."""
        return self._spares.offered(worker)

    def run(
        self,
        worker: Worker,
        path: str,
        abandoned: threading.Event,
        settings: bytes | None = None,
        *,
        alone: bool = False,
    ) -> Features | Known | Failure:
        """Analyse one file, with a second try for a process that had died of something else.

        It ends early, with any answer, once ``abandoned`` is set. With ``settings``, which a record
        must be of, the features are ``Identified`` or the file is ``Known``, where possible.
        ``alone``: no other file is being worked on, so that idle cores may help with this one.
        """
        for _ in range(2):
            self.ensure_alive(worker)
            most = min(usable_cores(), self.size, _MOST_HANDS)
            hands = min(1 + self._spares.count(), most) if alone else 1
            shared = SharedFile(partial(self._lend, path), worker.relieve)
            try:
                answer = worker.run(Work(path, settings, alone, hands), abandoned, shared)
            except WorkerFailed as error:
                failed = error
                continue
            finally:
                shared.close()
            if alone and hands < most and _is_long(answer):
                self.grow()  # the next one will be done sooner
            return answer
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

    def _lend(
        self, path: str, piece: Piece, gathering: Gathering, on_failure: Callable[[], None]
    ) -> Helper | None:
        """See ``sharing.Lend``."""
        loan = self._spares.borrow()
        if loan is None:
            return None

        ended = threading.Event()

        def decode() -> None:
            answer = None
            try:
                answer = loan.worker.run(Work(path, piece=piece), loan.wanted_back, gathering)
            except WorkerFailed as error:
                log.warning("%s", error)
            finally:
                ended.set()
                if not isinstance(answer, Features):
                    on_failure()
                try:
                    self.ensure_alive(loan.worker)  # its owner sleeps, and others may need it
                finally:
                    self._spares.give_back(loan)

        try:
            threading.Thread(target=decode, name="piece", daemon=True).start()
        except RuntimeError:  # no room for one
            self._spares.give_back(loan)
            return None
        return Helper(partial(self._spares.recall, loan), ended.wait)

    def _start_first(self, worker: Worker) -> None:
        try:
            self._on_started(worker.start())
            self._first.set_result(worker)
        except BaseException as error:
            self._first.set_exception(error)

    def _run_thread(self, worker: Worker) -> None:
        assert self._serve is not None
        threading.Thread(target=self._serve, args=(worker,), name="worker", daemon=True).start()


def _is_long(answer: Features | Known | Failure) -> bool:
    return isinstance(answer, Features) and answer.duration >= 2 * SHORTEST_SECONDS
