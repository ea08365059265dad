"""The real server as a monitored child process: replies, stderr, memory, open files."""

from __future__ import annotations

import json
import os
import queue
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from keyscan.client import LineProcess
from tests.server_process import COMMAND, HEARTBEAT, READY_LINE

_START_SECONDS = 120.0
_LOOK_SECONDS = 0.1

Message = dict[str, Any]


class Died(Exception):
    """The server ended, or closed its output, before its input ended."""


@dataclass(frozen=True)
class NotAMessage:
    """A line of output that is not a JSON object in UTF-8."""

    line: bytes


class Target:
    """Starts the server in an empty folder of its own; a context manager that leaves no process.

    It is the frozen app if the variable ``KEYSCAN_EXE`` names it, as for the tests.
    ``peak`` is the largest resident size in bytes of a process below the server since
    ``forget_peak``, sampled ten times a second.

    Raises:
        Died: it ended before it was ready.
    """

    def __init__(self, folder: Path, *options: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.peak = 0
        self._next_look = 0.0
        self._errors = folder.with_suffix(".stderr")
        with self._errors.open("wb") as errors:
            self._process = LineProcess(
                [*COMMAND, *options],
                stderr=errors,
                cwd=folder,
                env={**os.environ, "TMPDIR": str(folder), "PYTHONDONTWRITEBYTECODE": "1"},
                start_new_session=True,  # Ctrl-C is for this process only
            )
        self._output: queue.SimpleQueue[Message | NotAMessage | Died] = queue.SimpleQueue()
        self._process.read(
            lambda line: self._output.put(_parsed(line)),
            lambda code: self._output.put(Died(f"the server ended with exit code {code}")),
        )
        try:
            self._wait_for_ready()
        except BaseException:
            self.close()
            raise

    def _wait_for_ready(self) -> None:
        ready = self.receive(_START_SECONDS)
        if not isinstance(ready, dict) or ready.get("type") != "ready":
            raise Died(f"the server did not get ready: {self.stderr()}")

    def send(self, line: bytes) -> None:
        """Write one line.

        Raises:
            Died: the server does not read.
        """
        try:
            self._process.send(line + b"\n")
        except OSError as error:
            raise Died(f"the server does not read any more: {error}") from error

    def receive(self, patience: float) -> Message | NotAMessage | None:
        """The next message except heartbeats; None if none arrives within ``patience`` seconds.

        Raises:
            Died: the output has ended.
        """
        deadline = time.monotonic() + patience
        while True:
            self._look_at_memory()
            try:
                message = self._output.get(timeout=_LOOK_SECONDS)
            except queue.Empty:
                if time.monotonic() > deadline:
                    return None
                continue
            if isinstance(message, Died):
                raise message
            if message != HEARTBEAT:
                return message

    def receive_after(self, line: bytes, patience: float) -> Message | NotAMessage | None:
        """Send one line, and ``receive``."""
        self.send(line)
        return self.receive(patience)

    def forget_peak(self) -> None:
        """Start a new measurement of memory."""
        self.peak = 0

    def stderr(self) -> str:
        """All text on stderr but the line that says that the server is ready."""
        text = self._errors.read_text(encoding="utf-8", errors="backslashreplace")
        return text.replace(READY_LINE.decode(), "", 1)

    def stray_files(self, inputs: Path) -> list[str]:
        """Forbidden files and connections: files left in the server's folder, connections, and open
        files that are writable or are next to the folder ``inputs`` but not in it."""
        strays: list[Path | str] = list(self.folder.rglob("*"))
        for process in self._descendants():
            try:
                opened = process.open_files()
                connections = process.net_connections("inet")
            except psutil.Error:
                continue
            strays += [file.path for file in opened if not self._may_be_open(file, inputs)]
            strays += [f"a connection: {connection.laddr}" for connection in connections]
        return sorted(map(str, strays))

    def close(self) -> None:
        """End the server and everything below it."""
        below = self._descendants()
        self._process.process.kill()
        for process in below:
            try:
                process.kill()
            except psutil.Error:
                continue
        self._process.close()

    def __enter__(self) -> Target:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _may_be_open(self, file: Any, inputs: Path) -> bool:
        path, is_read = Path(file.path), getattr(file, "mode", "r") == "r"  # a mode only on Linux
        if path == self._errors or path.is_relative_to(inputs):
            return True
        return is_read and not path.is_relative_to(inputs.parent)  # a library, or our own code

    def _descendants(self) -> list[psutil.Process]:
        try:
            children: list[psutil.Process] = psutil.Process(self._process.pid).children(True)
        except psutil.Error:
            return []
        return children

    def _look_at_memory(self) -> None:
        now = time.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + _LOOK_SECONDS
        for process in self._descendants():
            try:
                self.peak = max(self.peak, process.memory_info().rss)
            except psutil.Error:
                continue


def _parsed(line: bytes) -> Message | NotAMessage:
    try:
        message = json.loads(line.decode("utf-8"), parse_constant=_refuse)
    except ValueError:
        return NotAMessage(line)
    return message if isinstance(message, dict) else NotAMessage(line)


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
