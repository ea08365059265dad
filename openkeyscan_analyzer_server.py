"""Entry point of the server, plain or frozen."""

from __future__ import annotations

import sys

from keyscan.__main__ import run

if __name__ == "__main__":
    if getattr(sys, "frozen", False):
        import multiprocessing

        multiprocessing.freeze_support()
    sys.exit(run())
