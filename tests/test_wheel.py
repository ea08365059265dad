"""What ``python -m build`` makes: a wheel, from the source distribution, installed and used.

The environment is empty but for the wheel; its dependencies are those of this Python, because torch
is large. ``test_package`` compares the imports with the declared ones.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

from keyscan import __version__
from tests.server_process import PATIENCE, ROOT

BUILD = ("-m", "build", "--no-isolation", "--outdir")
COMMANDS = ("keyscan", "openkeyscan-analyzer")


def run(*command, cwd, **streams):
    """The completed process, whose stdout is text; a failure shows its stderr."""
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(list(map(str, command)), capture_output=True, encoding="utf-8", cwd=cwd,
                          env=environ, timeout=2 * PATIENCE, **streams)  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The source distribution, and the wheel that was built from it."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, *BUILD, folder, ROOT, cwd=folder)
    (source,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    return source, wheel


@pytest.fixture(scope="module")
def scripts(built, tmp_path_factory):
    """The folder of the programs of an environment in which the wheel is installed."""
    root = tmp_path_factory.mktemp("environment")
    venv.create(root, with_pip=False)
    windows = os.name == "nt"
    scripts = root / ("Scripts" if windows else "bin")
    python = scripts / ("python.exe" if windows else "python")
    run(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps",
        "--no-index", built[1], cwd=root)  # fmt: skip
    (packages,) = root.rglob("site-packages")
    shared = {sysconfig.get_path(name) for name in ("purelib", "platlib")}
    # a line of a .pth file is one more folder, whose own .pth files are not read: so our editable
    # installation, if there is one, stays out
    (packages / "shared.pth").write_text("\n".join(shared), encoding="utf-8")
    return scripts


def test_both_distributions_are_named_by_the_version(built):
    name = f"openkeyscan_analyzer-{__version__}"
    assert [path.name for path in built] == [f"{name}.tar.gz", f"{name}-py3-none-any.whl"]


def test_the_wheel_holds_the_package_and_its_data(built):
    names = {Path(name) for name in zipfile.ZipFile(built[1]).namelist()}
    package = {
        path.relative_to(ROOT)
        for path in (ROOT / "keyscan").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {Path("keyscan", name) for name in ("py.typed", "data/keyscan.pt",
                                               "data/filterbank.npz")} <= package  # fmt: skip
    assert {name for name in names if name.parts[0] == "keyscan"} == package
    assert {name.parts[0] for name in names} == {
        "keyscan", f"openkeyscan_analyzer-{__version__}.dist-info",
    }  # fmt: skip


def test_the_source_distribution_holds_what_is_needed_to_work_on_it(built):
    with tarfile.open(built[0]) as archive:
        names = {Path(*Path(name).parts[1:]).as_posix() for name in archive.getnames()}
    assert {
        "LICENSE", "README.md", "CHANGELOG.md", "Pipfile", "Pipfile.lock", "pyproject.toml",
        "openkeyscan_analyzer_server.py", "openkeyscan-analyzer.spec", "tests/test_wheel.py",
        "keyscan/data/keyscan.pt",
    } <= names  # fmt: skip


def test_the_command_analyses_a_file_from_another_folder(scripts, track, tmp_path):
    done = run(scripts / "keyscan", "analyze", "--json", track, cwd=tmp_path)
    (reply,) = json.loads(done.stdout)["tracks"]
    assert (reply["code"], reply["camelot"]) == ("ok", "11A")


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_the_name_of_the_command(scripts, tmp_path, command):
    text = run(scripts / command, "--help", cwd=tmp_path).stdout
    assert text.startswith(f"usage: {command} COMMAND ")


@pytest.mark.parametrize("command", COMMANDS)
def test_both_commands_serve(scripts, track, tmp_path, command):
    line = json.dumps({"id": 1, "path": str(track)}) + "\n"
    done = run(scripts / command, "--workers", 1, cwd=tmp_path, input=line)
    ready, reply = map(json.loads, done.stdout.splitlines())
    assert (ready["type"], ready["version"]) == ("ready", __version__)
    assert reply["camelot"] == "11A"


def test_the_library_is_the_installed_one(scripts, track, tmp_path):
    code = (
        "import importlib.metadata as metadata, json, sys, keyscan\n"
        "about = metadata.metadata('openkeyscan-analyzer')\n"
        "print(json.dumps([keyscan.__file__, keyscan.analyze(sys.argv[1]).camelot,"
        " about['License-Expression'], about['Requires-Python'], about.get_all('Provides-Extra')]))"
    )
    done = run(scripts / "python", "-c", code, track, cwd=tmp_path)
    file, camelot, licence, versions, extras = json.loads(done.stdout)
    assert Path(file).is_relative_to(scripts.parent)
    assert camelot == "11A"
    assert (licence, versions) == ("MIT", "==3.11.*")
    assert {"plot", "tags", "watch", "distributed", "dev"} == set(extras)
