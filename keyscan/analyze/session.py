"""The client of our own server, in the same process: files go in, answers are kept."""

from __future__ import annotations

import argparse
import io
import json
import sys
import time
from collections.abc import Callable
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Protocol

from keyscan.analyze.files import UnreadableFolder, find_files
from keyscan.analyze.interruption import Interruption
from keyscan.analyze.progress import Progress
from keyscan.analyze.tracks import Track
from keyscan.reply import Message
from keyscan.server.protocol import encode

if TYPE_CHECKING:
    from keyscan.engine.pool import WorkerPool
    from keyscan.server.server import Server

_OF_THE_PROTOCOL = ("id", "generation")


class BuildServer(Protocol):
    """Loads everything; raises what keeps the server from starting."""

    def __call__(
        self,
        options: argparse.Namespace,
        *,
        read: Callable[[int], bytes],
        write: Callable[[bytes], None],
        on_pool: Callable[[WorkerPool], None],
    ) -> Server: ...


class Batch:
    """The files of one run and what became of them.

    ``found`` are paths and folders that cannot be looked into, ``seconds`` what the server took.
    """

    def __init__(self, progress: Progress) -> None:
        self.found: list[str | UnreadableFolder] = []
        self.seconds = 0.0
        self._progress = progress
        self._tracks: dict[int, Track] = {}  # by their place in ``found``

    @property
    def tracks(self) -> list[Track]:
        """Those that have been answered, in the order in which they were found."""
        tracks = self._tracks.copy()  # behind a signal, the last answer may still be coming
        return [tracks[place] for place in sorted(tracks)]

    def find(self, options: argparse.Namespace) -> None:
        """Look for the files."""
        for found in self._progress.finding(find_files(options.paths, recursive=options.recursive)):
            self.found.append(found)

    def analyse(
        self, options: argparse.Namespace, interruption: Interruption, build_server: BuildServer
    ) -> None:
        """Have the server answer for all files, or for as many as it can before a signal."""
        self._progress.start(len(self.found))
        requests = []
        for place, found in enumerate(self.found):
            if isinstance(found, str):
                requests.append(encode({"id": place, "path": found, "timeline": options.timeline}))
            else:
                self._take(place, _failure(found))
        if not requests:
            return
        server = build_server(
            options,
            read=io.BytesIO(b"".join(requests)).read,
            write=self._receive,
            on_pool=interruption.knows_pool,
        )
        self._progress.restart_clock()
        since = time.monotonic()
        try:
            interruption.run(server)
        finally:
            self.seconds = time.monotonic() - since

    def _receive(self, line: bytes) -> None:
        message = json.loads(line, object_pairs_hook=_shared)
        if "status" not in message:  # a heartbeat
            self._progress.tick()
            return
        place, path = message["id"], self.found[message["id"]]
        assert isinstance(path, str)
        reply = {name: message[name] for name in message if name not in _OF_THE_PROTOCOL}
        self._take(place, Track(path, reply))

    def _take(self, place: int, track: Track) -> None:
        self._tracks[place] = track
        self._progress.done(track)


def _shared(pairs: list[tuple[str, Any]]) -> Message:
    """An object whose names and texts are kept once for all tracks: half of the memory."""
    return {
        sys.intern(name): sys.intern(value) if isinstance(value, str) else value
        for name, value in pairs
    }


def _failure(folder: UnreadableFolder) -> Track:
    reply = {
        "status": "error",
        "code": folder.code,
        "error": folder.error,
        "filename": PurePath(folder.path).name,
    }
    return Track(folder.path, reply)
