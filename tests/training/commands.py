"""Runs the commands of training in the tests' own process: importing torch again takes seconds."""

from __future__ import annotations

import io
import signal
import sys
from contextlib import redirect_stderr, redirect_stdout
from importlib import import_module
from pathlib import Path
from subprocess import CompletedProcess
from unittest import mock

import torch


def run(module: str, *arguments: str | Path) -> CompletedProcess[str]:
    """What ``python -m training.MODULE ARGUMENTS`` would give; unexpected errors are raised."""
    out, err = io.StringIO(), io.StringIO()
    threads, on_terminate = torch.get_num_threads(), signal.getsignal(signal.SIGTERM)
    command = [f"training.{module}", *map(str, arguments)]
    status: str | int | None = 0
    try:
        with mock.patch.object(sys, "argv", command), redirect_stdout(out), redirect_stderr(err):
            import_module(command[0]).main()
    except SystemExit as stopped:
        status = stopped.code
    finally:
        torch.set_num_threads(threads)
        signal.signal(signal.SIGTERM, on_terminate)
    if isinstance(status, str):
        err.write(f"{status}\n")
        status = 1
    return CompletedProcess(command, status or 0, out.getvalue(), err.getvalue())
