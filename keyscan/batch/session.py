"""Files through the engine, with progress on stderr, until all are done or a signal stops them."""

from __future__ import annotations

import contextlib
import io
import math
import os
import queue
import signal
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import FrameType

from tqdm import tqdm

from keyscan.analysis import Analysis
from keyscan.batch.files import find_files
from keyscan.batch.results import Failed, Result, Skipped
from keyscan.batch.targets import check_targets
from keyscan.engine.engine import Engine
from keyscan.engine.task import Outcome, Task
from keyscan.errors import AnalysisError
from keyscan.locations import meant_path
from keyscan.options import AnalyzeOptions, EngineOptions
from keyscan.output import shown
from keyscan.runtime import file_table, profiling_enabled
from keyscan.stdio import STDERR, write_all
from keyscan.tagging.tagger import Tagger, change_line, open_tagger
from keyscan.terminal import Paint, shows_colours, terminal_width, wrapped

StartEngine = Callable[[EngineOptions, Callable[[Engine], None]], tuple[Engine, object]]
"""Gives an engine that is loaded; calls back before, when the engine has a process to end."""

_BAR = "{percentage:3.0f}% |{bar}| {n_fmt}/{total_fmt}"
_BARS = {  # by the columns that each needs
    72: _BAR + " files [{elapsed}<{remaining}, {rate_noinv_fmt}{postfix}]",
    52: _BAR + " [{elapsed}<{remaining}{postfix}]",
    0: _BAR + "{postfix}",
}
_INDENT = "  "
_SMOOTHING = 0.1  # files differ in length, and those from the cache take no time
_TICK_SECONDS = 1.0
_SIGNAL_SECONDS = 0.1  # while the engine starts, a signal is noticed after so long
_LAST_ROWS_SECONDS = 5.0  # for a locked cache
_HURRIED_SECONDS = 1.0  # the same after a signal
_MOST_SIGNALS = 3


class Progress:
    """A bar on stderr, if that is a terminal, and messages above it, painted with ``paint``.

    Also a text stream for ``logging``: each ``write`` appears in one piece. Thread-safe. A stderr
    that is closed, or a terminal that is gone, does no harm.
    """

    def __init__(self, *, bar: bool) -> None:
        """``bar``: whether to draw one, if stderr is a terminal."""
        self._stream = sys.stderr
        if isinstance(self._stream, io.TextIOWrapper):
            self._stream.reconfigure(encoding="utf-8", errors="backslashreplace")
        self._draws = bar and self._stream.isatty()
        self.paint = Paint(shows_colours(2))
        self._failed = 0
        # tqdm's own lock is shared between processes, for which macOS starts one more process
        tqdm.set_lock(threading.RLock())
        self._new_bar = partial(
            tqdm, file=self._stream, disable=not self._draws, leave=False, dynamic_ncols=True
        )
        self._bar = tqdm(disable=True)

    def finding(self, items: Iterable[str | Failed]) -> Iterator[str | Failed]:
        """Pass on ``items``, and count them on the terminal if they take more than a second."""
        yield from self._new_bar(items, desc="looking for files", unit=" found", delay=1.0)

    def start(self, total: int) -> None:
        """Say that ``total`` files wait for the engine."""
        self._bar = self._new_bar(
            total=total, unit=" files", smoothing=_SMOOTHING,
            bar_format=f"{total:,} file{'' if total == 1 else 's'}: starting the analyzer ...",
        )  # fmt: skip

    def begin(self) -> None:
        """Draw the bar: files get done from now on, and the time until here is not in the rate."""
        self._bar.unpause()
        self.tick()

    def done(self, result: Result) -> None:
        """Count one more file; if it has failed, write why."""
        if isinstance(result, Failed):
            self._failed += 1
            error = result.error
            text = f"failed: {shown(result.path)}: {shown(str(error))} ({error.code})"
            first, *others = wrapped(text, terminal_width(2), _INDENT)
            first = first.replace("failed:", self.paint.failure("failed:"), 1)
            self.write_lines([first, *others])
            self._bar.set_postfix_str(f"{self._failed} failed", refresh=False)
        elif line := change_line(result):
            self.write_lines(wrapped(line.rstrip("\n"), terminal_width(2), _INDENT))
        with contextlib.suppress(OSError):
            self._bar.update()

    def tick(self) -> None:
        """Redraw the bar, whose clock moves on though no file is done, to the terminal's width."""
        width = terminal_width(2) or 0
        self._bar.bar_format = next(bar for least, bar in _BARS.items() if width >= least)
        with contextlib.suppress(OSError):
            self._bar.refresh()

    def close(self) -> None:
        """Remove the bar."""
        with contextlib.suppress(OSError):
            self._bar.close()

    def write(self, text: str) -> None:
        """Write whole lines."""
        with contextlib.suppress(OSError):
            if self._draws:
                tqdm.write(text, file=self._stream, end="")
            elif self._stream.isatty():
                self._stream.write(text)
                self._stream.flush()
            else:  # without a lock: if the reader waits, Ctrl-C still ends the program
                write_all(self._stream.fileno(), text.encode("utf-8", "backslashreplace"))

    def write_lines(self, lines: Iterable[str]) -> None:
        """Write lines that have no line ends yet."""
        self.write("".join(f"{line}\n" for line in lines))

    def flush(self) -> None:
        """For ``logging``; there is no buffer."""


