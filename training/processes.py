"""Work in several processes, and single-threaded work for bit-identical results."""

from __future__ import annotations

import multiprocessing
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import wraps
from multiprocessing.pool import Pool
from typing import Any, ParamSpec, TypeVar

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]
from tqdm import tqdm

_P = ParamSpec("_P")
_R = TypeVar("_R")


class ProcessDied(Exception):
    """A process of ``run_all`` died; the message names what it probably worked on."""


def single_threaded(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Run ``function`` with one thread of BLAS and OpenMP.

    The order of additions, and so the last bits of a sum, depend on the number of threads.
    """

    @wraps(function)
    def limited(*arguments: _P.args, **options: _P.kwargs) -> _R:
        with threadpool_limits(limits=1):
            return function(*arguments, **options)

    return limited


def run_all(
    function: Callable[..., None],
    calls: Sequence[tuple[str, tuple[Any, ...]]],
    total: int,
    jobs: int,
) -> None:
    """Call ``function`` with each of the arguments in ``jobs`` processes, and show the progress.

    ``calls``: (name, arguments); ``total``: their number and that of the calls done before.

    Raises:
        ProcessDied: a process died, as when a decoder crashes.
        Exception: what ``function`` raises.
    """
    done = total - len(calls)
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as pool:
        with _interrupts_ignored():  # the first call starts all processes
            futures = {pool.submit(function, *arguments): name for name, arguments in calls}
        with tqdm(total=total, initial=done, unit="track", disable=None) as progress:
            try:
                for number, future in enumerate(as_completed(futures), done + 1):
                    future.result()
                    progress.update()
                    if progress.disable:
                        print(f"{number} of {total}: {futures[future]}", flush=True)
            except BrokenProcessPool as error:
                unfinished = [name for future, name in futures.items() if not _succeeded(future)]
                raise ProcessDied(
                    f"a process died, probably at {' or '.join(unfinished[:jobs])}: "
                    "remove it, and run the same command to resume"
                ) from error
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise


def _succeeded(future: Future[None]) -> bool:
    return future.done() and future.exception() is None


def exit_on_signals() -> None:
    """SIGTERM and Ctrl-C exit without a traceback, with 128 and the number of the signal.

    The exception lets a pool stop its processes; a bare SIGTERM would orphan them.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda caught, _: sys.exit(128 + caught))


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Processes that start meanwhile ignore Ctrl-C, which reaches all and is their parent's."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def start_pool(jobs: int) -> Pool:
    """A pool of ``jobs`` new processes, which leave Ctrl-C to this one."""
    with _interrupts_ignored():
        return multiprocessing.get_context("spawn").Pool(jobs)
