"""A process that answers lines of JSON with lines of JSON, as our server and its peers do."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
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
            SystemExit: it has ended instead, or says something else.
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
        self._last = ""  # what it said that nobody waited for
        try:
            self.about = self.receive("type", "ready")
        except BaseException:
            self._close(kill=True)
            raise

    def send(self, *messages: Message) -> None:
        """Write a line for each; more than a pipe holds only to one who reads while it answers.

        Raises:
            SystemExit: the process has ended.
        """
        assert self._process.stdin is not None
        try:
            for message in messages:
                self._process.stdin.write(json.dumps(message).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._ended() from None

    def receive(self, field: str = "status", value: str | None = None) -> Message:
        """The next message that has the field, or that value of it; by default, a reply.

        Raises:
            SystemExit: the process has ended, or what it says is no message.
        """
        assert self._process.stdout is not None
        for line in self._process.stdout:
            message = _message(line)
            if message is None:
                raise SystemExit(f"{self.name} does not say messages: {line[:200]!r}")
            if field in message and value in (None, message[field]):
                return message
            self._last = message.get("error", "")
        raise self._ended()

    def _ended(self) -> SystemExit:
        code = self._process.wait()
        self._log.seek(0)
        said = self._log.read().decode(errors="replace")[-2000:]
        last = "" if self._last in said else f": {self._last}"
        return SystemExit(f"{self.name} has ended with exit code {code}{last}\n{said}".rstrip())

    def _close(self, *, kill: bool) -> None:
        with self._log, self._process as process:
            assert process.stdin is not None
            if kill:
                process.kill()
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close(kill=kind is not None)


def _message(line: bytes) -> Message | None:
    try:
        message = json.loads(line)
    except ValueError:
        return None
    return message if isinstance(message, dict) else None
