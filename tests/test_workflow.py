"""The workflow that builds the exe elsewhere, as far as it can be read and checked here."""

from __future__ import annotations

import re
import shutil
import subprocess
import textwrap

import pytest

from tests.server_process import ROOT

WORKFLOW = (ROOT / ".github" / "workflows" / "build.yml").read_text(encoding="utf-8")
STEPS = re.split(r"^      (?=- |# )", WORKFLOW, flags=re.MULTILINE)[1:]


def script(step):
    """What a step runs, with each ``${{ expression }}`` put in as a word; None if it runs none."""
    block = re.search(r"^        run: (?:\|\n)?(.*)", step, re.MULTILINE | re.DOTALL)
    return block and re.sub(r"\$\{\{.*?\}\}", "word", textwrap.dedent(block[1]))


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
    assert f"-C dist {name}" in scripts
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
