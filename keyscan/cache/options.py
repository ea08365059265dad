"""The file that ``--cache`` names becomes a cache, or a reason why it cannot."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import stat
from typing import TYPE_CHECKING

from keyscan import __version__
from keyscan.errors import NoCache

if TYPE_CHECKING:
    from keyscan.cache.cache import Cache
    from keyscan.cache.store import ResultStore
    from keyscan.model.checkpoint import KeyModel
    from keyscan.options import EngineOptions

log = logging.getLogger(__name__)

ENGINE = 1
"""To be raised when the same file gets another answer or record from the same ``__version__``."""


_START_PATIENCE = 1.0  # seconds: nobody waits long for a server to start


def open_cache(name: str | None) -> Cache | None:
    """The cache at that path, opened or made; None, with a warning, where it cannot be used.

    Raises:
        NoCache: the path leads to something else than a file, or into no folder.
    """
    if name is None:
        return None
    path = os.path.realpath(name)  # SQLite keeps its log beside the real file
    _require_place(path)
    from keyscan.cache.cache import Cache  # and with it sqlite3, which not everybody pays for
    from keyscan.cache.store import PATIENCE
    from keyscan.errors import CacheBusy, CacheError

    cache = Cache(path, log.warning, _START_PATIENCE)
    try:
        with contextlib.suppress(CacheBusy):  # it may be free when there is something to store
            cache.check()
    except CacheError as error:
        log.warning("the cache %s cannot be used: %s; answers are not stored", path, error)
        return None
    cache.patience = PATIENCE
    return cache


def result_store(
    cache: Cache | None, model: KeyModel, options: EngineOptions
) -> ResultStore | None:
    """What the server keeps answers in, given the settings of the model and the workers."""
    if cache is None:
        return None
    from keyscan.cache.store import ResultStore

    return ResultStore(cache, settings_digest(model, options))


def settings_digest(model: KeyModel, options: EngineOptions) -> bytes:
    """16 bytes that are the same as long as a content would get the same answer.

    Notation and spelling have no part in it: records are about the music.
    """
    settings = {
        "version": __version__,
        "engine": ENGINE,
        "model": model.info.sha256,
        "device": model.device.type,
        "precision": options.model.precision,
        "cqt": options.worker.cqt,
    }
    text = json.dumps(settings, sort_keys=True).encode()
    return hashlib.blake2b(text, digest_size=16).digest()


def _require_place(path: str) -> None:
    """Raises NoCache where there can be none; a track must not be taken for a damaged cache."""
    from keyscan.audio.extensions import is_music
    from keyscan.audio.sniff import sniff
    from keyscan.audio.source import SourceFile
    from keyscan.errors import AnalysisError  # as below: not everybody has a cache

    if is_music(os.path.basename(path)):  # noqa: PTH119
        raise NoCache(f"the cache {path} cannot be used: that is the name of a file of music")
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116 - paths are text here
    except (OSError, ValueError):
        folder = os.path.dirname(path)  # noqa: PTH120
        if not os.path.isdir(folder):  # noqa: PTH112
            raise NoCache(f"the cache {path} cannot be made: there is no folder {folder}") from None
        return
    if not stat.S_ISREG(mode):
        kind = "a folder" if stat.S_ISDIR(mode) else "no file"
        raise NoCache(f"the cache {path} cannot be used: it is {kind}")
    with contextlib.suppress(AnalysisError), SourceFile(path) as source:
        if sniff(source).kind:
            raise NoCache(f"the cache {path} cannot be used: it is a file of music")
