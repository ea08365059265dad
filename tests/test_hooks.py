"""The hooks for PyInstaller, run as it runs them: what they take, and what they leave out."""

from __future__ import annotations

import importlib.util
import runpy
import sys
from pathlib import Path

import pytest
from PyInstaller import compat, isolated

from tests.server_process import ROOT

TORCH = Path(importlib.util.find_spec("torch").origin).parent
TESTS = ("aoti_custom_ops", "backend_with_compiler", "jitbackend_test", "torchbind_test")
LIBRARIES = {  # how torch names them, and where it has them, by system
    "linux": ("lib/lib{}.so", ("torch_cpu", "c10"), ["lib/libgomp.so.1"]),
    "win32": ("lib/{}.dll", ("torch_cpu", "c10", "shm"), []),
    "darwin": ("lib/lib{}.dylib", ("torch_cpu", "c10", "omp"), []),
}


def run_hook(name):
    return runpy.run_path(str(ROOT / "hooks" / f"hook-{name}.py"))


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """``elsewhere(system)``: a torch with files as that system has them, found before the real."""

    def fake(system):
        pattern, names, others = LIBRARIES[system]
        files = [*(pattern.format(name) for name in (*names, *TESTS)), *others, "lib/torch.lib"]
        if system != "win32":
            files += ["bin/torch_shm_manager", "bin/protoc"]
        for name in ("__init__.py", *files):
            path = tmp_path / "torch" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, "torch", raising=False)
        monkeypatch.setattr(compat, "is_win", system == "win32")
        monkeypatch.setattr(isolated, "call", lambda _: (["torch"], []))  # it loads no model
        taken = [*(pattern.format(name) for name in names), *others]
        return {(str(tmp_path / "torch" / name), str(Path("torch", name).parent)) for name in taken}

    return fake


@pytest.mark.parametrize("system", LIBRARIES)
def test_libraries_of_torch_but_not_those_of_its_tests(system, elsewhere, tmp_path):
    expected = elsewhere(system)
    program = (str(tmp_path / "torch" / "bin" / "torch_shm_manager"), "torch/bin")
    if system != "win32":
        expected.add(program)
    assert set(run_hook("torch")["binaries"]) == expected


@pytest.fixture(scope="module")
def torch_hook():
    """The hook on this machine, with the torch that is installed."""
    return run_hook("torch")


def test_all_that_a_model_loads_is_taken(torch_hook):
    taken = torch_hook["hiddenimports"]
    assert {"torch", "torch.nn.functional", "torch.jit", "torch.serialization"} <= set(taken)
    assert not any(name.startswith(("torch._C.", "torch.ops")) for name in taken)


def test_only_those_sources_are_taken_that_torch_reads(torch_hook):
    sources = dict(torch_hook["datas"])
    assert sources[str(TORCH / "nn" / "functional.py")] == str(Path("torch", "nn"))
    assert str(TORCH / "utils" / "serialization" / "config.py") in sources  # read by torch.load
    assert all(Path(source).is_relative_to(TORCH) for source in sources)
    assert len(sources) < len(torch_hook["hiddenimports"]) / 10


def test_every_library_that_torch_loads_here_is_taken(torch_hook):
    taken = {Path(source).name for source, _ in torch_hook["binaries"]}
    assert any("torch_cpu" in name for name in taken)
    assert not any(test in name for test in TESTS for name in taken)
    assert ("torch_shm_manager" in taken) == (sys.platform != "win32")


def test_what_is_left_out_of_torch_is_there_to_be_left_out(torch_hook):
    names = [name for name in torch_hook["excludedimports"] if name.startswith("torch.")]
    for name in names:
        path = TORCH.parent.joinpath(*name.split("."))
        assert path.is_dir() or path.with_suffix(".py").is_file(), name


def test_a_torch_that_needs_what_is_left_out_is_refused(monkeypatch):
    monkeypatch.setattr(isolated, "call", lambda _: (["torch", "torch._dynamo.config"], []))
    with pytest.raises(SystemExit, match=r"what this version of torch loads: .*_dynamo\.config"):
        run_hook("torch")


def test_of_librosa_what_a_constant_q_needs():
    hook = run_hook("librosa")
    assert {"librosa.core.constantq", "librosa.filters", "librosa.util.utils"} <= set(
        hook["hiddenimports"]
    )
    files = {Path(source).name for source, _ in hook["datas"]}
    assert "__init__.pyi" in files  # where librosa finds the names of its modules
    assert not any(name.endswith((".ogg", ".pyc")) for name in files)


@pytest.mark.skipif(sys.platform != "linux", reason="wheels keep libraries elsewhere")
def test_no_links_to_the_libraries_of_wheels():
    (pattern,) = run_hook("keyscan")["bindepend_symlink_suppression"]
    libraries = [*TORCH.parent.glob("numpy.libs/*"), *TORCH.parent.glob("av.libs/*")]
    assert libraries
    assert all(path.match(pattern) for path in libraries)
    assert not (TORCH / "lib" / "libtorch_cpu.so").match(pattern)
