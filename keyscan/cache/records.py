"""What the cache is asked for and keeps; imports no database.

A row of ``files`` says which content a path has, a row of ``results`` what was found out about a
content.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from keyscan.spectrogram.constant_q import Features, FloatArray


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
