"""Memory, processor time and open files of a server and its children."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass

import psutil

_INTERVAL = 0.01  # seconds between two samples


@dataclass(frozen=True)
class Usage:
    """One sample: resident bytes, and the sums of descriptors, threads and processor time.

    ``processor_seconds`` includes processes that have ended.
    """

    server_bytes: int
    worker_bytes: int
    descriptors: int
    threads: int
    children: int
    processor_seconds: float


@dataclass
class Peak:
    """The peak resident sizes in bytes; ``together`` counts shared pages once per process."""

    together: int = 0
    server: int = 0
    worker: int = 0

    def see(self, server: int, workers: list[int]) -> None:
        self.together = max(self.together, server + sum(workers))
        self.server = max(self.server, server)
        self.worker = max([self.worker, *workers])


class PeakWatch:
    """Samples a process and its children a hundred times a second; a context manager."""

    def __init__(self, pid: int) -> None:
        self.peak = Peak()
        self._server = psutil.Process(pid)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> PeakWatch:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        looks, children = 0, children_of(self._server)
        while not self._stop.wait(_INTERVAL):
            looks += 1
            if looks % 20 == 0:  # psutil reads every process of the system to find children
                children = children_of(self._server)
            self.peak.see(_resident(self._server), [_resident(child) for child in children])


def usage(server: psutil.Process) -> Usage:
    """Sample once; a process that ends meanwhile counts as zero."""
    children = children_of(server)
    descriptors = threads = 0
    processor_seconds = 0.0
    for process in (server, *children):
        with contextlib.suppress(psutil.Error), process.oneshot():
            descriptors += process.num_fds()
            threads += process.num_threads()
            processor_seconds += sum(process.cpu_times()[:4])  # children that have ended included
    worker_bytes = sum(_resident(child) for child in children)
    return Usage(
        _resident(server), worker_bytes, descriptors, threads, len(children), processor_seconds
    )


def children_of(process: psutil.Process) -> list[psutil.Process]:
    """All descendants; an empty list if the process has ended."""
    try:
        children: list[psutil.Process] = process.children(recursive=True)
    except psutil.Error:
        return []
    else:
        return children


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0
