"""The engine's side of the cache: the file that ``--cache`` names, and the answers kept in it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import queue
import threading
from typing import NamedTuple

from keyscan import __version__
from keyscan.audio.formats import is_music
from keyscan.cache.database import Database
from keyscan.cache.lookup import FileRow, ResultRow
from keyscan.errors import CacheBusy, CacheError, NoCache, NotACache

log = logging.getLogger(__name__)

ENGINE = 4
"""To be raised when the same file gets another answer or record from the same ``__version__``."""
PATIENCE = 10.0
"""Seconds to wait for a locked cache before the log says so."""

_START_PATIENCE = 1.0  # seconds that the start may take longer
_REPLY_WAITS = 1.0  # seconds for its row to be written, so that the same request again finds it
_MOST_WAITING = 10_000  # rows


def open_database(name: str) -> Database | None:
    """The database at the path ``name``, opened or made; None, with a warning, if unusable.

    Raises:
        NoCache: there is another file than a cache, or no folder for one; nothing has changed.
    """
    path = os.path.realpath(name)  # SQLite keeps its log beside the real file
    _require_place(path)
    database = Database(path, log.warning, _START_PATIENCE)
    try:
        with contextlib.suppress(CacheBusy):  # it may be free when there is something to store
            database.check()
    except NotACache as error:
        raise NoCache(f"the cache {path} cannot be used: {error}") from error
    except CacheError as error:
        log.warning("the cache %s cannot be used: %s; answers are not stored", path, error)
        return None
    database.patience = PATIENCE
    return database


def settings_digest(model: str, device: str, precision: str, cqt: str) -> bytes:
    """16 bytes that are the same as long as a content would get the same answer.

    ``model`` is the SHA-256 of the checkpoint. Notation and spelling play no part.
    """
    text = json.dumps([__version__, ENGINE, model, device, precision, cqt]).encode()
    return hashlib.blake2b(text, digest_size=16).digest()


class _Rows(NamedTuple):
    file: FileRow | None
    result: ResultRow | None
    written: threading.Event


class ResultStore:
    """Writes to the cache in a thread of its own, as a disk may be slow, full or gone.

    Nothing that goes wrong with it stops an answer; the log says each thing once.
    """

    def __init__(self, database: Database, settings: bytes) -> None:
        """``settings`` is the digest of the settings that answers depend on."""
        self._database = database
        self.settings = settings
        self._queue: queue.SimpleQueue[_Rows | None] = queue.SimpleQueue()
        self._behind = False
        self._closed = threading.Event()
        self._said: set[str] = set()
        self._thread = threading.Thread(target=self._run, name="cache", daemon=True)
        self._thread.start()

    def keep_file(self, file: FileRow) -> None:
        """A content that is known was found at another path, or with other times."""
        self._put(_Rows(file, None, threading.Event()))

    def settings_of(self, stream: int | None) -> bytes:
        """The settings of an answer about the audio stream of that number; None: about any."""
        if stream is None:
            return self.settings
        text = self.settings + b"%d" % stream
        return hashlib.blake2b(text, digest_size=len(self.settings)).digest()

    def keep(
        self, digest: bytes, file: FileRow | None, record: bytes, stream: int | None = None
    ) -> None:
        """A content has a record; returns when it is written, or after a second at most.

        ``stream`` is that of the request. While what came before still waits to be written, nothing
        is waited for.
        """
        row = ResultRow(digest, self.settings_of(stream), record)
        rows = _Rows(file, row, threading.Event())
        self._put(rows)
        if not self._behind:
            self._behind = not rows.written.wait(_REPLY_WAITS)

    def close(self, timeout: float) -> None:
        """Write what there is to write, in ``timeout`` seconds at most."""
        self._closed.set()
        self._queue.put(None)
        self._thread.join(timeout)

    def _put(self, rows: _Rows) -> None:
        if self._queue.qsize() < _MOST_WAITING:
            self._queue.put(rows)
        else:
            rows.written.set()

    def _run(self) -> None:
        last = False
        while not last:
            batch = [self._queue.get()]
            while len(batch) < _MOST_WAITING and not self._queue.empty():
                batch.append(self._queue.get())
            last = None in batch
            rows = [one for one in batch if one is not None]
            self._write(rows)
            self._behind = False
            for one in rows:
                one.written.set()
        self._database.close()

    def _write(self, rows: list[_Rows]) -> None:
        files = [one.file for one in rows if one.file is not None]
        results = [one.result for one in rows if one.result is not None]
        while files or results:
            try:
                self._database.store(files, results)
            except CacheBusy as error:
                self._say(f"{error}; answers are stored when it is free")
                if not self._closed.is_set():
                    continue
            except CacheError as error:
                self._say(f"{error}; answers are not stored")
            except Exception:
                log.exception("answers could not be stored")
            return

    def _say(self, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            log.warning("the cache: %s", text)


def _require_place(path: str) -> None:
    """Raises NoCache where a slip of the user is likelier than a wish for a cache."""
    if is_music(os.path.basename(path)):  # noqa: PTH119
        raise NoCache(f"the cache {path} cannot be used: that is the name of a music file")
    folder = os.path.dirname(path)  # noqa: PTH120
    if not os.path.isdir(folder):  # noqa: PTH112 - paths are text here
        raise NoCache(f"the cache {path} cannot be made: there is no folder {folder}")
