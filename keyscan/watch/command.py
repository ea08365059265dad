"""``keyscan watch``: what appears or changes in folders is analysed, a line of JSON for each."""

from __future__ import annotations

import errno
import json
import logging
import os
import queue
import signal
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, replace
from types import FrameType
from typing import TYPE_CHECKING

from keyscan.batch.results import Failed, Result, withhold
from keyscan.batch.writers.json_documents import track_fields
from keyscan.engine.engine import Engine
from keyscan.engine.task import Outcome, Task
from keyscan.errors import (
    AnalysisError,
    MissingTagLibrary,
    NoCache,
    NotWatchable,
    StartFailed,
    WatchError,
)
from keyscan.locations import meant_path
from keyscan.options import WatchOptions
from keyscan.output import shown
from keyscan.runtime import file_table, profiling_enabled
from keyscan.stdio import STDERR, write_all
from keyscan.tagging.tagger import Tagger, change_line, open_tagger
from keyscan.watch.settling import Settling, Stamp, music_at, stamp_of

if TYPE_CHECKING:
    from keyscan.batch.session import StartEngine

EXIT_OK, EXIT_FAILED, EXIT_USAGE = 0, 1, 2
_TICK_SECONDS = 0.2  # between two looks at files that may still grow
_CHANGES = ("created", "modified", "moved", "closed")  # events of watchdog
_LAST_ROWS_SECONDS = 1.0  # for a locked cache


@dataclass(eq=False, kw_only=True)
class _FileTask(Task):
    """``stamp`` is that of the file when it was handed on."""

    stamp: Stamp


@dataclass(frozen=True)
class _Done:
    task: _FileTask
    outcome: Outcome


_Event = str | _Done
"""The path of a change, or a file that is done."""


def run(options: WatchOptions, stdout: int, start_engine: StartEngine) -> int:
    """Watch until a signal ends it, and write to the descriptor ``stdout``; the exit code."""
    logging.basicConfig(stream=STDERR, level=logging.WARNING, format="keyscan: %(message)s")
    watch = Watch(options, stdout)
    try:
        watch.start(start_engine)
        watch.run()
    except (MissingTagLibrary, NoCache, NotWatchable) as error:
        STDERR.write(f"keyscan: {shown(str(error))}\n")
        return EXIT_USAGE
    except (StartFailed, WatchError) as error:
        STDERR.write(f"keyscan: {shown(str(error))}\n")
        return EXIT_FAILED
    except BrokenPipeError:  # the reader has what it wants
        return EXIT_OK
    except OSError as error:
        STDERR.write(f"keyscan: stdout cannot be written: {error.strerror}\n")
        return EXIT_FAILED
    finally:
        watch.close()
    return EXIT_OK


