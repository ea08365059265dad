"""What must stand before numpy is imported; Windows is faked where there is none."""

from __future__ import annotations

import os
import sys
import types
from pathlib import Path

import pytest

from keyscan import runtime
from keyscan.runtime import THREAD_VARIABLES, add_library_folders, pin_threads

ROOT = Path(__file__).parent.parent


@pytest.fixture
def folder(tmp_path):
    """An install folder with libraries in three places."""
    for name in ("python311.dll", "numpy.libs/openblas.dll", "torch/lib/c10.dll",
                 "torch/lib/torch_cpu.dll", "torch/version.txt"):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def test_threads_are_pinned_unless_the_user_has_set_them():
    environ = {"OPENBLAS_NUM_THREADS": "3"}
    pin_threads(environ)
    assert environ.pop("OPENBLAS_NUM_THREADS") == "3"
    assert environ == dict.fromkeys(set(THREAD_VARIABLES) - {"OPENBLAS_NUM_THREADS"}, "1")


def test_every_folder_of_libraries_is_searched_on_windows(folder):
    added: list[str] = []
    environ = {"PATH": "/users/own"}
    add_library_folders(folder, environ, added.append)
    expected = [str(folder), str(folder / "numpy.libs"), str(folder / "torch" / "lib")]
    assert added == expected
    assert environ["PATH"].split(os.pathsep) == [*expected, "/users/own"]


def test_a_worker_process_does_not_make_the_path_longer(folder):
    environ = {"PATH": "/users/own"}
    add_library_folders(folder, environ, lambda path: None)
    once = dict(environ)
    add_library_folders(folder, environ, lambda path: None)
    assert environ == once


def test_no_path_at_all(folder):
    environ: dict[str, str] = {}
    add_library_folders(folder, environ, lambda path: None)
    assert "" not in environ["PATH"].split(os.pathsep)


def test_other_systems_are_left_alone(folder):
    environ = {"PATH": "/users/own"}
    add_library_folders(folder, environ, None)
    assert environ == {"PATH": "/users/own"}


def test_the_runtime_hook_does_both_before_numpy_is_imported(folder, monkeypatch):
    """The hook's own file, run as the frozen app runs it, on a Windows that is not there."""
    added: list[str] = []
    environ = {"PATH": "/users/own", "MKL_NUM_THREADS": "2"}
    monkeypatch.setattr(sys, "_MEIPASS", str(folder), raising=False)
    monkeypatch.setattr(pin_threads, "__defaults__", (environ,))
    monkeypatch.setattr(add_library_folders, "__defaults__", (environ, added.append))
    hook = ROOT / "runtime_hooks" / "prepare.py"
    exec(compile(hook.read_text(), hook, "exec"), vars(types.ModuleType("hook")))
    assert str(folder / "torch" / "lib") in added
    assert (environ["MKL_NUM_THREADS"], environ["OMP_NUM_THREADS"]) == ("2", "1")
    assert runtime.add_library_folders is add_library_folders
