"""A Python client: starts the server, sends it paths, and returns its replies as futures.

Files are analysed in other processes: a damaged file cannot crash the program, each has a limit of
time and memory, and all cores are busy. Only the server imports numpy and torch.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import queue
import subprocess
import sys
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self

from keyscan.errors import AnalysisError, AnalysisWarning, InvalidPath

if TYPE_CHECKING:
    from keyscan.options import Effort

__all__ = ["SERVER", "Client", "LineProcess", "Message", "ServerEnded"]

SERVER = (sys.executable, "-m", "keyscan")
"""The command that runs the server with this Python."""

Message = dict[str, Any]
StrPath = str | os.PathLike[str]
OnLine = Callable[[bytes], object]

_START_SECONDS = 120.0
_END_SECONDS = 10.0
_LAST_LOG_SECONDS = 1.0
_IN_FLIGHT_PER_WORKER = 8
_LONGEST_PATH = 1 << 16  # characters; the server cannot tell the id of a line above 1 MiB
_ERRORS = {kind.code: kind for kind in AnalysisError.__subclasses__()}


class ServerEnded(Exception):
    """The server cannot start, died or was closed; the message says why."""


class Client:
    """A running server; a context manager that leaves no process. Threads may share it.

    All methods but ``close`` raise ServerEnded if the server died or is closed, and so do futures;
    these raise CancelledError after a reset. Their callbacks run in the thread that reads replies,
    so a callback must not block.

    Attributes:
        pid: the process id of the server.
        ready: the server's ``ready`` message, with ``version``, ``model``, ``workers`` and
            ``features``.
    """

    def __init__(
        self,
        *options: str,
        command: Sequence[str] = SERVER,
        log: Callable[[str], object] | None = None,
        cwd: StrPath | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        """Start the server and wait until it is ready.

        ``options`` are those of the command line, such as ``"--workers", "2"``. ``command`` may
        name the frozen program. ``log`` gets every line of the server's stderr, in a thread;
        without it, they go to the stderr of this process.

        Raises:
            ServerEnded: the server cannot start.
            TimeoutError: the server is not ready within two minutes.
        """
        self._order = threading.RLock()  # requests are sent in the order of their futures
        self._lock = threading.Lock()  # of what follows
        self._files: dict[int, Future[Message]] = {}
        self._waits: defaultdict[str, deque[Future[Message]]] = defaultdict(deque)
        self._why = ""  # the reason for the end, once there is one
        self._ids = itertools.count(1)
        self._last_log = ""
        on_log = None if log is None else partial(self._receive_log, log)
        stderr = None if log is None else subprocess.PIPE
        try:
            self._process = LineProcess([*command, *options], stderr=stderr, cwd=cwd, env=env)
        except OSError as error:
            raise ServerEnded(f"the server cannot start: {error}") from error
        self.pid = self._process.pid
        ready = self._wait_for("ready")
        self._process.read(self._receive, self._end, on_log)
        try:
            self.ready = ready.result(_START_SECONDS)
        except BaseException:
            self.close()
            raise

    def analyze(
        self,
        path: StrPath,
        *,
        timeline: bool = False,
        stream: int | None = None,
        priority: bool = False,
        effort: Effort | None = None,
    ) -> Message:
        """The server's reply for a file; blocks until it is there.

        ``stream`` is the number of the audio stream to analyse, counted from 0; None: any. A file
        with ``priority`` goes before all that wait. ``effort``: ``"adaptive"`` for the key of parts
        of the track as long as these leave no doubt; None: that of the server.

        Raises:
            AnalysisError: the file has no key; ``code`` is that of the reply.
            CancelledError: a reset in another thread cancelled the file.
        """
        return self.submit(
            path, timeline=timeline, stream=stream, priority=priority, effort=effort
        ).result()

    def analyze_all(
        self, paths: Iterable[StrPath], *, timeline: bool = False, effort: Effort | None = None
    ) -> Iterator[tuple[StrPath, Message]]:
        """Every path with its reply, in the order in which replies arrive.

        A file without a key has a reply with ``status`` ``"error"``, ``code`` and ``error``.
        ``paths`` is read as the server proceeds; a caller that stops early cancels what is left.
        """
        unread, waiting = iter(paths), dict[Future[Message], StrPath]()
        done: queue.SimpleQueue[Future[Message]] = queue.SimpleQueue()
        room = _IN_FLIGHT_PER_WORKER * int(self.ready.get("workers", 1))
        try:
            while True:
                for path in itertools.islice(unread, room - len(waiting)):
                    future = self.submit(path, timeline=timeline, effort=effort)
                    waiting[future] = path
                    future.add_done_callback(done.put)
                if not waiting:
                    return
                future = done.get()
                path = waiting.pop(future)
                try:
                    reply = future.result()
                except AnalysisError as error:
                    reply = {"status": "error", "code": error.code, "error": str(error)}
                yield path, reply
        finally:
            for future in waiting:
                future.cancel()

    def submit(
        self,
        path: StrPath,
        *,
        timeline: bool = False,
        stream: int | None = None,
        priority: bool = False,
        effort: Effort | None = None,
    ) -> Future[Message]:
        """Request a file; the future returns or raises what ``analyze`` does.

        Until the reply is there, ``cancel()`` of the future makes the server drop the file.
        """
        future: Future[Message] = Future()
        number, absolute = next(self._ids), str(Path(path).absolute())
        wanted: Message = {"timeline": timeline, "stream": stream, "priority": priority}
        wanted |= {} if effort is None else {"effort": effort}
        if len(absolute) > _LONGEST_PATH:
            future.set_exception(InvalidPath("the path is too long"))
            return future
        with self._order:
            with self._lock:
                if self._why:
                    raise ServerEnded(self._why)
                self._files[number] = future
            self._send({"id": number, "path": absolute, **wanted})
        future.add_done_callback(partial(self._withdraw, number))
        return future

    def reset(self) -> None:
        """Cancel all files without a reply, and wait until the server confirms."""
        with self._order:
            complete, files = self._wait_for("reset_complete"), self._take_files()
            self._send({"type": "reset"})
        _cancel(files)
        complete.result()

    def ping(self, timeout: float | None = None) -> Message:
        """The server's ``pong``, with the numbers of files ``queued`` and ``running``.

        Raises:
            TimeoutError: there is no reply within ``timeout`` seconds.
        """
        with self._order:
            pong = self._wait_for("pong")
            self._send({"type": "ping"})
        return pong.result(timeout)

    def close(self) -> None:
        """End the server, in ten seconds at most; files without a reply are cancelled."""
        files = self._take_files("the client is closed")
        _cancel(files)
        self._process.close(at_once=bool(files))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _take_files(self, why: str = "") -> list[Future[Message]]:
        """Forget the files without a reply; ``why`` says why no other may follow."""
        with self._lock:
            self._why = self._why or why
            files, self._files = list(self._files.values()), {}
        return files

    def _wait_for(self, kind: str) -> Future[Message]:
        """A future of the next message of that type: the server sends them in order."""
        future: Future[Message] = Future()
        with self._lock:
            if self._why:
                raise ServerEnded(self._why)
            self._waits[kind].append(future)
        return future

    def _send(self, message: Message) -> None:
        with contextlib.suppress(OSError, ValueError):  # the reading thread reports the end
            self._process.send(json.dumps(message).encode() + b"\n")

    def _withdraw(self, number: int, future: Future[Message]) -> None:
        """Tell the server that the owner of a future cancelled it."""
        with self._lock:
            waits = future.cancelled() and self._files.pop(number, None) is not None
        if waits:
            future.set_running_or_notify_cancel()
            self._send({"type": "cancel", "id": number})

    def _receive(self, line: bytes) -> None:
        try:
            message = json.loads(line)
        except ValueError:
            message = None
        if not isinstance(message, dict):
            self._why = self._why or f"the server wrote a line that is no message: {line[:200]!r}"
            self._process.process.kill()
        elif "status" in message:
            self._reply(message)
        elif message.get("type") == "fatal":
            self._why = f"the server cannot start: {message.get('error')}"
        elif waiting := self._waits[str(message.get("type"))]:
            waiting.popleft().set_result(message)

    def _reply(self, message: Message) -> None:
        with self._lock:
            future = self._files.pop(message.get("id", 0), None)
        if future is None or not future.set_running_or_notify_cancel():
            return  # cancelled
        if message["status"] == "success":
            future.set_result(message)
        else:
            error = _ERRORS.get(message["code"], AnalysisError)(message["error"])
            error.code = message["code"]
            error.warnings = tuple(AnalysisWarning(**each) for each in message.get("warnings", ()))
            future.set_exception(error)

    def _receive_log(self, log: Callable[[str], object], line: bytes) -> None:
        self._last_log = line.decode("utf-8", "backslashreplace").rstrip("\r\n")
        log(self._last_log)

    def _end(self, code: int) -> None:
        """No future waits for a server that has ended."""
        last = f": {self._last_log}" if self._last_log else ""
        files = self._take_files(f"the server ended with exit code {code}{last}")
        for future in itertools.chain(files, *self._waits.values()):
            if future.set_running_or_notify_cancel():
                future.set_exception(ServerEnded(self._why))


def _cancel(futures: Iterable[Future[Message]]) -> None:
    for future in futures:
        future.cancel()
        future.set_running_or_notify_cancel()


class LineProcess:
    """A child process that reads lines from stdin and writes lines to stdout."""

    def __init__(self, command: Sequence[str], **options: Any) -> None:
        """Start it; ``options`` and errors are those of ``subprocess.Popen``."""
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, **options)
        self.pid = self.process.pid
        assert self.process.stdin is not None
        self._stdin = self.process.stdin
        self._threads: list[threading.Thread] = []

    def read(
        self, on_line: OnLine, on_end: Callable[[int], object], on_log: OnLine | None = None
    ) -> None:
        """Call ``on_line`` with every line of stdout, then ``on_end`` with the exit code.

        ``on_log`` gets every line of stderr, which must be a pipe. Each pipe has its own thread.
        """

        def read_lines(pipe: IO[bytes] | None, on_line: OnLine) -> None:
            assert pipe is not None
            with pipe:
                for line in pipe:
                    on_line(line)

        def read_stdout() -> None:
            try:
                read_lines(self.process.stdout, on_line)
            finally:
                code = self.wait()
                self._join(_LAST_LOG_SECONDS)  # another process may hold stderr open
                on_end(code)

        if on_log is not None:
            log = partial(read_lines, self.process.stderr, on_log)
            self._threads.append(threading.Thread(target=log, daemon=True))
        self._threads.append(threading.Thread(target=read_stdout, daemon=True))
        for thread in self._threads:
            thread.start()

    def send(self, line: bytes) -> None:
        """Write to stdin; blocks while the pipe is full. OSError, ValueError: it is closed."""
        self._stdin.write(line)
        self._stdin.flush()

    def close_stdin(self) -> None:
        """No line follows."""
        with contextlib.suppress(OSError):  # the process has not read everything
            self._stdin.close()

    def close(self, *, at_once: bool = False) -> None:
        """End the process: it has seconds to finish its work, or gets a signal."""
        if at_once:
            self.process.terminate()
            self.wait()
        self.close_stdin()
        self.wait()
        self._join(_END_SECONDS)

    def wait(self) -> int:
        """The exit code of a process that is about to end; one that does not is killed."""
        try:
            return self.process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def _join(self, seconds: float) -> None:
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(seconds)
