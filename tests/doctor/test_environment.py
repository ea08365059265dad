"""Parts of the report that this machine cannot show: other systems, other libraries."""

from __future__ import annotations

import platform
import subprocess
import sys
from importlib import metadata
from types import ModuleType, SimpleNamespace

import pytest

from keyscan.doctor import libraries
from keyscan.doctor.environment import Python, Variable, variables
from keyscan.doctor.findings import find_warnings
from keyscan.doctor.libraries import AudioLibraries, Package, ThreadPool
from keyscan.doctor.processor import Processor, processor_name
from keyscan.runtime import PINNED, THREAD_VARIABLES, pin_threads

CODECS = ("aac", "alac", "flac", "mp3float", "opus", "vorbis", "wmav2")


def warnings(**changed):
    """Of an environment in which all is well but for what is ``changed``."""
    facts = {
        "python": Python("3.11.9", "CPython", "/exe", True, "/app", True),
        "processor": Processor("A processor", 4, 4, ()),
        "packages": {},
        "pools": {"openmp": ThreadPool("openmp", None, 1, None, None, "/torch/libgomp.so.1")},
        "variables": variables(dict.fromkeys(THREAD_VARIABLES, "1"), THREAD_VARIABLES),
        "audio": AudioLibraries("1", (), "8", CODECS, (), "1"),
        "threads": 1,
        "load": 0.2,
    }
    return list(find_warnings(**{**facts, **changed}))


def test_nothing_to_warn_of():
    assert warnings() == []
    assert warnings(load=None) == []


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"pools": {name: ThreadPool("openmp", None, 1, None, None, file) for name, file in
                       (("openmp", "/torch/libgomp.so.1"), ("openmp 2", "/x/libiomp5.so"))}},
            "2 OpenMP runtimes are loaded",
        ),
        ({"variables": variables({"KMP_DUPLICATE_LIB_OK": "TRUE"}, ())},
         "if a second OpenMP runtime were loaded, it would hide that"),
        ({"variables": variables({"OMP_NUM_THREADS": "8"}, ())}, "OMP_NUM_THREADS is set to '8'"),
        ({"threads": 5}, "--threads 5 is more than the 4 cores"),
        ({"load": 9.0}, "the machine is busy: 9.0 processes"),
        ({"packages": {"numba": Package("0.68", "/numba"), "llvmlite": Package("0.4", "/l")}},
         "numba is loaded"),
        ({"python": Python("3.12.0", "CPython", "/exe", True, "/app", True)}, "Python 3.12.0"),
        ({"audio": AudioLibraries("1", (), "8", CODECS[1:], (), "1")}, "lacks decoders for aac"),
    ],
)  # fmt: skip
def test_each_known_evil_is_warned_of(changed, message):
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
    assert found["MKL_NUM_THREADS"] == Variable("4", "user")
    assert found["NUMBA_CACHE_DIR"] == Variable("/tmp", "user")
    assert variables({}, ())["OMP_NUM_THREADS"] == Variable(None, "nobody")


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

    class Key:
        def __enter__(self):
            return self

        def __exit__(self, *exception):
            return None

    winreg = ModuleType("winreg")
    winreg.HKEY_LOCAL_MACHINE = 1
    winreg.OpenKey = lambda root, path: Key()
    winreg.QueryValueEx = lambda key, name: ("Some Core i7  ", 1)
    monkeypatch.setitem(sys.modules, "winreg", winreg)
    assert processor_name("Windows") == "Some Core i7"


def test_thread_pools_of_windows_and_macos():
    """Intel's stub library is no second OpenMP runtime; two real ones get a name each."""

    def info(api, name, kind="openmp"):
        return {"internal_api": api, "user_api": kind, "num_threads": 1, "version": None,
                "filepath": f"/app/{name}"}  # fmt: skip

    found = libraries._named([
        info("openmp", "torch/lib/libiomp5md.dll"),
        info("openmp", "torch/lib/libiompstubs5md.dll"),
        info("openmp", "sklearn/.libs/vcomp140.dll"),
        info("openblas", "numpy.libs/libscipy_openblas64_.dll", "blas"),
    ])  # fmt: skip
    assert [(name, pool.file) for name, pool in found.items()] == [
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
    assert libraries.loaded_packages(modules) == {
        "made_at_run_time": Package("1.0", None),
        "no_metadata": Package(None, "/app/_internal/no_metadata.pyc"),
    }


def test_a_package_of_a_frozen_app_has_a_version_without_a_distribution_that_lists_it(monkeypatch):
    monkeypatch.setattr(libraries, "_distributions", dict)
    torch, torchgen, inner = (ModuleType(n) for n in ("torch", "torchgen", "typing_extensions"))
    torch.__version__ = "9.9+cpu"
    for module in (torch, torchgen, inner):
        module.__file__ = f"/app/_internal/{module.__name__}.pyc"
    found = libraries.loaded_packages({m.__name__: m for m in (torch, torchgen, inner)})
    assert {name: package.version for name, package in found.items()} == {
        "torch": "9.9+cpu",
        "torchgen": "9.9+cpu",
        "typing_extensions": metadata.version("typing_extensions"),
    }
