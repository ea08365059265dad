"""What a decoding process may take of the machine, and how it learns that it is an orphan."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from multiprocessing.connection import wait

try:
    import fcntl
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

ORPHANED = 71
"""The exit code of a worker whose server is gone."""


def limit_memory(size: int) -> None:
    """Let the system refuse this process more than ``size`` bytes, where it can (Linux).

    On every system the server looks at what the process has, see ``resident_bytes``.
    """
    if sys.platform == "linux":
        _lower(resource.RLIMIT_DATA, size)


def limit_processor_time(seconds: float) -> None:
    """Let the system end this process after so many more seconds of computing, where it can."""
    if resource is not None:
        used = resource.getrusage(resource.RUSAGE_SELF)
        _lower(resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime + seconds) + 1)


def leave_no_core() -> None:
    """A process that crashes must not leave a file as large as itself behind."""
    if resource is not None:
        _lower(resource.RLIMIT_CORE, 0)


def end_with_the_server() -> None:
    """Watch, in a thread of its own, for the end of the process that started this one.

    What is waited for is a pipe that the system closes (POSIX), or the process itself (Windows): a
    server that is killed cannot tell, and a worker inside a decoder does not ask. On Linux the
    closing itself kills, so that a thread that never gets a turn does no harm.
    """
    server = multiprocessing.parent_process()
    if server is None:
        return
    if sys.platform == "linux":
        pipe = server.sentinel
        fcntl.fcntl(pipe, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(pipe, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(pipe, fcntl.F_SETFL, fcntl.fcntl(pipe, fcntl.F_GETFL) | os.O_ASYNC)

    def watch() -> None:
        wait([server.sentinel])
        os._exit(ORPHANED)

    threading.Thread(target=watch, name="orphan watch", daemon=True).start()


def resident_bytes(pid: int) -> int:
    """The physical memory that a process has; 0 if the system does not tell, or it is gone."""
    import psutil  # 30 ms, and workers need it not

    try:
        return int(psutil.Process(pid).memory_info().rss)
    except (psutil.Error, OSError):  # no file can be opened any more
        return 0


def _lower(kind: int, wanted: int) -> None:
    """Set the soft limit; the hard one stays, and an already lower one too."""
    hard = resource.getrlimit(kind)[1]
    soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(kind, (soft, hard))
