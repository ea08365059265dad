"""The laws of imports that a contract of ``lint-imports`` cannot state."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from tests.server_process import EXE, ROOT, ServerProcess, request

MODULES = sorted((ROOT / "keyscan").rglob("*.py"))


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.skipif(bool(EXE), reason="the exe has one folder of libraries for all processes")
def test_a_worker_process_has_no_torch_and_the_server_no_decoders(track):
    with ServerProcess("-w", "1") as server:
        assert server.ask(request(1, track))["camelot"] == "11A"
        (worker,) = server.worker_pids()
        in_worker = Path(f"/proc/{worker}/maps").read_text()
        in_server = Path(f"/proc/{server.pid}/maps").read_text()
    assert ("libtorch" in in_worker, "libtorch" in in_server) == (False, True)
    assert ("libavcodec" in in_worker, "libavcodec" in in_server) == (True, False)


@pytest.mark.parametrize("package", ["audio", "spectrogram", "cache", "engine", "server", "batch"])
def test_torch_is_imported_for_the_model_only(package):
    names = [f"keyscan.{package}.{file.stem}" for file in (ROOT / "keyscan" / package).glob("*.py")]
    names.remove(f"keyscan.{package}.__init__")
    code = f"import sys, importlib; [importlib.import_module(n) for n in {names}]; " + (
        "sys.exit('torch' in sys.modules or 'keyscan.model' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_imports_a_private_name(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("keyscan"):
            assert [name.name for name in node.names if name.name.startswith("_")] in (
                [],
                ["__version__"],
            )


@pytest.mark.parametrize("name", ["keyscan", "keyscan.analyzer", "keyscan.client", "keyscan.plot"])
def test_what_users_import_is_in_all(name):
    module = importlib.import_module(name)
    assert module.__all__
    assert all(hasattr(module, public) for public in module.__all__)
