"""Paths in, ``Analysis`` out: worker processes decode files, one thread runs the model."""

from __future__ import annotations

import gc
import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from keyscan.analysis import Analysis
from keyscan.cache.lookup import Known
from keyscan.engine.messages import Work
from keyscan.engine.supervisor import Supervisor
from keyscan.engine.task import Outcome, Task
from keyscan.engine.worker import Worker
from keyscan.errors import AnalysisError, InternalError, StartFailed, WorkerFailed
from keyscan.options import EngineOptions
from keyscan.runtime import give_back_freed_memory, keep_freed_memory
from keyscan.spectrogram.constant_q import Features

if TYPE_CHECKING:  # torch
    from keyscan.engine.answers import Answers
    from keyscan.model.checkpoint import ModelInfo

log = logging.getLogger(__name__)

_START_PAUSES = (0.0, 0.5, 2.0)  # seconds before each try to start a worker process

AnyTask = TypeVar("AnyTask", bound=Task)
_Found = Features | Known | AnalysisError
_Verdict = Future[bool]  # whether the parts of a track were certain


class Engine:
    """As many worker processes as there is work for, each with a thread of this process.

    ``Engine(...)`` starts the first worker process. ``load()`` and ``serve()`` may come in either
    order: with ``serve()`` first, files are decoded while torch is imported. ``kill()`` and
    ``close()`` end it. In a program that goes on without it, ``join()`` comes after ``kill()``.
    """

    def __init__(
        self,
        options: EngineOptions,
        on_startup: Callable[[str, float], object],
        *,
        embedded: bool = False,
    ) -> None:
        """``on_startup`` gets the name and the seconds of each part of the start.

        ``embedded``: the program is not ours. torch's threads and the memory of the program stay
        as they are, and ``load`` gives torch one core in the thread that calls it.

        Raises:
            NoCache: there can be no cache at the path that the options name.
        """
        self.size = options.workers
        self._embedded = embedded
        self._options = options
        self._on_startup = on_startup
        self._database = None
        if options.cache is not None:
            from keyscan.cache.store import open_database  # and with it sqlite3

            self._database = open_database(options.cache)
        self._answers: Answers
        self._supervisor = Supervisor()
        self._lock = threading.RLock()  # a signal handler may interrupt its owner
        self._workers: list[Worker] = []
        self._threads: list[threading.Thread] = []
        self._working = 0  # threads of workers
        self._killed = False
        self._run_worker: Callable[[Worker], None] | None = None
        self._first: Future[None] = Future()
        self._loaded: Future[None] = Future()
        first = self._new_worker()
        self._start_thread("first worker", partial(self._start_first, first))

    def load(self) -> ModelInfo:
        """Load and warm up the model, and wait for the first worker process.

        Raises:
            StartFailed: the model cannot be used, or no worker process can be started.
        """
        start = time.perf_counter()

        def measured(name: str) -> None:
            nonlocal start
            now = time.perf_counter()
            self._on_startup(name, now - start)
            start = now

        if not self._embedded:
            gc.disable()  # while torch is imported, it would search ever more and find nothing
        from keyscan.model import network  # noqa: F401 - imports torch

        measured("import torch")
        from keyscan.engine.answers import Answers
        from keyscan.model.checkpoint import configure_torch, load_model
        from keyscan.model.own_thread import use_one_core

        measured("other imports")
        settings = self._options.model
        if self._embedded:
            use_one_core()
        else:
            configure_torch(settings)
        model = load_model(settings.path, settings.device)
        measured("model load")
        if not self._embedded:
            keep_freed_memory()
        model.warm_up()
        if not self._embedded:
            gc.freeze()  # what is loaded stays: later collections pass over it
            gc.enable()
        give_back_freed_memory()
        measured("warm-up")
        store = None
        if self._database is not None:
            from keyscan.cache.store import ResultStore, settings_digest

            digest = settings_digest(
                model.info.sha256, model.device.type, settings.precision, self._options.worker.cqt
            )
            store = ResultStore(self._database, digest)
        self._answers = Answers(model, store)
        try:
            self._first.result()
        except WorkerFailed as error:
            raise StartFailed(str(error)) from error
        self._loaded.set_result(None)
        return model.info

    def serve(
        self,
        next_task: Callable[[], AnyTask | None],
        on_done: Callable[[AnyTask, Outcome], None],
    ) -> None:
        """Start to work; returns at once.

        Args:
            next_task: waits for a task; None: there will be no other. Worker threads call it.
            on_done: is called once for each task, by the model's thread, after ``load``; it must
                not raise.
        """
        inbox: queue.Queue[tuple[AnyTask, _Found, float, _Verdict | None] | None]
        inbox = queue.Queue(2 * self.size)  # bounds the spectrograms

        def run_worker(worker: Worker) -> None:
            try:
                while not self._killed:
                    if self._first.done() and not self._first.exception():
                        self._ensure_alive(worker)
                    task = next_task()
                    if task is None or self._first.exception():  # which ``load`` raises
                        return
                    since = time.perf_counter()
                    found = self._decode(worker, task)
                    if isinstance(found, Features) and found.analysed_seconds is not None:
                        verdict = _Verdict()
                        inbox.put((task, found, since, verdict))
                        if verdict.result():
                            continue
                        found = _with_time(self._decode(worker, task, found), found.seconds)
                    inbox.put((task, found, since, None))
            finally:
                with self._lock:
                    self._working -= 1
                    is_last = not self._working
                if is_last:
                    inbox.put(None)

        def run_model() -> None:
            if self._embedded:
                from keyscan.model.own_thread import use_one_core

                use_one_core()
            self._loaded.result()
            while (item := inbox.get()) is not None:
                task, found, since, verdict = item
                outcome = None if self._killed else self._answers.outcome(task, found, since)
                if outcome is not None:
                    on_done(task, outcome)
                if verdict is not None:
                    verdict.set_result(self._killed or outcome is not None)

        self._run_worker = run_worker
        self._start_thread("model", run_model)
        self._work(self._workers[0])

    def grow(self) -> None:
        """Add a worker if there are fewer than allowed."""
        with self._lock:
            if len(self._workers) >= self.size:
                return
            worker = self._new_worker()
        try:
            self._work(worker)
        except RuntimeError:  # the system has no room for a thread: the other workers go on
            self._workers.remove(worker)

    def kill(self) -> None:
        """End all processes at once; no task is answered any more. For any thread."""
        self._killed = True
        with self._lock:
            for worker in self._workers:
                worker.close()

    def join(self, timeout: float) -> None:
        """After ``kill``, wait for the end of all threads and processes, ``timeout`` at most.

        ``next_task`` must return None from now on.
        """
        deadline = time.monotonic() + timeout
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(max(deadline - time.monotonic(), 0))
        for worker in self._workers:
            worker.end()
        self._supervisor.close()

    def close(self, timeout: float) -> None:
        """Write what the cache still has to keep, in ``timeout`` seconds at most."""
        if self._loaded.done():
            self._answers.close(timeout)

    def keep_again(self, analysis: Analysis, stream: int | None) -> None:
        """See ``Answers``."""
        self._answers.keep_again(analysis, stream)

    def _new_worker(self) -> Worker:
        cache = None if self._database is None else self._database.path
        worker = Worker(self._options.worker, cache, self._supervisor)
        self._workers.append(worker)
        return worker

    def _start_first(self, worker: Worker) -> None:
        try:
            self._start(worker)
            self._first.set_result(None)
        except BaseException as error:
            self._first.set_exception(error)

    def _start(self, worker: Worker) -> None:
        started = worker.start()
        self._on_startup("worker imports", started.import_seconds)
        self._on_startup("worker warm-up", started.warm_up_seconds)

    def _work(self, worker: Worker) -> None:
        assert self._run_worker is not None
        with self._lock:
            self._working += 1
        try:
            self._start_thread("worker", partial(self._run_worker, worker))
        except RuntimeError:
            with self._lock:
                self._working -= 1
            raise

    def _start_thread(self, name: str, run: Callable[[], object]) -> None:
        thread = threading.Thread(target=run, name=name, daemon=True)
        thread.start()
        self._threads.append(thread)

    def _ensure_alive(self, worker: Worker) -> None:
        """Start the worker's process if there is none, or if it is to be replaced."""
        worker.recycle()
        for pause in _START_PAUSES:
            if worker.alive or self._killed:
                return
            time.sleep(pause)
            try:
                self._start(worker)
            except WorkerFailed as error:
                if not self._killed:
                    log.warning("%s", error)

    def _decode(self, worker: Worker, task: Task, uncertain: Features | None = None) -> _Found:
        """What the worker's process makes of a task; tried twice if the process was dead.

        ``uncertain``: of stretches; the whole is wanted now.
        """
        settings: tuple[bytes, ...] = ()
        mean_only = False
        if self._database is not None or self._options.model.path is not None:
            self._loaded.result()  # else they are those of the packaged model without a cache
            settings = self._answers.settings_of(task, whole=uncertain is not None)
            mean_only = self._answers.mean_only
        work = Work(
            task.path,
            settings,
            task.spectrogram,
            task.stream,
            mean_only=mean_only,
            in_parts=task.in_parts,
            stretches=uncertain,
        )
        try:
            try:
                return worker.run(work, task.cancelled)
            except WorkerFailed:
                self._ensure_alive(worker)
                return worker.run(work, task.cancelled)
        except AnalysisError as error:
            return error
        except Exception as error:
            log.exception("a worker thread failed on %r", task.path)
            return InternalError(f"{type(error).__name__}: {error}")


def _with_time(found: _Found, spent: Mapping[str, float]) -> _Found:
    """``found`` with the seconds, by stage, that were spent before."""
    if not isinstance(found, AnalysisError):
        for stage, seconds in spent.items():
            found.seconds[stage] = found.seconds.get(stage, 0.0) + seconds
    return found
