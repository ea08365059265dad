"""What a worker process does with the result cache: is the file known, and if not, what is it?"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass

from keyscan.audio.source import SourceFile, file_status
from keyscan.cache.cache import Cache
from keyscan.cache.messages import FileRow, Identified, Known, Stamp
from keyscan.errors import AnalysisError, CacheBusy, CacheError, ReadFailed
from keyscan.spectrogram.constant_q import Features
from keyscan.spectrogram.features import Stopped
from keyscan.stages import Stages

PATIENCE = 5.0
"""Seconds to wait for who has the cache locked; once that was in vain, none until it is free."""

_BLOCK = 1 << 20
_DIGEST_SIZE = 20
_LARGEST_READ = 1 << 30
"""Larger files are known by path, size and times alone: reading one twice takes too long."""
_SETTLED_NS = 3_000_000_000
"""A change this long ago has other times than one made now, on any file system (FAT: 2 s)."""

ShouldStop = Callable[[], bool]


@dataclass(frozen=True)
class _Content:
    """``stored``: the row is in the cache. ``settled``: the file's times tell of any change."""

    row: FileRow
    stored: bool
    settled: bool

    @property
    def row_to_store(self) -> FileRow | None:
        return self.row if self.settled and not self.stored else None


class KnownFiles:
    """Answers requests from the cache, and says of other files what they are.

    The cache can only help: whatever is wrong with it, files are analysed.
    """

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._folder = os.getcwd()  # noqa: PTH109 - the process never leaves it

    def answer(
        self,
        path: str,
        settings: bytes,
        should_stop: ShouldStop,
        analyse: Callable[[str | SourceFile], Features],
    ) -> Known | Features:
        """What is known of a file, or what ``analyse`` makes of the path, or of the opened file.

        That is ``Identified`` if the file had a content that did not change meanwhile.

        Raises:
            AnalysisError: the file cannot be read, or what ``analyse`` raises.
            Stopped: ``should_stop()`` was true.
        """
        stages = Stages()
        with contextlib.ExitStack() as opened:
            with stages.measure("cache"):
                content, file = self._content(path, opened, should_stop)
                record = None if content is None else self._record(content, settings)
            if content is not None and record is not None:
                return Known(record, content.row_to_store, stages.seconds)
            features = analyse(file)
        with stages.measure("cache"):
            same = content is not None and self._is_unchanged(path, content, should_stop)
        what = (features.spectrogram, features.duration, features.warnings)
        seconds = {**features.seconds, **stages.seconds}
        if content is None or not same:
            return Features(*what, seconds)
        return Identified(*what, seconds, content.row.digest, content.row_to_store)

    def _content(
        self, path: str, opened: contextlib.ExitStack, should_stop: ShouldStop
    ) -> tuple[_Content | None, str | SourceFile]:
        """What the file holds, and what to decode: if it had to be read, the file ``opened``.

        None: its content cannot be told, as it changes or a part of it cannot be read.
        """
        stamp = Stamp.of(file_status(path))
        name = os.fsencode(os.path.join(self._folder, path))  # noqa: PTH118 - keeps ".." as it is
        known = self._ask(lambda: self._cache.digest_of(name, stamp))
        if known is not None:
            return _Content(FileRow(name, stamp, known), stored=True, settled=True), path
        file: str | SourceFile = path
        settled = _last_change(stamp) < time.time_ns() - _SETTLED_NS
        if stamp.size <= _LARGEST_READ:
            file = opened.enter_context(SourceFile(path))
            digest = _digest(file, stamp, should_stop)
        else:
            text = f"{name!r} {stamp!r}".encode()
            digest = hashlib.blake2b(text, digest_size=_DIGEST_SIZE).digest() if settled else None
        if digest is None:
            return None, file
        return _Content(FileRow(name, stamp, digest), stored=False, settled=settled), file

    def _record(self, content: _Content, settings: bytes) -> bytes | None:
        return self._ask(lambda: self._cache.record_of(content.row.digest, settings))

    def _is_unchanged(self, path: str, content: _Content, should_stop: ShouldStop) -> bool:
        """The file at the path still has the content that was looked up before it was decoded."""
        stamp = content.row.stamp
        try:
            if Stamp.of(file_status(path)) != stamp:
                return False
            if content.settled:
                return True
            with SourceFile(path) as source:
                return _digest(source, stamp, should_stop) == content.row.digest
        except AnalysisError:
            return False

    def _ask(self, look_up: Callable[[], bytes | None]) -> bytes | None:
        try:
            found = look_up()
        except CacheBusy:
            self._cache.patience = 0.0
            return None
        except CacheError:
            return None
        self._cache.patience = PATIENCE
        return found


def _last_change(stamp: Stamp) -> int:
    return stamp.changed_ns if os.name == "posix" else stamp.modified_ns


def _digest(source: SourceFile, stamp: Stamp, should_stop: ShouldStop) -> bytes | None:
    """BLAKE2b (RFC 7693) of all bytes; None: they cannot be read, or are not those of ``stamp``.

    ``source`` is then at its start again.
    """
    digest = hashlib.blake2b(digest_size=_DIGEST_SIZE)
    while block := source.read(_BLOCK):
        if should_stop():
            raise Stopped
        digest.update(block)
    source.seek(0)
    try:
        source.check()
    except ReadFailed:
        return None  # decoders may need less
    return digest.digest() if Stamp.of(source.status()) == stamp else None
