"""The server's side of the result cache: what it asks for, and what it keeps of its answers."""

from __future__ import annotations

import logging
import queue
import threading
from dataclasses import dataclass, field

from keyscan.cache.cache import Cache
from keyscan.cache.messages import FileRow, ResultRow
from keyscan.errors import CacheBusy, CacheError

log = logging.getLogger(__name__)

PATIENCE = 10.0
"""Seconds to wait for who has the cache locked, before the log says so."""

_REPLY_WAITS = 1.0  # seconds for its row to be written, so that who asks again finds it
_MOST_WAITING = 10_000  # rows


@dataclass(frozen=True, eq=False)
class _Rows:
    file: FileRow | None
    result: ResultRow | None
    written: threading.Event = field(default_factory=threading.Event)


class ResultStore:
    """Writes to the cache in a thread of its own, as a disk may be slow, full or gone.

    Nothing that goes wrong with it stops an answer; the log says each thing once.
    """

    def __init__(self, cache: Cache, settings: bytes) -> None:
        """``settings`` tells answers apart that the same file gets from other models and so on."""
        self._cache = cache
        self.settings = settings
        self._queue: queue.SimpleQueue[_Rows | None] = queue.SimpleQueue()
        self._behind = False
        self._closed = threading.Event()
        self._said: set[str] = set()
        self._thread = threading.Thread(target=self._run, name="cache", daemon=True)
        self._thread.start()

    def keep_file(self, file: FileRow) -> None:
        """A content that is known was found at another path, or with other times."""
        self._put(_Rows(file, None))

    def keep(self, digest: bytes, file: FileRow | None, record: bytes) -> None:
        """A content has a record; returns when it is written, or after a second at most.

        While what came before still waits to be written, nothing is waited for.
        """
        rows = _Rows(file, ResultRow(digest, self.settings, record))
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
        self._cache.close()

    def _write(self, rows: list[_Rows]) -> None:
        files = [one.file for one in rows if one.file is not None]
        results = [one.result for one in rows if one.result is not None]
        while files or results:
            try:
                self._cache.store(files, results)
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
