"""Many files from a Python program, decoded in worker processes.

The results are futures, an iterator, or an asynchronous iterator. ``keyscan.client`` has the server
do the work instead: its program gets messages, and imports neither numpy nor torch.
"""

from __future__ import annotations

import asyncio
import atexit
import multiprocessing
import os
import threading
import weakref
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Self

from keyscan.analysis import Analysis
from keyscan.engine.engine import Engine
from keyscan.engine.main_module import leave_main_module_alone
from keyscan.engine.worker import NAME
from keyscan.errors import InvalidInput, StartFailed
from keyscan.options import Effort, EngineOptions, ModelOptions, WorkerOptions, check_effort
from keyscan.pending_files import FileTask, PendingFiles
from keyscan.result_stream import Result, Results
from keyscan.runtime import usable_cores
from keyscan.start import check_system, loading

__all__ = ["Analyzer", "Result", "Results"]

StrPath = str | os.PathLike[str]

_MIB = 1 << 20
_END_SECONDS = 10.0
_AHEAD = 2  # files for each worker: one to decode, one to go on with


class Analyzer:
    """Worker processes that decode files, and a thread of this process that runs the model.

    A context manager that leaves no process; without ``with``, the first file starts it, and
    ``close`` ends it. Threads may share it. A file that crashes a decoder costs its process, which
    is started anew, and one error.
    """

    def __init__(
        self,
        *,
        workers: int | None = None,
        cache: StrPath | None = None,
        timeout: float = WorkerOptions.timeout,
        memory_limit: int = WorkerOptions.memory_limit // _MIB,
        model_path: StrPath | None = None,
    ) -> None:
        """Nothing is started yet.

        Args:
            workers: the most processes; None: as many as there are CPU cores.
            cache: an SQLite file, new or made by an earlier run of any part of keyscan, that keeps
                the results; None: there is no cache.
            timeout: seconds for a file of up to ten minutes; a longer one has more in proportion.
            memory_limit: MiB that decoding one file may take.
            model_path: another checkpoint than the packaged one.

        Raises:
            ValueError: a number is out of range.
        """
        workers = usable_cores() if workers is None else workers
        if not isinstance(workers, int) or workers < 1:
            raise ValueError(f"workers must be a whole number from 1 on, not {workers!r}")
        if not timeout > 0:
            raise ValueError(f"timeout must be a number of seconds above 0, not {timeout}")
        if memory_limit < 200:
            raise ValueError(f"memory_limit must be at least 200 MiB, not {memory_limit}")
        self._options = EngineOptions(
            ModelOptions(None if model_path is None else Path(model_path)),
            WorkerOptions(timeout=timeout, memory_limit=memory_limit * _MIB),
            workers,
            None if cache is None else os.fspath(cache),
        )
        self._starting = threading.Lock()
        self._files = PendingFiles()
        self._engine: Engine | None = None
        self._end: weakref.finalize[..., Analyzer] | None = None
        self._closed = False
        self._process = os.getpid()

    def analyze(
        self,
        path: StrPath,
        *,
        timeline: bool = False,
        spectrogram: bool = False,
        stream: int | None = None,
        effort: Effort = "full",
    ) -> Analysis:
        """Analyse one file; blocks until its analysis is there.

        Args:
            path: of an audio or video file.
            timeline: whether ``timeline``, the key over time, is wanted; otherwise it is None.
            spectrogram: whether ``spectrogram`` is wanted; otherwise it is None.
            stream: the number of the audio stream to analyse, counted from 0; None: any.
            effort: ``"adaptive"``: parts of the track will do as long as they leave no doubt of its
                key; ``"full"``: the whole is analysed.

        Raises:
            AnalysisError: the file has no key; ``code`` and the message say why.
            CancelledError: another thread has closed the Analyzer.
            RuntimeError: the Analyzer is closed.
            StartFailed: the model or the processes cannot be started.
        """
        future = self.submit(
            path, timeline=timeline, spectrogram=spectrogram, stream=stream, effort=effort
        )
        try:
            return future.result()
        finally:
            future.cancel()  # Ctrl-C

    def analyze_all(
        self,
        paths: Iterable[StrPath],
        *,
        timeline: bool = False,
        spectrogram: bool = False,
        stream: int | None = None,
        effort: Effort = "full",
    ) -> Results:
        """Analyse many files; iterate over the results, with ``for`` or ``async for``.

        Results come in the order in which they are ready. Each is an ``Analysis``, or for a file
        without a key the ``AnalysisError``; both have the ``path`` as given. ``paths`` may be an
        iterator without an end: it is read as the work proceeds, two paths ahead for each worker.
        A loop that ends early, or a task that is cancelled, drops the files that it has not got.

        Args:
            paths: of audio or video files.
            timeline, spectrogram, stream, effort: for each, as in ``analyze``.

        Raises:
            InvalidInput: ``paths`` is one path.
            RuntimeError, StartFailed: from the loop, as in ``analyze``.
        """
        if isinstance(paths, str | bytes | os.PathLike):
            raise InvalidInput("paths must be a list or another iterable, not one path")
        submit = partial(
            self.submit, timeline=timeline, spectrogram=spectrogram, stream=stream, effort=effort
        )
        return Results(iter(paths), submit, _AHEAD * self._options.workers)

    def submit(
        self,
        path: StrPath,
        *,
        timeline: bool = False,
        spectrogram: bool = False,
        stream: int | None = None,
        effort: Effort = "full",
    ) -> Future[Analysis]:
        """Queue a file; the future returns or raises what ``analyze`` does.

        ``cancel()`` of the future drops the file until its result is there;
        ``asyncio.wrap_future`` makes it awaitable. Callbacks of futures run in a thread that all
        files wait for, so they must not block.

        Raises:
            InvalidInput: ``effort`` is none.
            RuntimeError, StartFailed: as in ``analyze``.
        """
        check_effort(effort)
        engine = self._start()
        given = os.fspath(path) if isinstance(path, str | os.PathLike) else path
        if not isinstance(given, str):
            return _refused(given)
        task = FileTask(
            path=_absolute(given),
            given=given,
            timeline=timeline,
            spectrogram=spectrogram,
            stream=stream,
            effort=effort,
        )
        if self._files.add(task):
            engine.grow()
        return task.future

    def close(self) -> None:
        """End all processes and threads; files without a result are cancelled. May be repeated."""
        self._files.close()
        with self._starting:
            self._closed = True
        if self._end is not None:
            self._end()
            atexit.unregister(self._end)

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        try:
            await asyncio.to_thread(self._start)
        except asyncio.CancelledError:
            threading.Thread(target=self.close).start()  # waits for what has begun
            raise
        return self

    async def __aexit__(self, *exception: object) -> None:
        await asyncio.to_thread(self.close)

    def _start(self) -> Engine:
        """The engine, which is started at the first call."""
        if self._process != os.getpid():
            raise RuntimeError("an Analyzer works in the process that has made it")
        with self._starting:
            if self._closed:
                raise RuntimeError("the Analyzer is closed")
            if self._engine is None:
                engine = _loaded(self._options)
                engine.serve(self._files.next_task, self._files.done)
                self._engine = engine
                self._end = weakref.finalize(self, _end, engine, self._files, os.getpid())
                self._end.atexit = False  # comes too late: multiprocessing has ended the processes
                atexit.register(self._end)
            return self._engine


