"""The transport of the client: a child process that is written to and read line by line."""

from __future__ import annotations

import contextlib
import subprocess
import threading
from collections.abc import Callable, Sequence
from typing import IO, Any

_END_SECONDS = 10.0
_LAST_LOG_SECONDS = 1.0


class LineProcess:
    """A child process that reads lines from stdin and writes lines to stdout."""

    def __init__(self, command: Sequence[str], **options: Any) -> None:
        """Start it; ``options`` are those of ``subprocess.Popen``.

        Raises:
            OSError: the system cannot start the program.
        """
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, **options)
        self.pid = self.process.pid
        self._threads: list[threading.Thread] = []

    def read(
        self,
        on_line: Callable[[bytes], object],
        on_end: Callable[[int], object],
        on_log: Callable[[bytes], object] | None = None,
    ) -> None:
        """Call ``on_line`` with every line of stdout, then ``on_end`` with the exit code.

        ``on_log`` gets every line of stderr, which must be a pipe. Each pipe has its own thread.
        """
        if on_log is not None:
            self._start(_read_lines, self.process.stderr, on_log)
        self._start(self._read_stdout, on_line, on_end)

    def send(self, line: bytes) -> None:
        """Write to stdin; blocks while the pipe is full.

        Raises:
            OSError: the process has ended.
            ValueError: stdin is closed.
        """
        assert self.process.stdin is not None
        self.process.stdin.write(line)
        self.process.stdin.flush()

    def close_stdin(self) -> None:
        """No line follows."""
        assert self.process.stdin is not None
        with contextlib.suppress(OSError):  # the process has not read everything
            self.process.stdin.close()

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

    def _read_stdout(
        self, on_line: Callable[[bytes], object], on_end: Callable[[int], object]
    ) -> None:
        try:
            _read_lines(self.process.stdout, on_line)
        finally:
            code = self.wait()
            self._join(_LAST_LOG_SECONDS)  # another process may hold stderr open
            on_end(code)

    def _start(self, target: Callable[..., object], *arguments: object) -> None:
        self._threads.append(threading.Thread(target=target, args=arguments, daemon=True))
        self._threads[-1].start()

    def _join(self, seconds: float) -> None:
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(seconds)


def _read_lines(pipe: IO[bytes] | None, on_line: Callable[[bytes], object]) -> None:
    assert pipe is not None
    with pipe:
        for line in pipe:
            on_line(line)
