"""What server and workers tell each other of the result cache; imports no database."""

from __future__ import annotations

import os
from dataclasses import dataclass

from keyscan.spectrogram.constant_q import Features


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
        return cls(status.st_size, status.st_mtime_ns, status.st_ctime_ns)


@dataclass(frozen=True)
class FileRow:
    """The content of the file at an absolute ``path``, as long as its stamp is this one."""

    path: bytes
    stamp: Stamp
    digest: bytes


@dataclass(frozen=True)
class ResultRow:
    """What was found out about a content with some settings."""

    digest: bytes
    settings: bytes
    record: bytes


@dataclass(frozen=True)
class Known:
    """The record of a file; ``file`` is to be stored, None: it is already."""

    record: bytes
    file: FileRow | None
    seconds: dict[str, float]


@dataclass(frozen=True, eq=False)
class Identified(Features):
    """The features of a content that has no record yet; ``file`` as in ``Known``."""

    digest: bytes
    file: FileRow | None
