"""The workflow that builds the exe elsewhere, as far as it can be read and checked here."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import textwrap
from pathlib import Path

import pytest

from tests.server_process import ROOT

WORKFLOW = (ROOT / ".github" / "workflows" / "build.yml").read_text(encoding="utf-8")
BUILD, RELEASE = WORKFLOW.split("\n  release:\n")
STEPS = re.split(r"^      (?=- |# )", WORKFLOW, flags=re.MULTILINE)[1:]


def script(step):
    """What a step runs, with each ``${{ expression }}`` put in as a word; None if it runs none."""
    block = re.search(r"^        run: (?:\|\n)?(.*)", step, re.MULTILINE | re.DOTALL)
    return block and re.sub(r"\$\{\{.*?\}\}", "word", textwrap.dedent(block[1]))


def run(name, folder, **environ):
    """Run the script of a step as a runner with Linux does; its exit code."""
    (step,) = (step for step in STEPS if step.startswith(f"- name: {name}\n"))
    command = ["bash", "-e", "-o", "pipefail", "-c", script(step)]
    return subprocess.run(command, cwd=folder, env={**os.environ, **environ}).returncode


def program(path, *lines):
    """Write a shell script."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    path.chmod(0o755)


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
def test_every_script_is_one_to_bash():
    scripts = [script(step) for step in STEPS if "shell: pwsh" not in step]
    scripts = [text for text in scripts if text]
    assert len(scripts) >= 5
    for text in scripts:
        result = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True)
        assert result.returncode == 0, f"{text}\n{result.stderr}"


def test_the_exe_that_is_tested_and_kept_is_the_one_that_the_spec_makes():
    spec = (ROOT / "openkeyscan-analyzer.spec").read_text(encoding="utf-8")
    name = re.search(r'^NAME = "(.*)"', spec, re.MULTILINE)[1]
    scripts = "\n".join(filter(None, map(script, STEPS)))
    assert f"FOLDER: dist/{name}\n" in WORKFLOW
    assert f'"$FOLDER/{name}" doctor --self-test' in scripts
    assert scripts.count(f'"$archive" {name}\n') == 2
    assert f"pyinstaller {name}.spec" in scripts


def test_each_system_of_the_users_has_its_runner():
    systems = dict(re.findall(r"\{system: (\S+), runner: (\S+)\}", WORKFLOW))
    assert systems.keys() == {"windows-x86_64", "macos-arm64", "linux-x86_64"}
    assert len(set(systems.values())) == 3


def test_signing_needs_its_secret():
    signing = [step for step in STEPS if re.search("codesign|Authenticode|notarytool", step)]
    assert len(signing) == 3
    for step in signing:
        assert re.search(r"^        if: .*_CERTIFICATE != ''", step, re.MULTILINE), step


def test_only_a_tag_is_released_and_only_that_may_write():
    tag = "    if: startsWith(github.ref, 'refs/tags/v')\n    needs: build\n"
    assert RELEASE.startswith(tag)
    assert "contents: write" in RELEASE
    assert "permissions:\n  contents: read\n" in BUILD
    assert "write" not in re.sub("#.*", "", BUILD)


@pytest.mark.skipif(
    not all(map(shutil.which, ("bash", "zip", "unzip", "sha256sum"))),
    reason="apt-get install zip unzip",
)
def test_the_download_is_the_whole_folder_with_its_checksum(tmp_path):
    name = "openkeyscan-analyzer"
    program(tmp_path / "dist" / name / name, "echo started")
    libraries = tmp_path / "dist" / name / "_internal"
    libraries.mkdir()
    (libraries / "lib.so.1").write_bytes(bytes(1000))
    (libraries / "lib.so").symlink_to("lib.so.1")
    assert run("Pack", tmp_path, RUNNER_OS="Linux") == 0
    archive = tmp_path / f"{name}-word.zip"
    subprocess.run(["unzip", "-q", archive, "-d", tmp_path / "out"], check=True)
    out = tmp_path / "out" / name
    assert subprocess.check_output([out / name], text=True) == "started\n"
    assert (out / "_internal" / "lib.so").readlink() == Path("lib.so.1")
    assert (out / "_internal" / "lib.so").read_bytes() == bytes(1000)

    assert run("Checksums", tmp_path) == 0
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    assert (tmp_path / "SHA256SUMS").read_text() == f"{digest}  {archive.name}\n"
    check = ["sha256sum", "--check", "SHA256SUMS"]
    assert subprocess.run(check, cwd=tmp_path).returncode == 0


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
@pytest.mark.parametrize("exists", [False, True])
def test_a_release_gets_the_archives_and_their_checksums(exists, tmp_path):
    log = tmp_path / "log"
    program(
        tmp_path / "bin" / "gh",
        f'echo "$@" >> {log}',
        f'[ "$2" != view ] || exit {int(not exists)}',
    )
    archives = ["openkeyscan-analyzer-linux.zip", "openkeyscan-analyzer-windows.zip"]
    for name in archives:
        (tmp_path / name).touch()
    path = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"
    assert run("Release", tmp_path, PATH=path, GITHUB_REF_NAME="v1.2.3") == 0
    create = [] if exists else ["release create v1.2.3 --verify-tag --generate-notes"]
    upload = f"release upload v1.2.3 --clobber {' '.join(archives)} SHA256SUMS"
    assert log.read_text().splitlines() == ["release view v1.2.3", *create, upload]


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
@pytest.mark.parametrize(("tag", "code"), [("v0.1.0", 0), ("v0.1", 1), ("v0.1.00", 1)])
def test_a_tag_that_is_not_the_version_is_refused(tag, code, tmp_path):
    program(tmp_path / "openkeyscan-analyzer", "printf 'openkeyscan-analyzer 0.1.0\\r\\n'")
    environ = {"FOLDER": str(tmp_path), "GITHUB_REF_NAME": tag}
    assert run("Check that the tag is the version", tmp_path, **environ) == code
