"""Child processes that decode files, and can die of it without taking anybody along.

A worker thread of the server owns one process: it hands it a path, and waits for features, the
end of the process, or the end of its patience.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection

from keyscan.cache.messages import Known
from keyscan.engine.assembly import Gathering, OwnFile
from keyscan.engine.guard import Guard
from keyscan.engine.limits import resident_bytes
from keyscan.engine.pipe import receive, send
from keyscan.engine.worker_process import (
    OUT_OF_MEMORY,
    Enough,
    Failure,
    Part,
    Started,
    Stop,
    Taken,
    Work,
    WorkerSettings,
    worker_main,
)
from keyscan.errors import WorkerFailed
from keyscan.spectrogram.constant_q import Features
from keyscan.spectrogram.pieces import Cuts, Seam

_START_SECONDS = 60.0  # a cold disk and a virus scanner can take a long time over the imports
_STOP_SECONDS = 1.0  # a decoder looks for the stop between blocks, far more often than that
_POLL_SECONDS = 0.05

_Answer = Taken | Part | Cuts | Seam | Features | Known | Failure


class Worker:
    """One decoding process at a time, started anew after a crash, a timeout or much work."""

    def __init__(self, settings: WorkerSettings) -> None:
        self._settings = settings
        self._process: multiprocessing.process.BaseProcess | None = None
        self._connection: Connection | None = None
        self._files = self._files_sized = 0  # of this process; at the last look at its size
        self._spawning = threading.Lock()
        self._telling = threading.Lock()
        self._closed = False
        self._guard = Guard(self._kill)  # of a pipe that blocks

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.is_alive()

    def start(self) -> Started:
        """Start the process and wait until it has warmed up.

        Raises:
            WorkerFailed: it died or stayed silent.
        """
        self._forget()
        context = multiprocessing.get_context("spawn")
        reason = f"it said nothing for {_START_SECONDS:g} seconds"
        try:
            self._connection, theirs = context.Pipe()
            self._process = context.Process(
                target=worker_main, args=(theirs, self._settings), name="decoder", daemon=True
            )
            with self._spawning, _ctrl_c_blocked():  # the child inherits that
                if not self._closed:
                    self._process.start()
            theirs.close()
            self._files = self._files_sized = 0
            self._resident_bytes()  # its import is paid for while the process starts
            if self._connection.poll(_START_SECONDS):
                started: Started = receive(self._connection)
                return started
        except EOFError:
            reason = self._fate()
        except Exception as error:  # the system refuses, or what came was no greeting
            reason = str(error) or type(error).__name__
        self._forget()
        raise WorkerFailed(f"a decoding process could not be started: {reason}")

    def run(
        self, work: Work, abandoned: threading.Event, gathering: Gathering | None = None
    ) -> Features | Known | Failure:
        """Analyse one file; ends early, with any answer, once ``abandoned`` is set.

        ``gathering`` takes what the process tells meanwhile; by default, an ``OwnFile``.

        Raises:
            WorkerFailed: the process had died before it took the file.
        """
        gathering = OwnFile() if gathering is None else gathering
        connection = self._connection
        if connection is None:
            raise WorkerFailed("no decoding process could be started")
        self._files += 1
        taken = stop_sent = False
        deadline = time.monotonic() + self._settings.timeout
        try:
            with self._guard.until(deadline), self._telling:  # a stopped process reads nothing
                send(connection, work)
            while True:
                if spoke := connection.poll(_POLL_SECONDS):
                    match self._receive(connection, deadline):
                        case Taken():
                            taken = True
                        case Part() as part:
                            gathering.add(part.spectrogram)
                        case Cuts() as cuts:
                            gathering.cut(cuts)
                        case Seam() as seam:
                            gathering.seam(seam)
                        case Features() as rest:
                            return gathering.finish(rest)
                        case known_or_failure:
                            return known_or_failure
                now = time.monotonic()
                if now > deadline:
                    return self._give_up(stop_sent)
                if not spoke and self._resident_bytes() > self._settings.memory_limit:
                    self._forget()
                    return self._out_of_memory()
                if abandoned.is_set() and not stop_sent:
                    self.stop()
                    stop_sent, deadline = True, min(deadline, now + _STOP_SECONDS)
        except (OSError, EOFError):
            if time.monotonic() > deadline:
                return self._give_up(stop_sent)
            fate = self._fate()
            if self._exit_code() == OUT_OF_MEMORY:
                self._forget()
                return self._out_of_memory()
        except Exception as error:  # a decoder gone mad can send anything
            fate = f"it sent no sensible answer: {error!r}"
        self._forget()
        if not taken:
            raise WorkerFailed(f"the decoding process died before it took the file: {fate}")
        return Failure("decoder_crashed", f"the decoder died of this file: {fate}")

    def stop(self) -> None:
        """Have the process end the file that it has, if any; may be called from any thread."""
        self._tell(Stop())

    def relieve(self) -> None:
        """Tell the process that others have the rest of its file; from any thread."""
        self._tell(Enough())

    def recycle(self) -> None:
        """End a process that has done or grown enough; to be called between files.

        What a decoder leaks or breaks in its own process never gets old that way.
        """
        if self._files == self._files_sized:
            return
        self._files_sized = self._files
        grown = self._resident_bytes() > self._settings.recycle_size
        if grown or self._files >= self._settings.recycle_files:
            self._forget()

    def close(self) -> None:
        """End the process at once, and start no other; may be called from any thread."""
        self._closed = True
        with self._spawning:  # a process killed half-way through its start would complain
            self._kill()
        self._guard.close()

    def _tell(self, message: Stop | Enough) -> None:
        """Send what a pipe always has room for; a process that is gone need not know."""
        with self._telling, contextlib.suppress(OSError):
            if self._connection is not None:
                send(self._connection, message)

    def _kill(self) -> None:
        process = self._process
        if process is not None and process.pid:
            process.kill()

    def _resident_bytes(self) -> int:
        process = self._process
        return resident_bytes(process.pid) if process is not None and process.pid else 0

    def _receive(self, connection: Connection, deadline: float) -> _Answer:
        """Read the answer that has begun; a process may stall halfway."""
        with self._guard.until(deadline):
            answer = receive(connection)
        if not isinstance(answer, _Answer):
            raise TypeError(f"a {type(answer).__name__}")
        return answer

    def _give_up(self, stop_sent: bool) -> Failure:
        self._forget()
        if stop_sent:
            return Failure("cancelled", "cancelled")
        seconds = self._settings.timeout
        return Failure("timeout", f"no answer within {seconds:g} seconds; the file is given up")

    def _out_of_memory(self) -> Failure:
        size = self._settings.memory_limit >> 20
        return Failure("out_of_memory", f"the decoder needs more than {size} MiB for this file")

    def _forget(self) -> None:
        """Let go of the process, which must not be left running."""
        self._kill()
        self._fate()
        with self._telling:  # nobody may write into what is opened next under the same number
            if self._connection is not None:
                self._connection.close()
            self._process = self._connection = None

    def _fate(self) -> str:
        """Wait for the end of the process, which is dying, and tell what it dies of."""
        process = self._process
        if process is None or not process.pid:
            return "it was never started"
        process.join(_STOP_SECONDS)
        if process.exitcode is None:
            process.kill()
            process.join(_STOP_SECONDS)
        code = self._exit_code()
        if code is None:
            return "it does not end"
        if -code in set(signal.Signals):
            return f"signal {signal.Signals(-code).name}"
        return f"exit code {code}"

    def _exit_code(self) -> int | None:
        return None if self._process is None else self._process.exitcode


@contextmanager
def _ctrl_c_blocked() -> Iterator[None]:
    """Keep SIGINT away from a child from its first instruction on, where the system can."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
