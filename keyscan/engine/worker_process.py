"""What runs inside a worker process: paths in, features out, over one pipe."""

from __future__ import annotations

import contextlib
import faulthandler
import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING

from keyscan.engine.messages import Accepted, Opened, Started, Stop, Work, receive, send
from keyscan.errors import AnalysisError, InternalError, InvalidPath, StartFailed
from keyscan.locations import meant_path
from keyscan.options import WorkerOptions
from keyscan.runtime import (
    give_back_freed_memory,
    keep_freed_memory,
    open_missing_streams,
    pin_threads,
)
from keyscan.start import loading

try:
    import fcntl
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

if TYPE_CHECKING:  # numpy, whose import may fail
    from keyscan.audio.source import SourceFile
    from keyscan.cache.lookup import Known, KnownFiles
    from keyscan.spectrogram.constant_q import CqtEngine, Features

OUT_OF_MEMORY = 70
"""The exit code of a worker that was refused memory."""
ORPHANED = 71
"""The exit code of a worker whose server is gone."""


def worker_main(connection: Connection, options: WorkerOptions, cache: str | None) -> None:
    """Send ``Started``, or ``StartFailed`` and end; then answer ``Work`` until the pipe closes.

    The answer is ``Accepted``, ``Opened`` if the file could be opened, and then ``Features``,
    ``Known`` or an ``AnalysisError``. ``cache`` is the path of the cache's file; None: there is no
    cache.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group; the server acts
    open_missing_streams()
    pin_threads()  # a program that is not ours has not
    nowhere = os.open(os.devnull, os.O_WRONLY)
    mute_libraries(nowhere)

    def limit_time(sound: float) -> None:
        # ends the process if the server is gone and a decoder never returns
        longest = 2 * options.timeout_for(sound) + 1  # seconds: the supervisor is sooner
        limit_processor_time(longest)
        try:
            faulthandler.dump_traceback_later(longest, exit=True, file=nowhere)
        except RuntimeError:  # there is no memory for the thread that waits
            os._exit(OUT_OF_MEMORY)

    def opened(sound: float) -> None:
        limit_time(sound)
        send(connection, Opened(sound))

    try:
        try:
            with loading():
                end_with_the_server()
                started, known_files = _load(options, cache)
        except StartFailed as error:
            send(connection, error)
            return
        send(connection, started)
        while True:
            message = receive(connection)
            if isinstance(message, Work):  # a Stop here came too late for its file
                limit_time(0.0)
                send(connection, Accepted())
                send(connection, _analyse(message, options.cqt, connection, opened, known_files))
                faulthandler.cancel_dump_traceback_later()
    except (EOFError, OSError):
        return  # the server is gone


def mute_libraries(nowhere: int) -> None:
    """Drop what C libraries print, as mpg123 does; Python's ``sys.stderr`` goes where it went."""
    sys.stderr = os.fdopen(os.dup(2), "w", 1, encoding="utf-8", errors="backslashreplace")
    os.dup2(nowhere, 2)


def _load(options: WorkerOptions, cache: str | None) -> tuple[Started, KnownFiles | None]:
    """Set limits, import the decoders, which the server never does, and warm up."""
    faulthandler.enable()
    leave_no_core()
    limit_memory(options.memory_limit)
    start = time.perf_counter()
    from keyscan.spectrogram.features import warm_up

    imported = time.perf_counter()
    keep_freed_memory()
    warm_up(options.cqt)
    give_back_freed_memory()
    known_files = _known_files(cache)
    return Started(imported - start, time.perf_counter() - imported), known_files


def _known_files(cache: str | None) -> KnownFiles | None:
    if cache is None:
        return None
    from keyscan.cache.database import Database  # and with it sqlite3
    from keyscan.cache.lookup import PATIENCE, KnownFiles

    return KnownFiles(Database(cache, _warn, PATIENCE))


def _warn(text: str) -> None:
    with contextlib.suppress(OSError):  # stderr may be closed
        sys.stderr.write(f"keyscan: {text}\n")


def _analyse(
    work: Work,
    cqt: CqtEngine,
    connection: Connection,
    opened: Callable[[float], None],
    known_files: KnownFiles | None = None,
) -> Features | Known | AnalysisError:
    from keyscan.audio.excerpts import NotInParts
    from keyscan.spectrogram.excerpts import extract_in_parts
    from keyscan.spectrogram.features import extract_features

    def should_stop() -> bool:
        return connection.poll() and isinstance(receive(connection), Stop)

    def extract(file: str | SourceFile) -> Features:
        if cqt == "matrix" and work.in_parts:
            try:
                return extract_in_parts(
                    file, should_stop, opened, stream=work.stream, stretches=work.stretches
                )
            except NotInParts:
                file = file if isinstance(file, str) else os.fspath(file.path)
        return extract_features(
            file,
            cqt,
            should_stop,
            opened,
            stream=work.stream,
            mean_only=work.mean_only,
        )

    try:
        path = meant_path(_native(work.path))
        if known_files is None or not work.settings:
            return extract(path)
        return known_files.answer(path, work.settings, should_stop, extract, work.spectrogram)
    except AnalysisError as error:
        return error
    except UnicodeEncodeError:
        return InvalidPath("the path holds half a surrogate pair")
    except (EOFError, ConnectionError):
        raise
    except MemoryError:
        os._exit(OUT_OF_MEMORY)  # the state of this process cannot be trusted any more
    except Exception as error:
        sys.stderr.write(traceback.format_exc())
        return InternalError(f"{type(error).__name__}: {error}")


def _native(path: str) -> str:
    """Paths are bytes on POSIX, and requests hold them as UTF-8 in any locale."""
    if os.name != "posix":
        return path
    return os.fsdecode(path.encode("utf-8", "surrogateescape"))


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


def _lower(kind: int, wanted: int) -> None:
    """Set the soft limit; the hard one stays, and an already lower one too."""
    hard = resource.getrlimit(kind)[1]
    soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(kind, (soft, hard))
