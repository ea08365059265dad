"""What must stand before numpy is imported; Windows is faked where there is none."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from keyscan import runtime
from keyscan.analysis import Analysis
from keyscan.engine.task import Outcome
from keyscan.keys import KEYS
from keyscan.runtime import THREAD_VARIABLES, add_library_folders, file_table, pin_threads

ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def own_pinned(monkeypatch):
    """What these tests pin is forgotten after each."""
    monkeypatch.setattr(runtime, "PINNED", set(runtime.PINNED))


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


# Runs the hook as the frozen app does, before anything else, and as it would on Windows.
RUN_THE_HOOK = """
import os, runpy, sys
hook, sys._MEIPASS, windows = sys.argv[1:]
sys.frozen = True
heavy = {"numpy", "scipy", "torch", "librosa"}
steps = []
if windows:
    def add(folder):
        assert not heavy & sys.modules.keys()
        steps.append(os.path.relpath(folder, sys._MEIPASS))
    os.add_dll_directory = add
elif hasattr(os, "add_dll_directory"):
    del os.add_dll_directory
runpy.run_path(hook)
assert not heavy & sys.modules.keys()
print(*steps, sep="|")
for name in sorted(os.environ):
    if name == "PATH" or name.endswith(("_NUM_THREADS", "_MAXIMUM_THREADS")):
        print(name, os.environ[name], sep="=")
"""


@pytest.mark.parametrize("windows", [True, False])
def test_the_runtime_hook_does_both_before_numpy_is_imported(folder, windows):
    own = {name: value for name, value in os.environ.items() if name not in THREAD_VARIABLES}
    environ = {**own, "PYTHONPATH": str(ROOT), "PATH": "/users/own", "MKL_NUM_THREADS": "2"}
    hook = ROOT / "runtime_hooks" / "prepare.py"
    command = [sys.executable, "-c", RUN_THE_HOOK, hook, folder, "windows" if windows else ""]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environ)
    assert (result.returncode, result.stderr) == (0, "")
    added, *lines = result.stdout.splitlines()
    expected = [".", "numpy.libs", str(Path("torch", "lib"))] if windows else []
    assert added == "|".join(expected)
    threads = {**dict.fromkeys(THREAD_VARIABLES, "1"), "MKL_NUM_THREADS": "2"}
    path = os.pathsep.join([*(str(folder / name) for name in expected), "/users/own"])
    assert dict(line.split("=", 1) for line in lines) == {**threads, "PATH": path}


@pytest.mark.parametrize(
    "seconds",
    [
        {"decode": 0.1, "cqt": 0.3, "model_inference": 0.2},  # longer than the file took in all
        {"cache": 0.5},
        {"decode": 1 / 3, "resample": 1 / 3, "cqt": 1 / 3},
        {},
    ],
)
def test_the_parts_of_a_profile_add_up_to_100_at_most(seconds):
    analysis = Analysis(key=KEYS[0], probabilities=(1 / 24,) * 24, tuning_cents=None, duration=1.0)
    table = file_table("a.mp3", Outcome(analysis, seconds, time.perf_counter()), 0.1)
    rows = dict(re.findall(r"^  (?!- )(\w+): .*\((\d+\.\d)%\)$", table, re.M))
    assert 0 < sum(map(float, rows.values())) <= 100.05
    parts = re.findall(r"^  - \w+: .*\((\d+\.\d)%\)$", table, re.M)
    assert sum(map(float, parts)) <= float(rows.get("preprocess_audio", 0)) + 0.05
