"""The option ``--cache``, which the server and ``analyze`` share, and what is made of it."""

from __future__ import annotations

import argparse
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

log = logging.getLogger(__name__)

ENGINE = 1
"""To be raised when the same file gets another answer or record from the same ``__version__``."""


_START_PATIENCE = 1.0  # seconds: nobody waits long for a server to start


def add_cache_option(parser: argparse.ArgumentParser) -> None:
    """Let ``parser`` know the option that ``open_cache`` reads."""
    parser.add_argument(
        "--cache",
        metavar="FILE",
        help="keep answers in this SQLite file, and analyse no content twice (default: no cache)",
    )


def open_cache(options: argparse.Namespace) -> Cache | None:
    """The cache, opened or made; None, with a warning, where it cannot be used.

    Raises:
        NoCache: the path leads to something else than a file, or into no folder.
    """
    if options.cache is None:
        return None
    path = os.path.realpath(options.cache)  # SQLite keeps its log beside the real file
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
    cache: Cache | None, model: KeyModel, options: argparse.Namespace
) -> ResultStore | None:
    """What the server keeps answers in, given the options of the model and ``--cqt``."""
    if cache is None:
        return None
    from keyscan.cache.store import ResultStore

    return ResultStore(cache, settings_digest(model, options))


def settings_digest(model: KeyModel, options: argparse.Namespace) -> bytes:
    """16 bytes that are the same as long as a content would get the same answer.

    Notation and spelling have no part in it: records are about the music.
    """
    settings = {
        "version": __version__,
        "engine": ENGINE,
        "model": model.info.sha256,
        "device": model.device.type,
        "precision": options.precision,
        "cqt": options.cqt,
    }
    text = json.dumps(settings, sort_keys=True).encode()
    return hashlib.blake2b(text, digest_size=16).digest()


def _require_place(path: str) -> None:
    """Raises NoCache where there can be none; a track must not be taken for a damaged cache."""
    from keyscan.audio.formats import UNKNOWN, is_music
    from keyscan.audio.probe import identify
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
        if identify(source)[0] is not UNKNOWN:
            raise NoCache(f"the cache {path} cannot be used: it is a file of music")
