"""Which files of the watched folders are to be analysed, and when: once they stop changing."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import PurePath

from keyscan.audio.formats import is_music
from keyscan.batch.files import SYSTEM_FOLDERS, find_files

Stamp = tuple[int, int, int]
"""What changes when a file does: its size, the time of its last change in ns, its inode."""


def stamp_of(path: str) -> Stamp | None:
    """The stamp of the file at ``path``; None if there is none."""
    try:
        status = os.stat(path)  # noqa: PTH116 - a name, byte by byte
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns, status.st_ino


def music_at(folders: Sequence[str], path: str) -> Iterator[str]:
    """The files to be analysed after a change at ``path``, which lies in one of the ``folders``.

    Those of a folder that has appeared; none of what is hidden, of the system's, or no music.
    """
    for folder in folders:
        inside = os.path.relpath(path, folder)
        parts = PurePath(inside).parts
        if parts[:1] in ((), (os.pardir,)):  # the folder itself, or elsewhere
            continue
        if any(part.startswith(".") or part.casefold() in SYSTEM_FOLDERS for part in parts):
            return
        if os.path.isdir(path):  # noqa: PTH112
            inner = find_files([path], recursive=True)
            yield from (found for found in inner if isinstance(found, str))
        elif is_music(parts[-1]):
            yield path
        return


class Settling:
    """Files that have changed, until they have been the same for some time."""

    def __init__(self, seconds: float) -> None:
        """A file is settled if its stamp stays for so many ``seconds``."""
        self._seconds = seconds
        self._waiting: dict[str, tuple[Stamp, float]] = {}  # when the stamp was first seen
        self._known: dict[str, Stamp] = {}

    def changed(self, path: str, now: float) -> None:
        """The file at ``path`` may have changed, at the time ``now`` in seconds."""
        stamp = stamp_of(path)
        if stamp is None or stamp == self._known.get(path):
            self._waiting.pop(path, None)
        elif path not in self._waiting:
            self._waiting[path] = stamp, now

    def settled(self, now: float) -> list[tuple[str, Stamp]]:
        """The files that are to be analysed now, each once for each of its contents."""
        ready = []
        for path, (stamp, since) in list(self._waiting.items()):
            current = stamp_of(path)
            if current is None or current == self._known.get(path):
                del self._waiting[path]
            elif current != stamp:
                self._waiting[path] = current, now
            elif now - since >= self._seconds:
                del self._waiting[path]
                self._known[path] = stamp
                ready.append((path, stamp))
        return ready

    def written(self, path: str) -> None:
        """What is at ``path`` now is this program's own work."""
        if (stamp := stamp_of(path)) is not None:
            self._known[path] = stamp
