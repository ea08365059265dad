"""The real server as a child process, to which tests write line by line as an app does."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from keyscan.client import LineProcess
from tests.messages import check_line, check_reply

ROOT = Path(__file__).parent.parent
EXE = os.environ.get("KEYSCAN_EXE")
"""The frozen app, to test it instead of Python's server."""
COMMAND = [str(Path(EXE).absolute())] if EXE else [
    sys.executable, str(ROOT / "openkeyscan_analyzer_server.py")
]  # fmt: skip
PATIENCE = 60.0  # seconds; only a hang takes that long
HEARTBEAT = {"type": "heartbeat"}
READY_LINE = b"Server ready\n"


class ServerProcess(LineProcess):
    """The server and a queue of its messages; a context manager that leaves no process.

    Every message in either direction is checked against the schema of the protocol.
    """

    def __init__(
        self,
        *options: str,
        environ: Mapping[str, str] | None = None,
        prefix: tuple[str, ...] = (),
        command: Sequence[str] = COMMAND,
        wait: bool = True,
        stderr: bool = True,
    ) -> None:
        """``wait`` for ``ready``; keep reading ``stderr`` into the attribute of that name.

        The attribute is without the line that says that the server is ready.
        """
        super().__init__(
            [*prefix, *command, *options],
            stderr=subprocess.PIPE,
            env={**os.environ, **(environ or {})},
        )
        self.stderr = b""
        self._messages: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self.read(
            lambda line: self._messages.put(json.loads(line.decode("utf-8"))),
            lambda code: self._messages.put(None),
            self._keep if stderr else None,
        )
        self.ready = self.receive() if wait else None

    def send(self, message: object) -> None:
        """Write one line: bytes as they are, anything else as JSON."""
        data = message if isinstance(message, bytes) else json.dumps(message).encode() + b"\n"
        for line in data.split(b"\n"):
            check_line(line)
        super().send(data)

    def receive(self, heartbeats: bool = False) -> dict[str, Any]:
        """The next message, heartbeats only on demand; fails at the end of the output."""
        while True:
            message = self._messages.get(timeout=PATIENCE)
            assert message is not None, f"the server has ended: {self.stderr.decode()}"
            if check_reply(message) != HEARTBEAT or heartbeats:
                return message

    def ask(self, message: object) -> dict[str, Any]:
        """Send one line and wait for one message."""
        self.send(message)
        return self.receive()

    def finish(self) -> list[dict[str, Any]]:
        """Close stdin, wait for the end, and return all messages until then."""
        self.close_stdin()
        return self.rest()

    def rest(self) -> list[dict[str, Any]]:
        """Wait for the end of the output, and return what is left of it."""
        messages = map(check_reply, iter(lambda: self._messages.get(timeout=PATIENCE), None))
        return [message for message in messages if message != HEARTBEAT]

    def worker_pids(self) -> list[int]:
        """The decoding processes (Linux)."""
        children = Path(f"/proc/{self.pid}/task").glob("*/children")
        pids = [int(pid) for file in children for pid in read_process_file(file).split()]
        return [p for p in pids if b"--multiprocessing-fork" in command_line(p)]

    def __enter__(self) -> ServerProcess:
        return self

    def __exit__(self, *exception: object) -> None:
        self.process.kill()
        self.close()
        if self.process.stderr is not None:
            self.process.stderr.close()

    def _keep(self, line: bytes) -> None:
        if line != READY_LINE:
            self.stderr += line


def command_line(pid: int) -> bytes:
    """The arguments of a process, separated by NULs (Linux); empty once it has ended."""
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
        assert time.monotonic() < deadline, "the condition did not become true"
        time.sleep(0.02)
