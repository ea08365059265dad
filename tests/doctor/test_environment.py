"""Parts of the report that this machine cannot show: other systems, other libraries."""

from __future__ import annotations

import platform
import subprocess
import sys
from contextlib import nullcontext
from importlib import metadata
from types import ModuleType, SimpleNamespace

import pytest

from keyscan.doctor import environment
from keyscan.doctor.environment import named_pools, processor_name, variables
from keyscan.doctor.report import find_warnings
from keyscan.runtime import PINNED, THREAD_VARIABLES, pin_threads

CODECS = ("aac", "alac", "flac", "mp3float", "opus", "vorbis", "wmav2")


def warnings(**changed):
    """Of a report in which nothing is wrong except in the parts ``changed``."""
    report = {
        "python": {"version": "3.11.9", "frozen": True},
        "processor": {"cores": 4, "usable_cores": 4},
        "packages": {},
        "thread_pools": {"openmp": {"kind": "openmp", "file": "/torch/libgomp.so.1"}},
        "variables": variables(dict.fromkeys(THREAD_VARIABLES, "1"), THREAD_VARIABLES),
        "torch": {"threads": 1},
        "audio": {"ffmpeg_decoders": CODECS},
        "speed": {"load_average": 0.2},
    }
    return list(find_warnings({**report, **changed}))


def test_nothing_to_warn_of():
    assert warnings() == []
    assert warnings(speed={"load_average": None}) == []


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"thread_pools": {"openmp": {"kind": "openmp", "file": "/torch/libgomp.so.1"},
                              "openmp 2": {"kind": "openmp", "file": "/x/libiomp5.so"}}},
            "2 OpenMP runtimes are loaded",
        ),
        ({"variables": variables({"KMP_DUPLICATE_LIB_OK": "TRUE"}, ())},
         "if a second OpenMP runtime were loaded, it would hide that"),
        ({"variables": variables({"OMP_NUM_THREADS": "8"}, ())}, "OMP_NUM_THREADS is set to '8'"),
        ({"torch": {"threads": 5}}, "--threads 5 is more than the 4 cores"),
        ({"speed": {"load_average": 9.0}}, "the machine is busy: 9.0 processes"),
        ({"packages": {"numba": {"file": "/numba"}, "llvmlite": {"file": "/l"}}},
         "numba is loaded"),
        ({"python": {"version": "3.12.0", "frozen": True}}, "Python 3.12.0"),
        ({"audio": {"ffmpeg_decoders": CODECS[1:]}}, "lacks decoders for aac"),
    ],
)  # fmt: skip
def test_each_known_problem_is_warned_of(changed, message):
    (warning,) = warnings(**changed)
    assert message in warning


def test_variables_tell_the_users_from_ours():
    environ = {"MKL_NUM_THREADS": "4", "NUMBA_CACHE_DIR": "/tmp", "EDITOR": "ed"}
    before = set(PINNED)
    pin_threads(environ)
    try:
        found = variables(environ)
    finally:
        PINNED.clear()
        PINNED.update(before)
    assert found.keys() == {*THREAD_VARIABLES, "NUMBA_CACHE_DIR"}
    assert found["MKL_NUM_THREADS"] == {"value": "4", "set_by": "user"}
    assert found["NUMBA_CACHE_DIR"] == {"value": "/tmp", "set_by": "user"}
    assert variables({}, ())["OMP_NUM_THREADS"] == {"value": None, "set_by": None}


def test_the_processors_name_on_every_system(tmp_path, monkeypatch):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor\t: 0\nmodel name\t: A Fast One @ 3 GHz\n")
    assert processor_name("Linux", cpuinfo) == "A Fast One @ 3 GHz"
    cpuinfo.write_text("processor\t: 0\nBogoMIPS\t: 50.00\n")  # ARM
    assert processor_name("Linux", cpuinfo) == platform.machine()
    assert processor_name("Linux", tmp_path / "none") == platform.machine()

    asked = []

    def sysctl(command, **options):
        asked.append(command)
        return SimpleNamespace(stdout="Apple M9\n")

    monkeypatch.setattr(subprocess, "run", sysctl)
    assert processor_name("Darwin") == "Apple M9"
    assert asked == [["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]]

    winreg = ModuleType("winreg")
    winreg.HKEY_LOCAL_MACHINE = 1
    winreg.OpenKey = lambda root, path: nullcontext()
    winreg.QueryValueEx = lambda key, name: ("Some Core i7  ", 1)
    monkeypatch.setitem(sys.modules, "winreg", winreg)
    assert processor_name("Windows") == "Some Core i7"


def test_thread_pools_of_windows_and_macos():
    """Intel's stub library is no second OpenMP runtime; two real ones get a name each."""

    def info(api, name, kind="openmp"):
        return {"internal_api": api, "user_api": kind, "num_threads": 1, "version": None,
                "filepath": f"/app/{name}"}  # fmt: skip

    found = named_pools([
        info("openmp", "torch/lib/libiomp5md.dll"),
        info("openmp", "torch/lib/libiompstubs5md.dll"),
        info("openmp", "sklearn/.libs/vcomp140.dll"),
        info("openblas", "numpy.libs/libscipy_openblas64_.dll", "blas"),
    ])  # fmt: skip
    assert [(name, pool["file"]) for name, pool in found.items()] == [
        ("openblas", "/app/numpy.libs/libscipy_openblas64_.dll"),
        ("openmp", "/app/sklearn/.libs/vcomp140.dll"),
        ("openmp 2", "/app/torch/lib/libiomp5md.dll"),
    ]


def test_packages_without_file_or_metadata_as_in_a_frozen_app():
    made = ModuleType("made_at_run_time")
    made.__version__ = "1.0"
    frozen = ModuleType("no_metadata")
    frozen.__file__ = "/app/_internal/no_metadata.pyc"
    modules = {m.__name__: m for m in (made, frozen, ModuleType("nothing"), ModuleType("pyimod02"))}
    modules |= {"json": ModuleType("json"), "made.inner": made}
    assert environment.loaded_packages(modules) == {
        "made_at_run_time": {"version": "1.0", "file": None},
        "no_metadata": {"version": None, "file": "/app/_internal/no_metadata.pyc"},
    }


def test_a_package_of_a_frozen_app_has_a_version_without_a_distribution_that_lists_it(monkeypatch):
    monkeypatch.setattr(metadata, "packages_distributions", dict)
    torch, torchgen, inner = (ModuleType(n) for n in ("torch", "torchgen", "typing_extensions"))
    torch.__version__ = "9.9+cpu"
    for module in (torch, torchgen, inner):
        module.__file__ = f"/app/_internal/{module.__name__}.pyc"
    found = environment.loaded_packages({m.__name__: m for m in (torch, torchgen, inner)})
    assert {name: package["version"] for name, package in found.items()} == {
        "torch": "9.9+cpu",
        "torchgen": "9.9+cpu",
        "typing_extensions": metadata.version("typing_extensions"),
    }
