"""What README and the package's metadata name exists, and CI runs README's commands."""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
import tomllib
from importlib.metadata import packages_distributions

from tests.server_process import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_modules_that_the_readme_runs_exist():
    modules = set(re.findall(r"bin/python -m ([\w.]+\w)", README))
    assert modules >= {"examples.demo", "pytest"}
    assert [name for name in modules if importlib.util.find_spec(name) is None] == []


def test_programs_that_the_readme_runs_are_ours_or_what_dev_installs():
    programs = set(re.findall(r"\.venv/bin/(\w+)", README)) - {"python", "pip"}
    assert programs <= PROJECT["scripts"].keys() | set(PROJECT["optional-dependencies"]["dev"])


def test_every_import_is_declared():
    wanted = {*PROJECT["dependencies"]}
    for extra in ("plot", "tags", "watch"):
        wanted |= {*PROJECT["optional-dependencies"][extra]}
    declared = {re.match(r"[\w-]+", text)[0] for text in wanted}
    imported = set()
    for path in (ROOT / "keyscan").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {name.name.partition(".")[0] for name in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add(node.module.partition(".")[0])
    foreign = imported - sys.stdlib_module_names - {"keyscan"}
    packages = packages_distributions()
    assert {"numpy", "torch"} <= foreign
    assert {name for name in foreign if not declared & set(packages[name])} == set()


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
