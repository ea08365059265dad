"""One worker process at a time: a path goes in, features or the reason for none come out.

A decoder that crashes, hangs or takes too much memory costs its process, which is started anew,
and one answer.
"""

from __future__ import annotations

import multiprocessing
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from keyscan.cache.lookup import Known
from keyscan.engine.messages import Accepted, Opened, Started, Work, receive, send
from keyscan.engine.supervisor import Supervisor, Watch, out_of_memory, resident_bytes
from keyscan.engine.worker_process import OUT_OF_MEMORY, worker_main
from keyscan.errors import AnalysisError, DecoderCrashed, StartFailed, WorkerFailed
from keyscan.options import WorkerOptions
from keyscan.spectrogram.constant_q import Features
from keyscan.start import explained

NAME = "keyscan decoder"
"""Of the processes."""

_START_SECONDS = 60.0  # a cold disk and a virus scanner can make the imports slow
_END_SECONDS = 1.0
_POLL_SECONDS = 1.0  # between two looks at the verdict while the process is silent


class Worker:
    """``start`` starts the process; ``run`` is for one thread at a time."""

    def __init__(
        self,
        options: WorkerOptions,
        cache: str | None = None,
        supervisor: Supervisor | None = None,
    ) -> None:
        """``cache`` is the path of the cache's file; ``supervisor`` None: one of its own."""
        self._options = options
        self._cache = cache
        self._supervisor = Supervisor() if supervisor is None else supervisor
        self._process: BaseProcess | None = None
        self._connection: Connection | None = None
        self._files = self._files_sized = 0  # of this process; when its size was last looked at
        self._spawning = threading.Lock()
        self._closed = False

    @property
    def alive(self) -> bool:
        """Whether there is a process."""
        return self._process is not None and self._process.is_alive()

    def start(self) -> Started:
        """Start the process and wait until it has warmed up.

        Raises:
            WorkerFailed: it died, stayed silent or could not load its libraries.
        """
        self.end()
        context = multiprocessing.get_context("spawn")
        reason = f"it said nothing for {_START_SECONDS:g} seconds"
        try:
            self._connection, theirs = context.Pipe()
            self._process = context.Process(
                target=worker_main,
                args=(theirs, self._options, self._cache),
                name=NAME,
                daemon=True,
            )
            with self._spawning, _ctrl_c_blocked():  # the child inherits that
                if not self._closed:
                    self._process.start()
            theirs.close()
            self._files = self._files_sized = 0
            self._size()  # imports psutil while the process starts
            if self._connection.poll(_START_SECONDS):
                started: Started | StartFailed = receive(self._connection)
                if isinstance(started, Started):
                    return started
                reason = str(started)
        except EOFError:
            reason = f"{self._fate()}; if that happens again, install the analyzer again"
        except Exception as error:  # the system refuses, or the message is not a greeting
            reason = str(explained(error))
        self.end()
        raise WorkerFailed(f"a decoding process could not be started: {reason}")

    def run(self, work: Work, cancelled: threading.Event) -> Features | Known:
        """Analyse one file; ends early, with any answer or error, once ``cancelled`` is set.

        Raises:
            WorkerFailed: the process had died before it took the file.
            AnalysisError: the file has no features; the class says why.
        """
        process, connection = self._process, self._connection
        if process is None or connection is None:
            raise WorkerFailed("no decoding process could be started")
        self._files += 1
        watch = Watch(process, connection, self._options, cancelled)
        fate = ""
        with self._supervisor.watching(watch):
            try:
                send(connection, work)
                answer = _receive(connection, watch)
                if isinstance(answer, Accepted):
                    watch.accepted = True
                    answer = _receive(connection, watch)
                while isinstance(answer, Opened):
                    watch.opened(answer.seconds)
                    answer = _receive(connection, watch)
            except (OSError, EOFError):
                answer = None
            except Exception as error:  # a broken decoder can send anything
                answer, fate = None, repr(error)
        if isinstance(answer, Features | Known):
            return answer
        if isinstance(answer, AnalysisError):
            raise answer
        if answer is not None:
            fate = f"a {type(answer).__name__}"
        raise self._explained(watch, fate)

    def recycle(self) -> None:
        """End a process that has done or grown enough; for the time between files.

        So what a decoder leaks or breaks in its process does not last.
        """
        if self._files == self._files_sized:
            return
        self._files_sized = self._files
        grown = self._size() > self._options.recycle_size
        if grown or self._files >= self._options.recycle_files:
            self.end()

    def end(self) -> None:
        """End the process, wait until it is gone and let go of it."""
        self._kill()
        self._fate()
        if self._connection is not None:
            self._connection.close()
        self._process = self._connection = None

    def close(self) -> None:
        """End the process at once, and start no other; for any thread."""
        self._closed = True
        with self._spawning:  # a process killed half-way through its start would complain
            self._kill()

    def _explained(self, watch: Watch, nonsense: str) -> AnalysisError:
        """Why there is no answer: the supervisor's verdict, or what the process died of."""
        if watch.verdict is not None:
            self.end()
            return watch.verdict
        fate = f"it sent no sensible answer: {nonsense}" if nonsense else self._fate()
        code = self._exit_code()
        self.end()
        if code == OUT_OF_MEMORY:
            return out_of_memory(self._options)
        if watch.accepted:
            return DecoderCrashed(f"the decoder died of this file: {fate}")
        return WorkerFailed(f"the decoding process died before it took the file: {fate}")

    def _kill(self) -> None:
        process = self._process
        if process is not None and process.pid:
            process.kill()

    def _size(self) -> int:
        process = self._process
        return resident_bytes(process.pid) if process is not None and process.pid else 0

    def _fate(self) -> str:
        """Wait for the end of the process, which is dying, and say what it died of."""
        process = self._process
        if process is None or not process.pid:
            return "it was never started"
        process.join(_END_SECONDS)
        if process.exitcode is None:
            process.kill()
            process.join(_END_SECONDS)
        code = self._exit_code()
        if code is None:
            return "it does not end"
        if -code in set(signal.Signals):
            return f"signal {signal.Signals(-code).name}"
        return f"exit code {code}"

    def _exit_code(self) -> int | None:
        return None if self._process is None else self._process.exitcode


def _receive(connection: Connection, watch: Watch) -> Any:
    """The next message.

    Raises:
        EOFError: the process has ended, or was killed: one that waits for a drive may not end.
    """
    while not connection.poll(_POLL_SECONDS):
        if watch.verdict is not None:
            raise EOFError
    return receive(connection)


@contextmanager
def _ctrl_c_blocked() -> Iterator[None]:
    """Keep SIGINT away from a child from its first instruction on, where the system can."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # its own start would unblock SIGINT
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