def _loaded(options: EngineOptions) -> Engine:
    """An engine with a model and its first process."""
    if multiprocessing.current_process().daemon:
        raise StartFailed(
            "a daemonic process, such as a worker of multiprocessing.Pool, may not start others: "
            "use keyscan.analyze in it"
        )
    check_system()
    leave_main_module_alone(NAME)
    with loading(), ThreadPoolExecutor(1) as loader:  # the model gets one core in its thread
        engine = Engine(options, lambda name, seconds: None, embedded=True)
        try:
            loader.submit(engine.load).result()
        except BaseException:
            engine.kill()
            engine.join(_END_SECONDS)
            raise
    return engine


def _end(engine: Engine, files: PendingFiles, process: int) -> None:
    if process == os.getpid():  # not in a fork
        files.close()
        engine.kill()
        engine.join(_END_SECONDS)
        engine.close(_END_SECONDS)


def _absolute(path: str) -> str:
    """The processes stay in the folder where they were started; the program may leave it."""
    try:
        return os.path.join(os.getcwd(), path) if path else path  # noqa: PTH109, PTH118 - keeps ".."
    except OSError:  # the folder is gone
        return path


def _refused(path: object) -> Future[Analysis]:
    future: Future[Analysis] = Future()
    kind = type(path).__name__
    text = f"a path is needed, not {kind}: keyscan.analyze takes file objects and samples"
    future.set_exception(InvalidInput(text))
    return future
