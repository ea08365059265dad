"""Progress: a bar on a terminal, a line per minute in a log."""

from __future__ import annotations

import sys
import time

from tqdm import tqdm

_LOG_SECONDS = 60.0


class Progress:
    """Counts inputs and findings, and prints them to stderr."""

    def __init__(self, seconds: float) -> None:
        self.inputs = {"media": 0, "line": 0}
        self.findings = 0
        self._new_at = self._start = time.monotonic()
        self._next_log = self._start + _LOG_SECONDS
        self._bar = tqdm(
            total=round(seconds), unit="s", file=sys.stderr, disable=not sys.stderr.isatty(),
            bar_format="{percentage:3.0f}% |{bar}| {n:.0f}/{total} s{postfix}",
        )  # fmt: skip

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._start

    def tried(self, kind: str, count: int = 1) -> None:
        """Count ``count`` more inputs."""
        self.inputs[kind] += count
        if not self._bar.disable:
            self._bar.n = min(self.elapsed, self._bar.total)
            self._bar.set_postfix_str(self.summary(), refresh=False)
            self._bar.update(0)
        elif time.monotonic() > self._next_log:
            self._next_log += _LOG_SECONDS
            self.say(f"{self.elapsed:.0f} s: {self.summary()}")

    def found(self, text: str) -> None:
        """Count and print a new finding."""
        self.findings += 1
        self._new_at = time.monotonic()
        self.say(text)

    def say(self, text: str) -> None:
        """Print a line."""
        self._bar.clear()
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()

    def summary(self) -> str:
        """The counts in one line."""
        count = sum(self.inputs.values())
        ago = f", the last {time.monotonic() - self._new_at:.0f} s ago" if self.findings else ""
        return (
            f"{count} inputs ({self.inputs['media']} files, {self.inputs['line']} lines), "
            f"{count / max(self.elapsed, 1e-9):.1f} a second, {self.findings} new finding(s){ago}"
        )

    def close(self) -> None:
        """Remove the bar."""
        self._bar.close()
