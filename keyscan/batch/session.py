"""Files through the engine, until all are done or a signal stops the work."""

from __future__ import annotations

import os
import queue
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType

from keyscan.analysis import Analysis
from keyscan.batch.files import find_files
from keyscan.batch.progress import Progress
from keyscan.batch.results import Failed, Result
from keyscan.engine.engine import Engine, Outcome, Task
from keyscan.errors import AnalysisError
from keyscan.options import AnalyzeOptions, EngineOptions
from keyscan.profiling import file_table, profiling_enabled
from keyscan.stdio import STDERR

StartEngine = Callable[[EngineOptions, Callable[[Engine], None]], tuple[Engine, object]]
"""Gives an engine that is loaded; calls back as soon as the engine has a process to end."""

_TICK_SECONDS = 1.0
_LAST_ROWS_SECONDS = 5.0  # for a locked cache
_HURRIED_SECONDS = 1.0  # the same after a signal
_MOST_SIGNALS = 3


class Interruption:
    """Handles SIGINT and SIGTERM from its construction on; ``number`` is that of the first.

    The first signal during ``stopping`` calls ``stop``. Any other raises KeyboardInterrupt in the
    main thread; after three, the next ends the process.
    """

    def __init__(self) -> None:
        self.number: int | None = None
        self._count = 0
        self._stop: Callable[[], None] | None = None
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._handle)

    @contextmanager
    def stopping(self, stop: Callable[[], None]) -> Iterator[None]:
        """``stop`` has to be reentrant: the handler runs between any two steps of the program."""
        self._stop = stop
        try:
            yield
        finally:
            self._stop = None

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self._count += 1
        if self.number is None:
            self.number = number
            if self._stop is not None:
                self._stop()
                return
        if self._count > _MOST_SIGNALS:
            os._exit(128 + number)
        raise KeyboardInterrupt


def is_one_file(paths: Sequence[str], count: int) -> bool:
    """Whether a single file was named, and no folder; ``paths`` have led to ``count`` files."""
    return len(paths) == 1 and count <= 1 and not Path(paths[0]).is_dir()


@dataclass(eq=False, kw_only=True)
class _FileTask(Task):
    """``place`` is that of the file among those found."""

    place: int


class Batch:
    """The files of one run and what became of them.

    Attributes:
        found: paths of files, and folders that cannot be read.
        seconds: from the first file to the last.
        track: the single file that the picture shows, with timeline and spectrogram.
        interruption: what stops the run.
    """

    def __init__(self, options: AnalyzeOptions, progress: Progress) -> None:
        self.found: list[str | Failed] = []
        self.seconds = 0.0
        self.track: Analysis | None = None
        self.interruption = Interruption()
        self._options = options
        self._progress = progress
        self._results: dict[int, Result] = {}  # by their place in ``found``
        self._profiles = profiling_enabled()
        self._engine: Engine | None = None

    @property
    def results(self) -> list[Result]:
        """Those that are known, in the order in which the files were found."""
        return [self._results[place] for place in sorted(self._results)]

    def run(self, start_engine: StartEngine) -> None:
        """Find the files and analyse them, or as many as there is time for before a signal.

        Raises:
            StartFailed: the engine cannot be loaded.
        """
        paths, recursive = self._options.paths, self._options.recursive
        try:
            for found in self._progress.finding(find_files(paths, recursive=recursive)):
                self.found.append(found)
            self._analyse(start_engine)
        except KeyboardInterrupt:
            self.kill()

    def kill(self) -> None:
        """End all worker processes at once."""
        if self._engine is not None:
            self._engine.kill()

    def _analyse(self, start_engine: StartEngine) -> None:
        self._progress.start(len(self.found))
        waiting: deque[tuple[int, str]] = deque()
        for place, found in enumerate(self.found):
            if isinstance(found, Failed):
                self._keep(place, found)
            else:
                waiting.append((place, found))
        if not waiting:
            return
        engine, _ = start_engine(self._options.engine, self._own)
        self._progress.restart_clock()
        since = time.monotonic()
        try:
            self._feed(engine, waiting)
        finally:
            self.seconds = time.monotonic() - since
            engine.kill()
        hurry = self.interruption.number is not None
        engine.close(_HURRIED_SECONDS if hurry else _LAST_ROWS_SECONDS)

    def _own(self, engine: Engine) -> None:
        self._engine = engine

    def _feed(self, engine: Engine, waiting: deque[tuple[int, str]]) -> None:
        """Have ``engine`` analyse the ``waiting`` files, and keep the results."""
        options = self._options
        is_drawn = options.plot is not None and is_one_file(options.paths, len(self.found))
        done: queue.SimpleQueue[tuple[_FileTask, Outcome] | None] = queue.SimpleQueue()

        def next_task() -> _FileTask | None:
            try:
                place, path = waiting.popleft()
            except IndexError:
                return None
            timeline = options.timeline or is_drawn
            return _FileTask(path=path, timeline=timeline, spectrogram=is_drawn, place=place)

        left = len(waiting)
        with self.interruption.stopping(lambda: done.put(None)):
            engine.serve(next_task, lambda task, outcome: done.put((task, outcome)))
            for _ in range(min(engine.size, left) - 1):
                engine.grow()
            while left:
                try:
                    finished = done.get(timeout=_TICK_SECONDS)
                except queue.Empty:
                    self._progress.tick()
                    continue
                if finished is None:
                    return
                left -= 1
                self._take(*finished)

    def _take(self, task: _FileTask, outcome: Outcome) -> None:
        result = outcome.result
        if self._profiles:
            STDERR.write(file_table(task.path, outcome))
        if isinstance(result, AnalysisError):
            # without the traceback, whose frames take more memory than all else
            self._keep(task.place, Failed(task.path, result.with_traceback(None)))
            return
        if task.spectrogram:
            self.track = result
        timeline = result.timeline if self._options.timeline else None
        self._keep(task.place, replace(result, timeline=timeline, spectrogram=None))

    def _keep(self, place: int, result: Result) -> None:
        self._results[place] = result
        self._progress.done(result)
