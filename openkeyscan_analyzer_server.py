"""Entry point of the server, plain or frozen."""

from __future__ import annotations

import multiprocessing
import sys

from keyscan import runtime


def run() -> int:
    """Set what must stand before numpy is imported, then hand over to the command line."""
    runtime.open_missing_streams()
    runtime.pin_threads()
    from keyscan.cli import main

    return main()


if __name__ == "__main__":
    multiprocessing.freeze_support()
    sys.exit(run())
