"""What runs inside a worker process: paths in, features out, over one pipe."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import signal
import sys
import time
import traceback
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

from keyscan.audio.source import SourceFile
from keyscan.cache.messages import Known
from keyscan.engine.limits import (
    end_with_the_server,
    leave_no_core,
    limit_memory,
    limit_processor_time,
)
from keyscan.engine.pipe import receive, send
from keyscan.errors import AnalysisError
from keyscan.heap import give_back_freed_memory, keep_freed_memory
from keyscan.runtime import open_missing_streams, usable_cores
from keyscan.spectrogram.constant_q import CqtEngine, Features, FloatArray
from keyscan.spectrogram.pieces import Cuts, Piece, Seam

if TYPE_CHECKING:
    from keyscan.cache.lookup import KnownFiles

OUT_OF_MEMORY = 70
"""The exit code of a worker that was refused memory."""


@dataclass(frozen=True)
class WorkerSettings:
    """``timeout`` is in seconds per file, sizes are in bytes.

    A process ends after ``recycle_files`` files, or when it has ``recycle_size`` after one; it may
    never have more than ``memory_limit``. ``cache``: the file of the result cache, None: none.
    """

    cqt: CqtEngine = "matrix"
    timeout: float = 120.0
    memory_limit: int = 1 << 30
    recycle_files: int = 2000
    recycle_size: int = 256 << 20
    cache: str | None = None


@dataclass(frozen=True)
class Started:
    """Sent once, when the next file will not have to wait for anything."""

    import_seconds: float
    warm_up_seconds: float


@dataclass(frozen=True)
class Work:
    """``settings``: what a record of the result cache must be of to answer it; None: none would.

    ``alone``: no other file is being worked on, and ``hands`` processes may share this one.
    ``piece``: only that is wanted; None: all.
    """

    path: str
    settings: bytes | None = None
    alone: bool = False
    hands: int = 1
    piece: Piece | None = None


@dataclass(frozen=True)
class Taken:
    """The file is being worked on: if the process dies from now on, the file is to blame."""


@dataclass(frozen=True, eq=False)
class Part:
    """An hour of a spectrogram, ``(105, frames)``; ``Features`` have what follows the last part."""

    spectrogram: FloatArray


@dataclass(frozen=True)
class Stop:
    """The file being worked on is no longer wanted."""


@dataclass(frozen=True)
class Enough:
    """Other processes have all pieces behind the first cut of the file being worked on."""


@dataclass(frozen=True)
class Failure:
    """``code`` is one of ``protocol.ERROR_CODES``."""

    code: str
    message: str


def worker_main(connection: Connection, settings: WorkerSettings) -> None:
    """Answer every ``Work`` by ``Features``, ``Known`` or ``Failure``, until the pipe closes.

    ``Taken``, ``Part``, ``Cuts`` and ``Seam`` may come before.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group; the server acts
    open_missing_streams()
    faulthandler.enable()
    end_with_the_server()
    leave_no_core()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    limit_memory(settings.memory_limit)
    start = time.perf_counter()
    from keyscan.spectrogram.features import warm_up  # the decoders: never imported by the server

    imported = time.perf_counter()
    keep_freed_memory()
    warm_up(settings.cqt)
    give_back_freed_memory()
    known_files = _known_files(settings.cache)
    try:
        send(connection, Started(imported - start, time.perf_counter() - imported))
        while True:
            message = receive(connection)
            if isinstance(message, Work):  # a Stop or Enough here came too late for its file
                # should the server be gone, and this thread never let the orphan watch have a turn
                limit_processor_time(2 * settings.timeout)
                faulthandler.dump_traceback_later(2 * settings.timeout, exit=True, file=nowhere)
                send(connection, Taken())
                send(connection, _analyse(message, settings.cqt, connection, known_files))
                faulthandler.cancel_dump_traceback_later()
    except (EOFError, OSError):
        return  # the server is gone


def _known_files(cache: str | None) -> KnownFiles | None:
    if cache is None:
        return None
    from keyscan.cache.cache import Cache  # and with it sqlite3
    from keyscan.cache.lookup import PATIENCE, KnownFiles

    return KnownFiles(Cache(cache, _warn, PATIENCE))


def _warn(text: str) -> None:
    with contextlib.suppress(OSError):  # nobody reads
        sys.stderr.write(f"keyscan: {text}\n")


def _analyse(
    work: Work, cqt: CqtEngine, connection: Connection, known_files: KnownFiles | None = None
) -> Features | Known | Failure:
    from keyscan.spectrogram.features import Stopped, extract_features, extract_piece

    server = _Server(connection, work.hands)

    def hand_over(spectrogram: FloatArray) -> None:
        send(connection, Part(spectrogram))

    def extract(file: str | SourceFile) -> Features:
        ahead = work.alone and usable_cores() > 1
        helpers = server if work.hands > 1 else None
        return extract_features(
            file, cqt, server.says_stop, hand_over, ahead=ahead, helpers=helpers
        )

    try:
        path = _native(work.path)
        if work.piece is not None:
            return extract_piece(path, work.piece, server.says_stop, hand_over, server.seam)
        if known_files is None or work.settings is None:
            return extract(path)
        return known_files.answer(path, work.settings, server.says_stop, extract)
    except AnalysisError as error:
        return Failure(error.code, str(error))
    except UnicodeEncodeError:
        return Failure("invalid_path", "the path holds half a surrogate pair")
    except Stopped:
        return Failure("cancelled", "cancelled")
    except (EOFError, ConnectionError):
        raise
    except MemoryError:
        os._exit(OUT_OF_MEMORY)  # what is left of this process cannot be trusted
    except Exception as error:
        sys.stderr.write(traceback.format_exc())
        return Failure("internal_error", f"{type(error).__name__}: {error}")


class _Server:
    """The other end of the pipe while a file is worked on; for it, the ``Helpers`` of a file."""

    def __init__(self, connection: Connection, hands: int) -> None:
        self.hands = hands
        self._connection = connection
        self._enough = False

    def says_stop(self) -> bool:
        """Read what has come, if anything."""
        if not self._connection.poll():
            return False
        message = receive(self._connection)
        self._enough |= isinstance(message, Enough)
        return isinstance(message, Stop)

    def cut(self, cuts: Cuts) -> None:
        send(self._connection, cuts)

    def seam(self, seam: Seam) -> None:
        send(self._connection, seam)

    def have_done(self) -> bool:
        return self._enough


def _native(path: str) -> str:
    """Paths are bytes on POSIX, and ours are UTF-8, whatever the locale makes of them."""
    if os.name != "posix":
        return path
    return os.fsdecode(path.encode("utf-8", "surrogateescape"))