def is_one_file(paths: Sequence[str], count: int) -> bool:
    """Whether a single file was named, and no folder; ``paths`` have led to ``count`` files."""
    return len(paths) == 1 and count <= 1 and not Path(meant_path(paths[0])).is_dir()


@dataclass(eq=False, kw_only=True)
class _FileTask(Task):
    """``place`` is that of the file among those found."""

    place: int


class Batch:
    """The files of one run and what became of them.

    It handles SIGINT and SIGTERM from its construction on. The first signal while the engine starts
    or works stops that; any other raises KeyboardInterrupt in the main thread, and after three, the
    next ends the process.

    Attributes:
        found: paths of files, and folders that cannot be read.
        skipped: how much was left out.
        seconds: from the start of the first file to the end of the last.
        track: the single file that the picture shows, with timeline and spectrogram.
        signal: the number of the first signal.
    """

    def __init__(self, options: AnalyzeOptions, progress: Progress) -> None:
        self.found: list[str | Failed] = []
        self.skipped: Counter[Skipped] = Counter()
        self.seconds = 0.0
        self.track: Analysis | None = None
        self.signal: int | None = None
        self._options = options
        self._progress = progress
        self._results: dict[int, Result] = {}  # by their place in ``found``
        self._done: queue.SimpleQueue[tuple[_FileTask, Outcome] | None] = queue.SimpleQueue()
        self._since = math.inf  # when a worker took the first file
        self._begun = self._works = False
        self._engine: Engine | None = None
        self._tagger: Tagger | None = None
        self._signals = 0
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)

    @property
    def results(self) -> list[Result]:
        """Those that are known, in the order in which the files were found."""
        return [self._results[place] for place in sorted(self._results)]

    def run(self, start_engine: StartEngine) -> None:
        """Find the files and analyse them, or as many as there is time for before a signal.

        Raises:
            StartFailed: the engine cannot be loaded.
            TargetRefused: the results would replace a file that is not to be replaced.
            MissingTagLibrary: tags are to be written, and mutagen is missing.
        """
        self._tagger = open_tagger(self._options.tags)
        paths, recursive = self._options.paths, self._options.recursive
        try:
            self._begin()
            playlists: list[str] = []
            finding = find_files(
                paths, recursive=recursive, exclude=self._options.exclude,
                skipped=self.skipped, playlists=playlists,
            )  # fmt: skip
            for found in self._progress.finding(finding):
                self.found.append(found)
            files = [found for found in self.found if isinstance(found, str)]
            check_targets(self._options, [*map(meant_path, paths), *playlists, *files])
            self._analyse(start_engine)
        except KeyboardInterrupt:
            self.kill()

    def _begin(self) -> None:
        """From here on, a signal interrupts; raises KeyboardInterrupt if one has come before."""
        self._begun = True
        if self.signal is not None:
            raise KeyboardInterrupt

    def kill(self) -> None:
        """End all worker processes at once."""
        if self._engine is not None:
            self._engine.kill()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._signals += 1
        if self.signal is None:
            self.signal = number
            if self._works:
                self._done.put(None)  # a SimpleQueue is reentrant
                return
            if not self._begun:
                return  # ``run`` ends at once, and what there is gets written
        if self._signals > _MOST_SIGNALS:
            os._exit(128 + number)
        raise KeyboardInterrupt

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
        left = len(waiting)
        try:
            self._works = True
            self._load(partial(start_engine, self._options.engine, partial(self._feed, waiting)))
            self._progress.begin()
            self._collect(left)
        finally:
            self._works = False
            self.seconds = max(0.0, time.perf_counter() - self._since)
            self.kill()
        if self._engine is not None:
            self._engine.close(_LAST_ROWS_SECONDS if self.signal is None else _HURRIED_SECONDS)

    def _load(self, start: Callable[[], object]) -> None:
        """Start the engine, or as much of it as there is time for before a signal."""
        started: Future[object] = Future()

        def run() -> None:
            try:
                started.set_result(start())
            except BaseException as error:
                started.set_exception(error)

        # by a thread: imports that are interrupted write tracebacks, and raise errors of their own
        threading.Thread(target=run, name="start", daemon=True).start()
        while self.signal is None and not started.done():
            wait([started], timeout=_SIGNAL_SECONDS)
        if self.signal is None:
            started.result()

    def _feed(self, waiting: deque[tuple[int, str]], engine: Engine) -> None:
        """Have ``engine`` analyse the ``waiting`` files."""
        self._engine = engine
        if self.signal is not None:
            engine.kill()
            return
        options, left = self._options, len(waiting)
        is_drawn = options.plot is not None and is_one_file(options.paths, len(self.found))
        timeline = options.timeline or is_drawn or options.html is not None

        def next_task() -> _FileTask | None:
            try:
                place, path = waiting.popleft()
            except IndexError:
                return None
            return _FileTask(
                path=path,
                timeline=timeline,
                spectrogram=is_drawn,
                stream=options.stream,
                effort=options.effort,
                place=place,
            )

        engine.serve(next_task, lambda task, outcome: self._done.put((task, outcome)))
        for _ in range(min(engine.size, left) - 1):
            engine.grow()

    def _collect(self, left: int) -> None:
        """Keep the results of as many files, or of those that are done before a signal."""
        while left:
            try:
                finished = self._done.get(timeout=_TICK_SECONDS)
            except queue.Empty:
                self._progress.tick()
                continue
            if finished is None:  # a signal
                return
            left -= 1
            self._take(*finished)

    def _take(self, task: _FileTask, outcome: Outcome) -> None:
        self._since = min(self._since, outcome.since)
        result = outcome.result
        if profiling_enabled():
            STDERR.write(file_table(task.path, outcome))
        if isinstance(result, AnalysisError):
            # without the traceback, whose frames take more memory than all else
            self._keep(task.place, Failed(task.path, result.with_traceback(None)))
            return
        if task.spectrogram:
            self.track = result
        options = self._options
        if self._tagger is not None and not (result.cached and options.changed_only):
            result = self._tagger.tagged(result)
            if self._engine and result.tag and result.tag.change == "written":
                self._engine.keep_again(result, task.stream)
        timeline = result.timeline if options.timeline or options.html is not None else None
        self._keep(task.place, replace(result, timeline=timeline, spectrogram=None))

    def _keep(self, place: int, result: Result) -> None:
        self._results[place] = result
        self._progress.done(result)
