"""Entry point of the server, plain or frozen."""

from __future__ import annotations

import multiprocessing
import sys

from keyscan.__main__ import run

if __name__ == "__main__":
    multiprocessing.freeze_support()
    sys.exit(run())
