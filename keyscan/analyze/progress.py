"""How far it has got: a bar on a terminal, and what has to be said above it. Only on stderr."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import threading
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

from keyscan.analyze.tracks import Track
from keyscan.display import shown
from keyscan.stdio import write_all

_FORMAT = (
    "{percentage:3.0f}% |{bar}| {n_fmt}/{total_fmt} files "
    "[{elapsed}<{remaining}, {rate_noinv_fmt}{postfix}]"
)
_SMOOTHING = 0.1  # tracks differ in length, and those from the cache take no time
_USUAL_WIDTH = 80
_Item = TypeVar("_Item")


class Progress:
    """A text stream as well, for ``logging``: each ``write`` is told above the bar, in one piece.

    Thread-safe. A stderr that is closed, or a terminal that is gone, stops nothing.
    """

    def __init__(self, *, bar: bool) -> None:
        """``bar``: whether to draw one, if stderr is a terminal."""
        self._stream = sys.stderr
        if isinstance(self._stream, io.TextIOWrapper):
            self._stream.reconfigure(encoding="utf-8", errors="backslashreplace")
        self._draws = bar and self._stream.isatty()
        self._bar: tqdm[None] | None = None
        self._failed = 0
        # tqdm's own would be shared with other processes, for which macOS needs one more process
        tqdm.set_lock(threading.RLock())

    def finding(self, items: Iterable[_Item]) -> Iterator[_Item]:
        """``items``, counted on the terminal if they take more than a moment to be found."""
        yield from tqdm(
            items,
            desc="looking for files",
            unit=" found",
            delay=1.0,
            leave=False,
            file=self._stream,
            disable=not self._draws,
            dynamic_ncols=True,
        )

    def start(self, total: int) -> None:
        """Draw the bar: ``total`` files are to come."""
        self._bar = tqdm(
            total=total,
            unit=" files",
            bar_format=_FORMAT,
            smoothing=_SMOOTHING,
            leave=False,
            file=self._stream,
            disable=not self._draws,
            dynamic_ncols=True,
        )

    def restart_clock(self) -> None:
        """The files come from now on: what was loaded before has no part in their rate."""
        if self._bar is not None and self._draws:
            self._bar.unpause()

    def done(self, track: Track) -> None:
        """One file more; say why, if it has failed."""
        if not track.analysed:
            self._failed += 1
            self.write(f"failed: {shown(track.path)}: {shown(track.error)} ({track.code})\n")
        if self._bar is None:
            return
        if self._failed:
            self._bar.set_postfix_str(f"{self._failed} failed", refresh=False)
        with contextlib.suppress(OSError):
            self._bar.update()

    def tick(self) -> None:
        """Let the time on the bar go on, though no file is done."""
        if self._bar is not None:
            with contextlib.suppress(OSError):
                self._bar.refresh()

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            with contextlib.suppress(OSError):
                self._bar.close()

    def write(self, text: str) -> None:
        """Whole lines."""
        with contextlib.suppress(OSError):
            if self._draws:
                tqdm.write(text, file=self._stream, end="")
            elif self._stream.isatty():
                self._stream.write(text)
                self._stream.flush()
            else:  # without a lock, for which Ctrl-C would have to wait if nobody reads
                write_all(self._stream.fileno(), text.encode("utf-8", "backslashreplace"))

    def flush(self) -> None:
        """For ``logging``; nothing is kept back."""


def terminal_width(descriptor: int) -> int | None:
    """The columns of the terminal that is written to; None if it is none.

    ``COLUMNS`` has the last word, as it has in other programs.
    """
    if not os.isatty(descriptor):
        return None
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns):
        return int(columns)
    for known in (descriptor, 2):  # Windows tells of the standard streams only
        with contextlib.suppress(OSError, ValueError):
            if found := os.get_terminal_size(known).columns:
                return found
    return _USUAL_WIDTH
