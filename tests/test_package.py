"""What README and the package's metadata name exists, and CI runs README's commands."""

from __future__ import annotations

import importlib
import re
import tomllib

from tests.server_process import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_commands_are_functions():
    for command in PROJECT["scripts"].values():
        module, name = command.split(":")
        assert callable(getattr(importlib.import_module(module), name))


def test_ci_runs_the_commands_of_the_readme():
    commands = re.findall(r"^```sh\n(python3\.11 .*)\n```$", README, re.MULTILINE)
    wanted = re.findall(r"^readme (\S+)", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)
    assert len(commands) == len(wanted) == 2
    for command, word in zip(commands, wanted, strict=True):
        assert word in command
