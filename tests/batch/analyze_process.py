"""The command as a child process, as a person at a shell runs it."""

from __future__ import annotations

import os
import subprocess

from tests.server_process import COMMAND, PATIENCE


def run_analyze(*arguments, cwd=None, stdout=subprocess.PIPE, **environ):
    """Its completed process, with stdout and stderr as text; ``environ`` is put on top of ours."""
    streams = {"stdin": subprocess.DEVNULL, "stdout": stdout, "stderr": subprocess.PIPE}
    command, env = [*COMMAND, "analyze", *map(str, arguments)], {**os.environ, **environ}
    return subprocess.run(
        command, **streams, encoding="utf-8", timeout=2 * PATIENCE, cwd=cwd, env=env
    )


def start_analyze(*arguments, **streams):
    """The process, running; stdout and stderr are pipes of bytes unless ``streams`` say else."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
    command = [*COMMAND, "analyze", *map(str, arguments)]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, **pipes)
