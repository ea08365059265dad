"""A Python client: starts the server, sends it paths, and returns its replies as futures.

``Client`` analyses in other processes, so that a damaged file cannot crash the program, every file
has a limit of time and memory, and all cores are busy. It imports the standard library only: numpy
and torch stay in the server.
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
from typing import Any, Self

from keyscan.errors import AnalysisError, InvalidPath
from keyscan.line_process import LineProcess

__all__ = ["SERVER", "Client", "Message", "ServerEnded"]

SERVER = (sys.executable, "-m", "keyscan")
"""The command that runs the server with this Python."""

Message = dict[str, Any]
StrPath = str | os.PathLike[str]

_START_SECONDS = 120.0
_IN_FLIGHT_PER_WORKER = 8
_LONGEST_PATH = 1 << 16  # characters; the server cannot tell the id of a line above 1 MiB
_ERRORS = {kind.code: kind for kind in AnalysisError.__subclasses__()}


class ServerEnded(Exception):
    """The server cannot start, died or was closed; the message says why."""


class Client:
    """A running server; a context manager that leaves no process. Threads may share it.

    Futures run their callbacks in the thread that reads replies, so a callback must not block.

    Attributes:
        ready: the server's ``ready`` message, with ``version``, ``model`` and ``workers``.
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
        self._lock = threading.Lock()  # of what follows
        self._files: dict[int, Future[Message]] = {}
        self._waits: defaultdict[str, deque[Future[Message]]] = defaultdict(deque)
        self._ended = False
        self._why = ""
        self._ids = itertools.count(1)
        self._log, self._last_log = log, ""
        stderr = None if log is None else subprocess.PIPE
        try:
            self._process = LineProcess([*command, *options], stderr=stderr, cwd=cwd, env=env)
        except OSError as error:
            raise ServerEnded(f"the server cannot start: {error}") from error
        ready = self._wait_for("ready")
        self._process.read(self._receive, self._end, None if log is None else self._receive_log)
        try:
            self.ready = ready.result(_START_SECONDS)
        except BaseException:
            self.close()
            raise

    @property
    def pid(self) -> int:
        """The process id of the server."""
        return self._process.pid

    def analyze(self, path: StrPath, *, timeline: bool = False) -> Message:
        """The server's reply for a file; blocks until it is there.

        Raises:
            AnalysisError: the file has no key; ``code`` is that of the reply.
            CancelledError: a reset in another thread cancelled the file.
            ServerEnded: the server died or is closed.
        """
        return self.submit(path, timeline=timeline).result()

    def analyze_all(
        self, paths: Iterable[StrPath], *, timeline: bool = False
    ) -> Iterator[tuple[StrPath, Message]]:
        """Every path with its reply, in the order in which replies arrive.

        A file without a key has a reply with ``status`` ``"error"``, ``code`` and ``error``.
        ``paths`` is read as the server proceeds; a caller that stops early cancels what is left.

        Raises:
            CancelledError: a reset cancelled the files.
            ServerEnded: the server died or is closed.
        """
        unread, waiting = iter(paths), dict[Future[Message], StrPath]()
        done: queue.SimpleQueue[Future[Message]] = queue.SimpleQueue()
        room = _IN_FLIGHT_PER_WORKER * int(self.ready.get("workers", 1))
        try:
            while True:
                for path in itertools.islice(unread, room - len(waiting)):
                    future = self.submit(path, timeline=timeline)
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

    def submit(self, path: StrPath, *, timeline: bool = False) -> Future[Message]:
        """Request a file; the future returns or raises what ``analyze`` does.

        Until the reply is there, ``cancel()`` of the future makes the server drop the file.

        Raises:
            ServerEnded: the server died or is closed.
        """
        future: Future[Message] = Future()
        number, absolute = next(self._ids), str(Path(path).absolute())
        if len(absolute) > _LONGEST_PATH:
            future.set_exception(InvalidPath("the path is too long"))
            return future
        with self._lock:
            self._check()
            self._files[number] = future
        future.add_done_callback(partial(self._withdraw, number))
        self._send({"id": number, "path": absolute, "timeline": timeline})
        return future

    def reset(self) -> None:
        """Cancel all files without a reply, and wait until the server confirms.

        Raises:
            ServerEnded: the server died or is closed.
        """
        with self._lock:
            self._check()
            files = self._take_files()
            complete = self._wait_for("reset_complete")
        self._send({"type": "reset"})
        _cancel(files)
        complete.result()

    def ping(self, timeout: float | None = None) -> Message:
        """The server's ``pong``, with the numbers of files ``queued`` and ``running``.

        Raises:
            TimeoutError: there is no reply within ``timeout`` seconds.
            ServerEnded: the server died or is closed.
        """
        with self._lock:
            self._check()
            pong = self._wait_for("pong")
        self._send({"type": "ping"})
        return pong.result(timeout)

    def close(self) -> None:
        """End the server, within seconds; files without a reply are cancelled."""
        with self._lock:
            self._ended = True
            self._why = self._why or "the client is closed"
            files = self._take_files()
        _cancel(files)
        self._process.close(at_once=bool(files))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _check(self) -> None:
        if self._ended:
            raise ServerEnded(self._why)

    def _take_files(self) -> list[Future[Message]]:
        files, self._files = list(self._files.values()), {}
        return files

    def _wait_for(self, kind: str) -> Future[Message]:
        """A future of the next message of that type: the server sends them in order."""
        future: Future[Message] = Future()
        self._waits[kind].append(future)
        return future

    def _send(self, message: Message) -> None:
        with contextlib.suppress(OSError, ValueError):  # the reading thread reports the end
            self._process.send(json.dumps(message).encode() + b"\n")

    def _withdraw(self, number: int, future: Future[Message]) -> None:
        """Tell the server that the owner of a future cancelled it."""
        if not future.cancelled():
            return
        with self._lock:
            waits = self._files.pop(number, None) is not None
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
            future = self._files.pop(message["id"], None)
        if future is None or not future.set_running_or_notify_cancel():
            return  # cancelled
        if message["status"] == "success":
            future.set_result(message)
        else:
            error = _ERRORS.get(message["code"], AnalysisError)(message["error"])
            error.code = message["code"]
            future.set_exception(error)

    def _receive_log(self, line: bytes) -> None:
        assert self._log is not None
        self._last_log = line.decode("utf-8", "backslashreplace").rstrip("\r\n")
        self._log(self._last_log)

    def _end(self, code: int) -> None:
        """No future waits for a server that has ended."""
        last = f": {self._last_log}" if self._last_log else ""
        with self._lock:
            self._ended = True
            self._why = self._why or f"the server ended with exit code {code}{last}"
            waiting = [*self._take_files(), *itertools.chain(*self._waits.values())]
        for future in waiting:
            if future.set_running_or_notify_cancel():
                future.set_exception(ServerEnded(self._why))


def _cancel(files: Iterable[Future[Message]]) -> None:
    for future in files:
        future.cancel()
        future.set_running_or_notify_cancel()
