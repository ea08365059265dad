"""The doctor as a child process, as a person at a shell runs it."""

from __future__ import annotations

import os
import subprocess

from keyscan.doctor.environment import PREFIXES
from tests.server_process import COMMAND

PATIENCE = 200.0  # seconds; only a hang takes that long


def run_doctor(*options, command=COMMAND, cwd=None, **environ):
    """Its completed process, with stdout and stderr as text.

    ``environ`` is put on top of ours, without what libraries have set in it for themselves.
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
