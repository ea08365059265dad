"""The worker's side of the cache: is the file known, and if not, which content has it?

A row of ``files`` says which content a path has, a row of ``results`` what was found out about a
content. This module imports no database.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from keyscan.audio.source import SourceFile, file_status
from keyscan.errors import AnalysisError, CacheBusy, CacheError, Cancelled, ReadFailed
from keyscan.runtime import Stages
from keyscan.spectrogram.constant_q import Features, FloatArray

if TYPE_CHECKING:
    from keyscan.cache.database import Database  # and with it sqlite3

PATIENCE = 5.0
"""Seconds to wait for a locked cache; after a failed wait, none until it is free."""

_BLOCK = 1 << 20
_DIGEST_SIZE = 20
_LARGEST_READ = 1 << 30
"""Bytes; larger files are known by path, size and times alone: to read one twice takes too long."""
_SETTLED_NS = 3_000_000_000
"""A change longer ago has other times than one made now, on any file system (FAT: 2 s)."""

ShouldStop = Callable[[], bool]


@dataclass(frozen=True)
class Stamp:
    """What changes when a file does: bytes, and nanoseconds since 1970.

    ``changed_ns`` is the inode's time, which no program can set (the time of creation on Windows).
    """

    size: int
    modified_ns: int
    changed_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> Stamp:
        """The stamp of a file with that status."""
        return cls(status.st_size, status.st_mtime_ns, status.st_ctime_ns)


@dataclass(frozen=True)
class FileRow:
    """The digest of the file at an absolute ``path``, valid while its stamp is this one."""

    path: bytes
    stamp: Stamp
    digest: bytes


@dataclass(frozen=True)
class ResultRow:
    """What was found out about a content with some settings."""

    digest: bytes
    settings: bytes
    record: bytes


@dataclass(frozen=True, eq=False)
class Known:
    """The record of a file; ``file`` is to be stored, None if it already is.

    ``spectrogram`` is there if it was asked for.
    """

    record: bytes
    file: FileRow | None
    seconds: dict[str, float]
    spectrogram: FloatArray | None = None


@dataclass(frozen=True, eq=False)
class Identified(Features):
    """The features of a content that has no record yet; ``file`` as in ``Known``."""

    digest: bytes
    file: FileRow | None


@dataclass(frozen=True)
class _Content:
    """``stored``: the row is in the cache. ``settled``: a later change will change the times."""

    row: FileRow
    stored: bool
    settled: bool

    @property
    def row_to_store(self) -> FileRow | None:
        return self.row if self.settled and not self.stored else None


class KnownFiles:
    """Answers requests from the cache, and finds out which content other files have.

    A file is analysed whenever the cache cannot answer, for any reason.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._folder = os.getcwd()  # noqa: PTH109 - the process never leaves it

    def answer(
        self,
        path: str,
        settings: Sequence[bytes],
        should_stop: ShouldStop,
        analyse: Callable[[str | SourceFile], Features],
        spectrogram: bool = False,
    ) -> Known | Features:
        """What is known of a file with any of ``settings``, or what ``analyse`` makes of it.

        ``analyse`` gets the path, or the file if it had to be opened for its digest. Its features
        become ``Identified`` if the content of the file did not change meanwhile. ``spectrogram``:
        a known file is analysed as well, for its spectrogram.

        Raises:
            AnalysisError: the file cannot be read, or what ``analyse`` raises.
            Cancelled: ``should_stop()`` was true.
        """
        stages = Stages()
        with contextlib.ExitStack() as opened:
            with stages.measure("cache"):
                content, file = self._content(path, opened, should_stop)
                record = None if content is None else self._record(content, settings)
            if content is not None and record is not None:
                picture = analyse(file).spectrogram if spectrogram else None
                return Known(record, content.row_to_store, stages.seconds, picture)
            features = analyse(file)
        with stages.measure("cache"):
            same = content is not None and self._is_unchanged(path, content, should_stop)
        features = replace(features, seconds={**features.seconds, **stages.seconds})
        if content is None or not same:
            return features
        return Identified(**vars(features), digest=content.row.digest, file=content.row_to_store)

    def _content(
        self, path: str, opened: contextlib.ExitStack, should_stop: ShouldStop
    ) -> tuple[_Content | None, str | SourceFile]:
        """The content of the file, and what to decode: the path, or the file that was ``opened``.

        None: the content is unknown, because it changes or a part of it cannot be read.
        """
        stamp = Stamp.of(file_status(path))
        name = os.fsencode(os.path.join(self._folder, path))  # noqa: PTH118 - keeps ".." as it is
        known = self._ask(lambda: self._database.digest_of(name, stamp))
        if known is not None:
            return _Content(FileRow(name, stamp, known), stored=True, settled=True), path
        file: str | SourceFile = path
        settled = _last_change(stamp) < time.time_ns() - _SETTLED_NS
        if stamp.size <= _LARGEST_READ:
            file = opened.enter_context(SourceFile(path))
            digest = content_digest(file, stamp, should_stop)
        else:
            text = f"{name!r} {stamp!r}".encode()
            digest = hashlib.blake2b(text, digest_size=_DIGEST_SIZE).digest() if settled else None
        if digest is None:
            return None, file
        return _Content(FileRow(name, stamp, digest), stored=False, settled=settled), file

    def _record(self, content: _Content, settings: Sequence[bytes]) -> bytes | None:
        """The record with the first of ``settings`` that has one."""
        digest = content.row.digest
        found = (self._ask(partial(self._database.record_of, digest, each)) for each in settings)
        return next((record for record in found if record is not None), None)

    def _is_unchanged(self, path: str, content: _Content, should_stop: ShouldStop) -> bool:
        """The file at the path still has the content that was looked up before it was decoded."""
        stamp = content.row.stamp
        try:
            if Stamp.of(file_status(path)) != stamp:
                return False
            if content.settled:
                return True
            with SourceFile(path) as source:
                return content_digest(source, stamp, should_stop) == content.row.digest
        except AnalysisError:
            return False

    def _ask(self, look_up: Callable[[], bytes | None]) -> bytes | None:
        try:
            found = look_up()
        except CacheBusy:
            self._database.patience = 0.0
            return None
        except CacheError:
            return None
        self._database.patience = PATIENCE
        return found


def _last_change(stamp: Stamp) -> int:
    return stamp.changed_ns if os.name == "posix" else stamp.modified_ns


def content_digest(source: SourceFile, stamp: Stamp, should_stop: ShouldStop) -> bytes | None:
    """BLAKE2b (RFC 7693) of all bytes; None: they cannot be read, or are not those of ``stamp``.

    ``source`` is then at its start again.
    """
    digest = hashlib.blake2b(digest_size=_DIGEST_SIZE)
    while block := source.read(_BLOCK):
        if should_stop():
            raise Cancelled
        digest.update(block)
    source.seek(0)
    try:
        source.check()
    except ReadFailed:
        return None  # decoders may need less
    return digest.digest() if Stamp.of(source.status()) == stamp else None