class Watch:
    """The folders of ``options``: ``start``, then ``run``, then ``close``.

    From its construction on, it handles SIGINT and SIGTERM: the first ends it, a second at once.
    """

    def __init__(self, options: WatchOptions, stdout: int) -> None:
        self._options = options
        self._stdout = stdout
        self._folders: dict[str, str] = {}  # absolute, and as given
        self._engine: Engine | None = None
        self._tagger: Tagger | None = None
        self._settling = Settling(options.settle)
        self._tasks: queue.SimpleQueue[_FileTask] = queue.SimpleQueue()
        self._events: queue.SimpleQueue[_Event] = queue.SimpleQueue()
        self._ended = threading.Event()
        self._runs = False
        self._next_look = 0.0
        self._counts: Counter[str] = Counter()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)

    def start(self, start_engine: StartEngine) -> None:
        """Check the folders, begin to watch them, and load the engine.

        Raises:
            NotWatchable: a path is no folder, or watchdog is missing.
            WatchError: the system cannot watch the folders.
            MissingTagLibrary: tags are to be written, and mutagen is missing.
            StartFailed: the engine cannot be loaded.
        """
        for given in self._options.folders:
            folder = meant_path(given)
            if not os.path.isdir(folder):  # noqa: PTH112 - a name, byte by byte
                what = "that is no folder" if os.path.lexists(folder) else "there is no such folder"
                raise NotWatchable(f"{given}: {what}")
            self._folders[os.path.abspath(folder)] = folder  # noqa: PTH100
        try:
            import watchdog.observers  # noqa: F401
        except ImportError as error:
            text = f"watch needs watchdog ({error}): pip install watchdog"
            if getattr(sys, "frozen", False):
                text = "this app is built without watchdog: use the Python package"
            raise NotWatchable(text) from error
        self._tagger = open_tagger(self._options.tags)
        self._observe()  # what changes while the engine loads is not missed
        names = ", ".join(map(shown, self._folders.values()))
        STDERR.write(f"keyscan: watching {names}; Ctrl-C ends\n")
        self._engine, _ = start_engine(self._options.engine, self._own)

    def run(self) -> None:
        """Analyse what changes until a signal.

        Raises:
            WatchError: a folder is gone.
            OSError: a result cannot be written.
        """
        engine = self._engine
        assert engine is not None
        engine.serve(self._tasks.get, lambda task, outcome: self._events.put(_Done(task, outcome)))
        for _ in range(engine.size - 1):
            engine.grow()
        self._runs = True
        while not self._ended.is_set():
            try:
                event = self._events.get(timeout=_TICK_SECONDS)
            except queue.Empty:
                event = None
            if isinstance(event, _Done):
                self._take(event.task, event.outcome)
            elif event is not None:
                for file in music_at(list(self._folders), event):
                    self._settling.changed(file, time.monotonic())
            self._hand_on()
        counts = ", ".join(f"{count:,} {name}" for name, count in self._counts.items())
        STDERR.write(f"keyscan: ended: {counts or 'no files'}\n")

    def _hand_on(self) -> None:
        """Have the files analysed that have settled.

        Raises:
            WatchError: a folder is gone.
        """
        now = time.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + _TICK_SECONDS
        for folder in self._folders:
            if not os.path.isdir(folder):  # noqa: PTH112
                raise WatchError(f"{folder} is gone")
        for file, stamp in self._settling.settled(now):
            options = self._options
            task = _FileTask(
                path=file, timeline=options.timeline, effort=options.effort, stamp=stamp
            )
            self._tasks.put(task)

    def close(self) -> None:
        """End the worker processes, and the watching."""
        self._ended.set()
        if self._engine is not None:
            self._engine.kill()
            self._engine.close(_LAST_ROWS_SECONDS)

    def _own(self, engine: Engine) -> None:
        self._engine = engine

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._ended.is_set() or not self._runs:
            if self._engine is not None:
                self._engine.kill()
            os._exit(EXIT_OK if not self._ended.is_set() else 128 + number)
        self._ended.set()

    def _observe(self) -> None:
        """Have watchdog's threads hand on what the system tells of the folders.

        Raises:
            WatchError: the system cannot watch them.
        """
        from watchdog.events import FileSystemEvent, FileSystemEventHandler
        from watchdog.observers import Observer

        events = self._events

        class Handler(FileSystemEventHandler):
            def on_any_event(self, event: FileSystemEvent) -> None:
                is_listing = event.is_directory and event.event_type == "modified"
                if event.event_type in _CHANGES and not is_listing:
                    events.put(os.fsdecode(event.dest_path or event.src_path))

        observer = Observer()
        try:
            for folder in self._folders:
                observer.schedule(Handler(), folder, recursive=True)
            observer.start()
        except OSError as error:
            text = f"the system cannot watch the folders: {error.strerror or error}"
            if error.errno in (errno.ENOSPC, errno.EMFILE):
                text += "; raise fs.inotify.max_user_watches or max_user_instances (sysctl)"
            raise WatchError(text) from error

    def _take(self, task: _FileTask, outcome: Outcome) -> None:
        if profiling_enabled():
            STDERR.write(file_table(task.path, outcome))
        found = outcome.result
        if isinstance(found, AnalysisError):
            self._counts["failed"] += 1
            error = f"{shown(str(found))} ({found.code})"
            STDERR.write(f"failed: {shown(task.path)}: {error}\n")
            self._write(Failed(task.path, found))
            return
        if self._tagger is not None and stamp_of(task.path) == task.stamp:
            found = self._tagger.tagged(found)
            if found.tag is not None and found.tag.change == "written":
                self._settling.written(task.path)
                assert self._engine is not None
                self._engine.keep_again(found, task.stream)
            STDERR.write(change_line(found))
        self._counts["analysed"] += 1
        self._write(replace(found, timeline=found.timeline if task.timeline else None))

    def _write(self, result: Result) -> None:
        result = withhold(result, self._options.min_confidence or 0.0)
        line = json.dumps(track_fields(result, self._options.style))
        write_all(self._stdout, line.encode("ascii") + b"\n")
