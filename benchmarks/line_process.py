"""A process that answers lines of JSON with lines of JSON, as our server and its peers do."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).parent.parent
SERVER = (sys.executable, str(ROOT / "openkeyscan_analyzer_server.py"))

Message = dict[str, Any]


class LineProcess:
    """Started, and ready; a context manager that ends it in good order.

    Attributes:
        about: what it said of itself when it was ready.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        folder: Path = ROOT,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start it in ``folder``, and wait until it is ready.

        Raises:
            SystemExit: it has ended instead.
        """
        self.name = name
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self._process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
        )
        self.pid = self._process.pid
        assert self._process.stdout is not None
        self._messages: Iterator[Message] = map(json.loads, self._process.stdout)
        self._last: Message = {}
        self.about = self.receive("type", "ready")

    def send(self, *messages: Message) -> None:
        """Write a line for each."""
        assert self._process.stdin is not None
        for message in messages:
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
        self._process.stdin.flush()

    def receive(self, field: str = "status", value: str | None = None) -> Message:
        """The next message that has the field, or that value of it; by default, a reply.

        Raises:
            SystemExit: the process has ended, after what it last said.
        """
        for message in self._messages:
            if field in message and value in (None, message[field]):
                return message
            self._last = message
        self._log.seek(0)
        said = self._log.read().decode(errors="replace")[-2000:]
        raise SystemExit(f"{self.name} has ended: {self._last.get('error', '')}\n{said}")

    def __enter__(self) -> Self:
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
