"""The programs that are measured side by side: each a process, asked line by line."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil

from benchmarks.processes import usage

ROOT = Path(__file__).parent.parent
SERVER = (sys.executable, str(ROOT / "openkeyscan_analyzer_server.py"))
BASELINE = (sys.executable, "-m", "benchmarks.baseline")
FLOOR = (sys.executable, "-m", "benchmarks.floor")


@dataclass(frozen=True)
class Answer:
    """``seconds`` from the request to the reply; ``error`` is empty where there is a ``key``."""

    seconds: float
    key: str
    error: str = ""


class Program:
    """A process that answers ``{"id", "path"}`` lines; a context manager that ends it.

    Attributes:
        about: what it said of itself when it was ready.
    """

    def __init__(self, name: str, command: Sequence[str]) -> None:
        """Start it, and wait until it is ready.

        Raises:
            SystemExit: it has ended instead.
        """
        self.name = name
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self._process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
        )
        assert self._process.stdout is not None
        self._messages: Iterator[dict[str, Any]] = map(json.loads, self._process.stdout)
        self.about = self._next("type", "ready")

    def ask(self, path: Path) -> Answer:
        """Send one request, and wait for its reply."""
        asked = time.perf_counter()
        self._send([path])
        return self._answer(asked)

    def ask_all(self, paths: Sequence[Path]) -> list[Answer]:
        """Send all requests at once, and wait for all replies; seconds are since then."""
        asked = time.perf_counter()
        self._send(paths)
        return [self._answer(asked) for _ in paths]

    def processor_seconds(self) -> float:
        """What it and its children have computed so far."""
        return usage(psutil.Process(self._process.pid)).processor_seconds

    def __enter__(self) -> Program:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._log, self._process as process:
            assert process.stdin is not None
            process.stdin.close()
            if kind is not None:
                process.terminate()

    def _send(self, paths: Sequence[Path]) -> None:
        assert self._process.stdin is not None
        for number, path in enumerate(paths):
            line = json.dumps({"id": number, "path": str(path.absolute())})
            self._process.stdin.write(line.encode() + b"\n")
        self._process.stdin.flush()

    def _answer(self, asked: float) -> Answer:
        reply = self._next("status")
        seconds = time.perf_counter() - asked
        return Answer(seconds, reply.get("key") or "", reply.get("error", ""))

    def _next(self, name: str, value: str | None = None) -> dict[str, Any]:
        for message in self._messages:
            if name in message and value in (None, message[name]):
                return message
        self._log.seek(0)
        said = self._log.read().decode(errors="replace")[-2000:]
        raise SystemExit(f"{self.name} has ended:\n{said}")


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
