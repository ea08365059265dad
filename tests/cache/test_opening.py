"""What ``--cache`` makes of its argument, and which settings answers depend on."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys

import pytest

from keyscan.arguments import parse_serve
from keyscan.cache.store import open_database, settings_digest
from keyscan.errors import NoCache
from tests.server_process import ROOT


def settings(model, *arguments):
    options = parse_serve(arguments).engine
    return settings_digest(model, options.model.device, options.model.precision, options.worker.cqt)


def test_what_an_answer_depends_on():
    plain = settings("a")
    assert plain == settings("a")
    different = (("--cqt", "librosa"), ("--precision", "high"), ("--device", "cuda"))
    changed = [settings("a", *options) for options in different]
    assert len({plain, settings("b"), *changed}) == 5
    for options in (("--notation", "camelot"), ("--spelling", "flats"), ("--timeout", "5")):
        assert settings("a", *options) == plain


def test_a_link_leads_to_the_file_that_is_used(tmp_path, caplog):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real" / "keys")
    cache = open_database(str(tmp_path / "link"))
    assert (tmp_path / "real" / "keys").is_file()
    cache.close()
    os.truncate(tmp_path / "real" / "keys", 5000)
    damaged = (tmp_path / "real" / "keys").read_bytes()
    open_database(str(tmp_path / "link")).close()
    assert (tmp_path / "real" / "keys.corrupt-1").read_bytes() == damaged
    assert (tmp_path / "link").is_symlink()
    assert len(caplog.messages) == 1


def test_a_name_is_a_file_name_whatever_sqlite_would_make_of_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in (":memory:", "file:keys?mode=memory"):
        open_database(name).close()
        assert (tmp_path / name).is_file()


@pytest.mark.parametrize("place", [".", "no folder/keys", "/dev/null"])
def test_where_there_can_be_none(tmp_path, place):
    with pytest.raises(NoCache):
        open_database(str(tmp_path / place))


def test_a_cache_that_is_locked_at_the_start_may_be_free_later(tmp_path, caplog):
    lock = sqlite3.connect(tmp_path / "keys-lock", isolation_level=None)
    lock.execute("BEGIN EXCLUSIVE")
    cache = open_database(str(tmp_path / "keys"))
    assert not (tmp_path / "keys").exists()
    lock.close()
    cache.check()
    assert (tmp_path / "keys").is_file()
    cache.close()
    assert caplog.messages == []


def test_the_database_is_not_imported_without_a_cache():
    code = """if True:
        import sys
        import keyscan.cli, keyscan.server.server, keyscan.spectrogram.features
        sys.exit("sqlite3" in sys.modules)
    """
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
