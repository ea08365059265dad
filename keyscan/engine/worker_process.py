"""What runs inside a worker process: paths in, features out, over one pipe."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import signal
import sys
import time
import traceback
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

from keyscan.cache.records import Known
from keyscan.engine.limits import (
    end_with_the_server,
    leave_no_core,
    limit_memory,
    limit_processor_time,
)
from keyscan.engine.messages import Accepted, Started, Stop, Work, receive, send
from keyscan.errors import AnalysisError, Cancelled, InternalError, InvalidPath
from keyscan.options import WorkerOptions
from keyscan.runtime import give_back_freed_memory, keep_freed_memory, open_missing_streams
from keyscan.spectrogram.constant_q import CqtEngine, Features

if TYPE_CHECKING:
    from keyscan.audio.source import SourceFile
    from keyscan.cache.lookup import KnownFiles

OUT_OF_MEMORY = 70
"""The exit code of a worker that was refused memory."""


def worker_main(connection: Connection, options: WorkerOptions, cache: str | None) -> None:
    """Answer every ``Work`` until the pipe closes.

    The answer is ``Accepted`` and then ``Features``, ``Known`` or an ``AnalysisError``. ``cache``
    is the path of the cache's file; None: there is no cache.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group; the server acts
    open_missing_streams()
    faulthandler.enable()
    end_with_the_server()
    leave_no_core()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    limit_memory(options.memory_limit)
    start = time.perf_counter()
    from keyscan.spectrogram.features import warm_up  # the decoders: the server never imports them

    imported = time.perf_counter()
    keep_freed_memory()
    warm_up(options.cqt)
    give_back_freed_memory()
    known_files = _known_files(cache)
    try:
        send(connection, Started(imported - start, time.perf_counter() - imported))
        while True:
            message = receive(connection)
            if isinstance(message, Work):  # a Stop here came too late for its file
                # ends the process if the server is gone and a decoder never returns
                limit_processor_time(2 * options.timeout)
                faulthandler.dump_traceback_later(2 * options.timeout, exit=True, file=nowhere)
                send(connection, Accepted())
                send(connection, _analyse(message, options.cqt, connection, known_files))
                faulthandler.cancel_dump_traceback_later()
    except (EOFError, OSError):
        return  # the server is gone


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
    work: Work, cqt: CqtEngine, connection: Connection, known_files: KnownFiles | None = None
) -> Features | Known | AnalysisError:
    from keyscan.spectrogram.features import Stopped, extract_features

    def should_stop() -> bool:
        return connection.poll() and isinstance(receive(connection), Stop)

    def extract(file: str | SourceFile) -> Features:
        return extract_features(file, cqt, should_stop)

    try:
        path = _native(work.path)
        if known_files is None or work.settings is None:
            return extract(path)
        return known_files.answer(path, work.settings, should_stop, extract, work.spectrogram)
    except AnalysisError as error:
        return error
    except UnicodeEncodeError:
        return InvalidPath("the path holds half a surrogate pair")
    except Stopped:
        return Cancelled("cancelled")
    except (EOFError, ConnectionError):
        raise
    except MemoryError:
        os._exit(OUT_OF_MEMORY)  # the state of this process cannot be trusted any more
    except Exception as error:
        sys.stderr.write(traceback.format_exc())
        return InternalError(f"{type(error).__name__}: {error}")


def _native(path: str) -> str:
    """Paths are bytes on POSIX, and requests hold them as UTF-8 whatever the locale is."""
    if os.name != "posix":
        return path
    return os.fsdecode(path.encode("utf-8", "surrogateescape"))
