"""Paths become results as they are ready, for loops that block and for loops that do not."""

from __future__ import annotations

import asyncio
import os
import queue
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Self

from keyscan.analysis import Analysis
from keyscan.errors import AnalysisError, Cancelled

StrPath = str | os.PathLike[str]

Result = Analysis | AnalysisError
"""What became of a file; both have its ``path``, as it was given."""


class Results(Iterator[Result], AsyncIterator[Result]):
    """An iterator over the results of many files, for ``for`` or for ``async for``.

    In ``async for``, a thread waits for the results and reads the paths, so that the event loop
    goes on. Errors that the iterator of the paths raises end the loop.
    """

    def __init__(
        self, paths: Iterator[StrPath], submit: Callable[[StrPath], Future[Analysis]], room: int
    ) -> None:
        """At most ``room`` paths are read whose result has not been taken."""
        self._paths, self._submit, self._room = paths, submit, room
        self._all_read = self._closed = False
        self._waiting: dict[Future[Analysis], StrPath] = {}
        self._ready: queue.SimpleQueue[Future[Analysis]] = queue.SimpleQueue()
        self._thread: ThreadPoolExecutor | None = None

    def __next__(self) -> Result:
        """Wait for the next result.

        Raises:
            RuntimeError, StartFailed: from the ``Analyzer``.
        """
        try:
            self._read_ahead()
            future = self._ready.get() if self._waiting else None
        except BaseException:
            self.close()
            raise
        if future is None or self._closed:
            self.close()
            raise StopIteration
        return _result(future, self._waiting.pop(future))

    def _read_ahead(self) -> None:
        """Submit one path, and others until a result is ready: a slow source delays none."""
        while not self._all_read and len(self._waiting) < self._room:
            try:
                path = next(self._paths)
            except StopIteration:
                self._all_read = True
                return
            if self._closed:  # by another thread, while the source was slow
                return
            future = self._submit(path)
            self._waiting[future] = path
            future.add_done_callback(self._ready.put)
            if self._closed:
                future.cancel()
            if not self._ready.empty():
                return

    def close(self) -> None:
        """Cancel the files whose result has not been taken; there is no other result."""
        self._closed = self._all_read = True
        for future in list(self._waiting):
            future.cancel()
        if self._thread is not None:
            self._thread.shutdown(wait=False)

    def __del__(self) -> None:
        self.close()  # of a loop that has ended early

    def __iter__(self) -> Self:
        return self

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Result:
        """The next result; a task that is cancelled here cancels the remaining files."""
        if self._closed:
            raise StopAsyncIteration
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, "keyscan results")
        loop = asyncio.get_running_loop()
        try:
            result = await loop.run_in_executor(self._thread, next, self, None)
        except BaseException:  # a cancelled task
            self.close()
            raise
        if result is None:
            raise StopAsyncIteration
        return result


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
