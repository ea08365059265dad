"""Which spawned processes import the main module of the program."""

from __future__ import annotations

import sys
from multiprocessing import spawn

import pytest

from keyscan.engine.main_module import leave_main_module_alone

MAIN = {"init_main_from_name", "init_main_from_path"}


@pytest.fixture
def original(monkeypatch):
    """What multiprocessing tells a process, which the test may replace."""
    main = sys.modules["__main__"]  # of pytest-xdist's processes it has neither
    monkeypatch.setattr(main, "__spec__", None)
    monkeypatch.setattr(main, "__file__", __file__, raising=False)
    monkeypatch.setattr(spawn, "get_preparation_data", spawn.get_preparation_data)
    yield spawn.get_preparation_data
    leave_main_module_alone.cache_clear()


def test_only_processes_of_that_name_do_not(original):
    leave_main_module_alone("ours")
    assert spawn.get_preparation_data("theirs") == original("theirs")
    assert MAIN & original("theirs").keys()
    told = spawn.get_preparation_data("ours")
    assert told.items() < original("ours").items()
    assert not MAIN & told.keys()
    assert told["sys_path"] == sys.path


def test_once_is_enough(original):
    leave_main_module_alone("ours")
    replaced = spawn.get_preparation_data
    leave_main_module_alone("ours")
    assert spawn.get_preparation_data is replaced
