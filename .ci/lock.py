"""Write Pipfile.lock for Linux, Windows x86-64 and macOS arm64, without the names of registries.

``pipenv lock`` resolves for the machine it runs on; this script adds the packages that only other
systems need, and torch's files for them. Every category contains the package itself and repeats
its dependencies; the script keeps these only in ``default``. Run it on Linux, with pipenv, after a
change of the Pipfile or of the dependencies in ``pyproject.toml``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

LOCK = Path(__file__).parent.parent / "Pipfile.lock"
PLATFORMS = ("win_amd64", "macosx_14_0_arm64")
# pip evaluates markers for the machine it runs on, so it does not find these on Linux
ONLY_ELSEWHERE = {
    "default": {"colorama": "sys_platform == 'win32'"},
    "develop": {
        "macholib": "sys_platform == 'darwin'",
        "pefile": "sys_platform == 'win32'",
        "pywin32-ctypes": "sys_platform == 'win32'",
    },
}


def resolve(requirement: str, platform: str) -> tuple[str, str]:
    """The version and the hash of the wheel that pip would install on ``platform``."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--no-deps",
                   "--ignore-installed", "--only-binary=:all:", "--python-version", "3.11",
                   "--platform", platform, "--target", folder, "--report", str(report),
                   requirement]  # fmt: skip
        subprocess.run(command, check=True, env={**os.environ, "PIP_FIND_LINKS": ""})
        (item,) = json.loads(report.read_text())["install"]
    digest = item["download_info"]["archive_info"]["hashes"]["sha256"]
    return item["metadata"]["version"], f"sha256:{digest}"


def main() -> None:
    subprocess.run([sys.executable, "-m", "pipenv", "lock"], check=True)
    lock: dict[str, Any] = json.loads(LOCK.read_text())
    lock["_meta"]["sources"] = []
    torch = lock["default"]["torch"]
    torch["version"] = torch["version"].split("+")[0]
    for platform in PLATFORMS:
        torch["hashes"].append(resolve(f"torch{torch['version']}", platform)[1])
    torch["hashes"].sort()
    for section, packages in ONLY_ELSEWHERE.items():
        for name, marker in packages.items():
            version, digest = resolve(name, "win_amd64")
            entry = {"hashes": [digest], "markers": marker, "version": f"=={version}"}
            lock[section][name] = entry
    for section in lock.keys() - {"_meta"}:
        if section != "default":
            for name in lock[section].keys() & lock["default"].keys():
                del lock[section][name]
        for entry in lock[section].values():
            entry.pop("index", None)
        lock[section] = dict(sorted(lock[section].items()))
    LOCK.write_text(json.dumps(lock, indent=4) + "\n")


if __name__ == "__main__":
    main()
