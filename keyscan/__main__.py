"""``python -m keyscan``, and what the exe runs: the command line in a process made ready."""

from __future__ import annotations

import multiprocessing
import signal
import sys

from keyscan import runtime


def run() -> int:
    """Set what must stand before numpy is imported, then hand over to the command line."""
    # until there is work to be ended in good order, Ctrl-C may end the process at once
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    runtime.open_missing_streams()
    runtime.leave_deleted_folder()
    runtime.pin_threads()
    from keyscan.cli import main

    sys.excepthook = sys.__excepthook__  # the frozen app has one of its own until here
    return main()


if __name__ == "__main__":
    multiprocessing.freeze_support()
    sys.exit(run())
