"""Paths become results as they are ready, for loops that block and for loops that do not."""

from __future__ import annotations

import asyncio
import os
import queue
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future
from typing import Self

from keyscan.analysis import Analysis
from keyscan.errors import AnalysisError, Cancelled

StrPath = str | os.PathLike[str]

Result = Analysis | AnalysisError
"""What became of a file; both have its ``path``, as it was given."""


class Results(Iterator[Result], AsyncIterator[Result]):
    """An iterator over the results of many files, for ``for`` or for ``async for``.

    A thread reads the paths, so that a source that waits for its next path delays no result. An
    error that the source raises follows the results of the paths before it.
    """

    def __init__(
        self, paths: Iterator[StrPath], submit: Callable[[StrPath], Future[Analysis]], room: int
    ) -> None:
        """At most ``room`` paths are read whose result has not been taken."""
        self._source = _Source(paths, submit, room)
        self._started = False

    def __next__(self) -> Result:
        """Wait for the next result.

        Raises:
            RuntimeError, StartFailed: from the ``Analyzer``.
        """
        if not self._started:
            self._started = True
            threading.Thread(target=self._source.read, name="paths", daemon=True).start()
        try:
            return self._source.take()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Cancel the files whose result has not been taken; there is no other result."""
        self._source.close()

    def __del__(self) -> None:
        self.close()  # of a loop that has ended early

    def __iter__(self) -> Self:
        return self

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Result:
        """The next result; a task that is cancelled here cancels the remaining files."""
        step: Future[Result | None] = Future()
        threading.Thread(target=_step, args=(self, step), daemon=True).start()
        try:
            result = await asyncio.wrap_future(step)
        except asyncio.CancelledError:
            self.close()
            raise
        if result is None:
            raise StopAsyncIteration
        return result


def _step(results: Results, step: Future[Result | None]) -> None:
    if step.set_running_or_notify_cancel():
        try:
            step.set_result(next(results, None))
        except BaseException as error:
            step.set_exception(error)


class _Source:
    """Paths that are read, and their futures, between the thread that reads and the loop.

    The thread holds no ``Results``: a loop that has ended must not live on in it.
    """

    def __init__(
        self, paths: Iterator[StrPath], submit: Callable[[StrPath], Future[Analysis]], room: int
    ) -> None:
        self._paths, self._submit, self._room = paths, submit, threading.Semaphore(room)
        self._closed = False
        self._waiting: dict[Future[Analysis], StrPath] = {}
        self._ready: queue.SimpleQueue[Future[Analysis] | BaseException] = queue.SimpleQueue()
        self._end: BaseException | None = None

    def read(self) -> None:
        """Submit paths as there is room, until they end or nothing is wanted any more."""
        try:
            while True:
                self._room.acquire()
                if self._closed:
                    return
                path = next(self._paths)
                if self._closed:
                    return
                future = self._submit(path)
                self._waiting[future] = path
                future.add_done_callback(self._ready.put)
                if self._closed:  # perhaps before the file was among those waiting
                    future.cancel()
        except BaseException as error:  # StopIteration, or what the source or submit raises
            self._ready.put(error)

    def take(self) -> Result:
        """The next result; raises what has ended the paths once there is no other."""
        while not self._closed:
            if self._end is not None and not self._waiting:
                raise self._end
            ready = self._ready.get()
            if isinstance(ready, BaseException):
                self._end = ready
            elif not self._closed:
                self._room.release()
                return _result(ready, self._waiting.pop(ready))
        raise StopIteration

    def close(self) -> None:
        """Cancel the files; for any thread."""
        self._closed = True
        for future in list(self._waiting):
            future.cancel()
        self._ready.put(StopIteration())  # wakes the loop
        self._room.release()  # and the thread


def _result(future: Future[Analysis], path: StrPath) -> Result:
    if future.cancelled():  # the Analyzer was closed
        cancelled = Cancelled()
        cancelled.path = os.fspath(path)
        return cancelled
    failure = future.exception()
    if failure is None:
        return future.result()
    assert isinstance(failure, AnalysisError)
    return failure
