"""Progress on stderr: a bar on a terminal, and messages above it."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import threading
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

from keyscan.batch.results import Failed, Result
from keyscan.display import shown
from keyscan.stdio import write_all

_FORMAT = (
    "{percentage:3.0f}% |{bar}| {n_fmt}/{total_fmt} files "
    "[{elapsed}<{remaining}, {rate_noinv_fmt}{postfix}]"
)
_SMOOTHING = 0.1  # files differ in length, and those from the cache take no time
_USUAL_WIDTH = 80
_Item = TypeVar("_Item")


class Progress:
    """Also a text stream for ``logging``: each ``write`` appears above the bar, in one piece.

    Thread-safe. A stderr that is closed, or a terminal that is gone, does no harm.
    """

    def __init__(self, *, bar: bool) -> None:
        """``bar``: whether to draw one, if stderr is a terminal."""
        self._stream = sys.stderr
        if isinstance(self._stream, io.TextIOWrapper):
            self._stream.reconfigure(encoding="utf-8", errors="backslashreplace")
        self._draws = bar and self._stream.isatty()
        self._bar: tqdm[None] | None = None
        self._failed = 0
        # tqdm's own lock is shared between processes, for which macOS starts one more process
        tqdm.set_lock(threading.RLock())

    def finding(self, items: Iterable[_Item]) -> Iterator[_Item]:
        """Pass on ``items``, and count them on the terminal if they take more than a second."""
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
        """Draw the bar for ``total`` files."""
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
        """The first file starts now: the time to load the engine is no part of the rate."""
        if self._bar is not None and self._draws:
            self._bar.unpause()

    def done(self, result: Result) -> None:
        """Count one more file; if it has failed, write why."""
        if isinstance(result, Failed):
            self._failed += 1
            error = result.error
            self.write(f"failed: {shown(result.path)}: {shown(str(error))} ({error.code})\n")
        if self._bar is None:
            return
        if self._failed:
            self._bar.set_postfix_str(f"{self._failed} failed", refresh=False)
        with contextlib.suppress(OSError):
            self._bar.update()

    def tick(self) -> None:
        """Redraw the bar, whose clock moves on though no file is done."""
        if self._bar is not None:
            with contextlib.suppress(OSError):
                self._bar.refresh()

    def close(self) -> None:
        """Remove the bar."""
        if self._bar is not None:
            with contextlib.suppress(OSError):
                self._bar.close()

    def write(self, text: str) -> None:
        """Write whole lines."""
        with contextlib.suppress(OSError):
            if self._draws:
                tqdm.write(text, file=self._stream, end="")
            elif self._stream.isatty():
                self._stream.write(text)
                self._stream.flush()
            else:  # without a lock: if the reader waits, Ctrl-C still ends the program
                write_all(self._stream.fileno(), text.encode("utf-8", "backslashreplace"))

    def flush(self) -> None:
        """For ``logging``; there is no buffer."""


def terminal_width(descriptor: int) -> int | None:
    """The columns of the terminal that ``descriptor`` is; None if it is none.

    The variable ``COLUMNS`` overrides them, as in other programs.
    """
    if not os.isatty(descriptor):
        return None
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns):
        return int(columns)
    for known in (descriptor, 2):  # Windows has a width for the standard streams only
        with contextlib.suppress(OSError, ValueError):
            if found := os.get_terminal_size(known).columns:
                return found
    return _USUAL_WIDTH
