"""The programs under measurement: our server and its peers, each a process that stays running."""

from __future__ import annotations

import contextlib
import os
import queue
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from benchmarks.processes import usage
from keyscan.client import Client, Message, ServerEnded
from keyscan.errors import AnalysisError

ROOT = Path(__file__).parent.parent
SERVER = (sys.executable, str(ROOT / "openkeyscan_analyzer_server.py"))
BASELINE = (sys.executable, "-m", "benchmarks.baseline")
FLOOR = (sys.executable, "-m", "benchmarks.floor")
ADAPTIVE = {"effort": "adaptive"}
"""The fields of a request for adaptive analysis."""


@dataclass(frozen=True)
class Answer:
    """``seconds`` from the request to the reply; ``error`` is empty if there is a ``key``."""

    seconds: float
    key: str
    error: str = ""


class Program(Client):
    """A process that replies to paths with keys, as our server does (see ``line_program``)."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        cwd: Path = ROOT,
        env: Mapping[str, str] | None = None,
        fields: Mapping[str, Any] | None = None,
    ) -> None:
        """Start it and wait until it is ready; only the last lines of its stderr are shown.

        ``fields`` are added to every request.

        Raises:
            SystemExit: it cannot start.
        """
        self.name = name
        self._fields = fields or {}
        with self._exit_if_it_ended():
            super().__init__(command=command, log=lambda line: None, cwd=cwd, env=env)

    def ask(self, path: Path) -> Answer:
        """The answer for one file.

        Raises:
            SystemExit: the process ended.
        """
        return self.ask_all([path])[0]

    def ask_all(self, paths: Sequence[Path]) -> list[Answer]:
        """The answers in order of arrival; all requests are written at once.

        Raises:
            SystemExit: the process ended.
        """
        done: queue.SimpleQueue[tuple[float, Future[Message]]] = queue.SimpleQueue()
        with self._exit_if_it_ended():
            asked = time.perf_counter()
            for path in paths:
                future = self.submit(path)
                future.add_done_callback(lambda one: done.put((time.perf_counter() - asked, one)))
            return [_answer(*done.get()) for _ in paths]

    def seconds_for(self, paths: Sequence[Path]) -> float:
        """Seconds until all replies have arrived.

        Raises:
            SystemExit: a file has no key, so the time is meaningless.
        """
        answers = self.ask_all(paths)
        check(answers)
        return max(answer.seconds for answer in answers)

    def analyze_whole(self, path: Path, length: float) -> float:
        """Seconds for a generated file of that length in seconds.

        Raises:
            SystemExit: it has no key, or the reply has a warning or another length.
        """
        start = time.perf_counter()
        try:
            with self._exit_if_it_ended():
                reply = self.analyze(path)
        except AnalysisError as error:
            raise SystemExit(f"{path.name} was not analysed well: {error}") from None
        seconds = time.perf_counter() - start
        if reply["warnings"] or abs(reply["duration"] - length) > max(0.2, 0.01 * length):
            raise SystemExit(f"{path.name} was not analysed well: {reply}")
        return seconds

    def processor_seconds(self) -> float:
        """Processor time of the process and its children so far."""
        return usage(psutil.Process(self.pid)).processor_seconds

    def _send(self, message: Message) -> None:
        super()._send({**message, **self._fields})

    @contextlib.contextmanager
    def _exit_if_it_ended(self) -> Iterator[None]:
        try:
            yield
        except ServerEnded as error:
            raise SystemExit(f"{self.name}: {error}") from None


def _answer(seconds: float, future: Future[Message]) -> Answer:
    try:
        return Answer(seconds, future.result()["key"])
    except AnalysisError as error:
        return Answer(seconds, "", str(error))


def check(answers: Sequence[Answer]) -> None:
    """Raises SystemExit if a file has no key."""
    if failed := [answer.error for answer in answers if answer.error]:
        raise SystemExit(f"{len(failed)} of {len(answers)} files failed: {failed[0]}")


def server_command(exe: Path | None) -> list[str]:
    """The command of our server as an app starts it: the frozen one, or Python's."""
    return [str(exe.absolute())] if exe else list(SERVER)


def peer_command(name: str, python: str) -> list[str]:
    """The command of a peer, with the Python in which it is installed."""
    return [python, "-m", "benchmarks.peer_adapters", name]


@contextlib.contextmanager
def on_one_core() -> Iterator[None]:
    """Pin processes that start meanwhile to one core (Linux)."""
    every = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(every)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, every)
