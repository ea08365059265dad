"""Caches on real SQLite files."""

from __future__ import annotations

import pytest

from keyscan.cache.database import Database
from tests.server_process import PATIENCE


@pytest.fixture
def path(tmp_path):
    return tmp_path / "keys.sqlite"


@pytest.fixture
def warnings():
    return []


@pytest.fixture
def open_cache(path, warnings):
    """As many as are wanted, all of the same file."""
    opened = []

    def open_cache(patience=PATIENCE):
        opened.append(Database(str(path), warnings.append, patience))
        return opened[-1]

    yield open_cache
    for cache in opened:
        cache.close()


@pytest.fixture
def cache(open_cache):
    return open_cache()
