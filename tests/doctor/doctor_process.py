"""The doctor as a child process, as a person at a shell runs it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from keyscan.doctor.environment import PREFIXES
from tests.server_process import COMMAND

PATIENCE = 200.0  # seconds; only a hang takes that long
SAMPLE = Path(__file__).parent / "report.json"
"""A report of a Linux machine, with fewer packages and codecs than it had."""


def run_doctor(*options, command=COMMAND, cwd=None, **environ):
    """Its completed process, with stdout and stderr as text.

    ``environ`` is added to ours, without what libraries have set in it for themselves.
    """
    own = {name: value for name, value in os.environ.items() if not name.startswith(PREFIXES)}
    return subprocess.run(
        [*command, "doctor", *map(str, options)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE,
        cwd=cwd,
        env={**own, **environ},
    )
