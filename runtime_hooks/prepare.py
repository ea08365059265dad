"""Runs in the frozen app before anything else does, in the server and in every worker process."""

import sys
from pathlib import Path

from keyscan import runtime

runtime.pin_threads()  # libraries read the variables while they are loaded
runtime.add_library_folders(Path(sys._MEIPASS))  # type: ignore[attr-defined]
