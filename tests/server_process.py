"""The real server as a child process, driven line by line as an app drives it."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
EXE = os.environ.get("KEYSCAN_EXE")
"""The frozen app, to have the tests of the process run against it instead of Python."""
COMMAND = [str(Path(EXE).absolute())] if EXE else [
    sys.executable, str(ROOT / "openkeyscan_analyzer_server.py")
]  # fmt: skip
PATIENCE = 60.0  # seconds; only a hang takes that long


class ServerProcess:
    """Starts the server and waits for ``ready``; a context manager that leaves no process."""

    def __init__(
        self,
        *options: str,
        environ: Mapping[str, str] | None = None,
        prefix: tuple[str, ...] = (),
        command: Sequence[str] = COMMAND,
        wait: bool = True,
        stderr: bool = True,
    ) -> None:
        """``wait`` for ``ready``; keep reading ``stderr`` into the attribute of that name."""
        self.process = subprocess.Popen(
            [*prefix, *command, *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **(environ or {})},
        )
        self.pid = self.process.pid
        self.stderr = b""
        self._messages: queue.Queue[dict[str, Any] | None] = queue.Queue()
        readers = [self._read_stdout, *([self._read_stderr] if stderr else [])]
        self._threads = [threading.Thread(target=reader) for reader in readers]
        for thread in self._threads:
            thread.start()
        self.ready = self.receive() if wait else None

    def send(self, message: object) -> None:
        """Write one line: bytes as they are, anything else as JSON."""
        line = message if isinstance(message, bytes) else json.dumps(message).encode() + b"\n"
        assert self.process.stdin is not None
        self.process.stdin.write(line)
        self.process.stdin.flush()

    def receive(self, heartbeats: bool = False) -> dict[str, Any]:
        """The next message, heartbeats only if asked for; fails at the end of the output."""
        while True:
            message = self._messages.get(timeout=PATIENCE)
            assert message is not None, f"the server has ended: {self.stderr.decode()}"
            if heartbeats or message != {"type": "heartbeat"}:
                return message

    def ask(self, message: object) -> dict[str, Any]:
        """Send one line and wait for one message."""
        self.send(message)
        return self.receive()

    def finish(self) -> list[dict[str, Any]]:
        """Close stdin, wait for the end, and return what else was said."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.rest()

    def rest(self) -> list[dict[str, Any]]:
        """Wait for the end of the output, and return what is left of it."""
        rest = []
        while (message := self._messages.get(timeout=PATIENCE)) is not None:
            rest.append(message)
        self.process.wait(PATIENCE)
        for thread in self._threads:
            thread.join(PATIENCE)
        return [message for message in rest if message != {"type": "heartbeat"}]

    def worker_pids(self) -> list[int]:
        """The decoding processes (Linux)."""
        children = Path(f"/proc/{self.pid}/task").glob("*/children")
        pids = [int(pid) for file in children for pid in read_process_file(file).split()]
        return [p for p in pids if b"--multiprocessing-fork" in command_line(p)]

    def __enter__(self) -> ServerProcess:
        return self

    def __exit__(self, *exception: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE)
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe is not None and not pipe.closed:
                try:
                    pipe.close()
                except OSError:
                    continue

    def _read_stdout(self) -> None:
        assert self.process.stdout is not None
        try:
            for line in self.process.stdout:
                self._messages.put(json.loads(line.decode("utf-8")))
        except ValueError:
            if not self.process.stdout.closed:
                raise
        self._messages.put(None)

    def _read_stderr(self) -> None:
        assert self.process.stderr is not None
        try:
            for line in self.process.stderr:
                self.stderr += line
        except ValueError:
            return


def command_line(pid: int) -> bytes:
    """Of a process, its arguments separated by NULs (Linux); empty once it has ended."""
    return read_process_file(Path(f"/proc/{pid}/cmdline"))


def read_process_file(path: Path) -> bytes:
    """A file of ``/proc``; empty if its process or thread has ended."""
    try:
        return path.read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def request(request_id: object, path: object) -> dict[str, Any]:
    """The request for a file."""
    return {"id": request_id, "path": str(path)}


def wait_for(condition: Callable[[], object]) -> None:
    """Wait until ``condition()`` is true; only a defect makes that take long."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
