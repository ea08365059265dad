"""The files that were given to an ``Analyzer`` and have no answer yet, each with a future."""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from functools import partial

from keyscan.analysis import Analysis
from keyscan.engine.task import Outcome, Task


@dataclass(eq=False, kw_only=True)
class FileTask(Task):
    """A file to analyse; ``given`` is its path as the caller wrote it."""

    given: str
    future: Future[Analysis] = field(default_factory=Future)


class PendingFiles:
    """A queue between the callers of an ``Analyzer`` and its engine. Thread-safe.

    Until a file has its answer, its future can be cancelled; then the engine drops the file.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._queue: deque[FileTask] = deque()
        self._unanswered: set[FileTask] = set()  # in the queue or with a worker
        self._idle_workers = 0
        self._closed = False

    def add(self, task: FileTask) -> bool:
        """Queue a file; true if no idle worker will take it at once.

        Raises:
            RuntimeError: the queue is closed.
        """
        with self._changed:
            if self._closed:
                raise RuntimeError("the Analyzer is closed")
            self._queue.append(task)
            self._unanswered.add(task)
            self._changed.notify()
            waits = len(self._queue) > self._idle_workers
        task.future.add_done_callback(partial(self._withdraw, task))
        return waits

    def next_task(self) -> FileTask | None:
        """Wait for a file; None once the queue is closed. For the engine's workers."""
        with self._changed:
            self._idle_workers += 1
            try:
                while not self._closed:
                    while self._queue:
                        task = self._queue.popleft()
                        if task in self._unanswered:
                            return task
                    self._changed.wait()
                return None
            finally:
                self._idle_workers -= 1

    def done(self, task: FileTask, outcome: Outcome) -> None:
        """Give a file its answer, if it is still wanted. For the engine's model thread."""
        future, result = task.future, outcome.result
        if not self._take(task) or not future.set_running_or_notify_cancel():
            return
        if isinstance(result, Analysis):
            timeline = result.timeline if task.timeline else None  # the cache always has it
            future.set_result(replace(result, path=task.given, timeline=timeline))
        else:
            result.path = task.given
            future.set_exception(result)

    def close(self) -> None:
        """Cancel all files without an answer; no other may follow."""
        with self._changed:
            self._closed = True
            tasks, self._unanswered = self._unanswered, set()
            self._queue.clear()
            self._changed.notify_all()
        for task in tasks:
            task.future.cancel()
            self._cancel(task)

    def _withdraw(self, task: FileTask, future: Future[Analysis]) -> None:
        if future.cancelled() and self._take(task):
            self._cancel(task)

    def _take(self, task: FileTask) -> bool:
        """Whether the caller is the one who ends the future of ``task``."""
        with self._changed:
            taken = task in self._unanswered
            self._unanswered.discard(task)
            return taken

    def _cancel(self, task: FileTask) -> None:
        task.cancelled.set()
        task.future.set_running_or_notify_cancel()  # wakes who waits for several futures
