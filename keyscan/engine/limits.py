"""What a worker process may take of the machine, and how it ends when its server is gone."""

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
    """Make the system refuse this process more than ``size`` bytes, where it can (Linux).

    On every system the supervisor looks at the size of the process as well.
    """
    if sys.platform == "linux":
        _lower(resource.RLIMIT_DATA, size)


def limit_processor_time(seconds: float) -> None:
    """Make the system end this process after so many more seconds of computing, where it can."""
    if resource is not None:
        used = resource.getrusage(resource.RUSAGE_SELF)
        _lower(resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime + seconds) + 1)


def leave_no_core() -> None:
    """A process that crashes must not leave a file as large as itself behind."""
    if resource is not None:
        _lower(resource.RLIMIT_CORE, 0)


def end_with_the_server() -> None:
    """End this process when the one that started it ends, however that happens.

    A thread waits for a pipe that the system closes (POSIX), or for the parent process (Windows).
    On Linux the closed pipe also sends SIGKILL, because a decoder in C may never let the thread
    run.
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
    import psutil  # takes 30 ms, and workers do without it

    try:
        return int(psutil.Process(pid).memory_info().rss)
    except (psutil.Error, OSError):  # no file can be opened any more
        return 0


def _lower(kind: int, wanted: int) -> None:
    """Set the soft limit; the hard one stays, and an already lower one too."""
    hard = resource.getrlimit(kind)[1]
    soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(kind, (soft, hard))
