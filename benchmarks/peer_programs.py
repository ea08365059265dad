"""The programs that are measured side by side: each a process, asked line by line."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.line_process import SERVER, LineProcess
from benchmarks.processes import usage

BASELINE = (sys.executable, "-m", "benchmarks.baseline")
FLOOR = (sys.executable, "-m", "benchmarks.floor")


@dataclass(frozen=True)
class Answer:
    """``seconds`` from the request to the reply; ``error`` is empty where there is a ``key``."""

    seconds: float
    key: str
    error: str = ""


class Program(LineProcess):
    """A process that answers ``{"id", "path"}`` lines."""

    def ask(self, path: Path) -> Answer:
        """Send one request, and wait for its reply."""
        return self.ask_all([path])[0]

    def ask_all(self, paths: Sequence[Path]) -> list[Answer]:
        """Send all requests at once, and wait for all replies; seconds are since then."""
        requests = [{"id": n, "path": str(path.absolute())} for n, path in enumerate(paths)]
        asked = time.perf_counter()
        self.send(*requests)
        return [self._answer(asked) for _ in paths]

    def processor_seconds(self) -> float:
        """What it and its children have computed so far."""
        return usage(psutil.Process(self.pid)).processor_seconds

    def _answer(self, asked: float) -> Answer:
        reply = self.receive()
        seconds = time.perf_counter() - asked
        return Answer(seconds, reply.get("key") or "", reply.get("error", ""))


def server_command(exe: Path | None) -> list[str]:
    """Our server as an app starts it: the frozen one, or Python's."""
    return [str(exe.absolute())] if exe else list(SERVER)


def peer_command(name: str, python: str) -> list[str]:
    """A peer under the Python it is installed in."""
    return [python, "-m", "benchmarks.peer_adapters", name]


@contextlib.contextmanager
def on_one_core() -> Iterator[None]:
    """What is started meanwhile is held to one core (Linux)."""
    every = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(every)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, every)
