"""The pages: every link leads somewhere, samples run, and transcripts show what is printed."""

from __future__ import annotations

import ast
import importlib.util
import json
import math
import os
import re
import shutil
import subprocess
import sys
from itertools import chain

import numpy as np
import pytest

from examples.track import SAMPLE_RATE, render_track, write_audio
from keyscan.keys import Key
from tests.pages import PAGES, anchors, links, name, samples
from tests.server_process import ROOT

README = ROOT / "README.md"
DOCS = [README, *(ROOT / "docs").glob("*.md")]
LIBRARY = {
    "Anna Vale - Low Tide.mp3": "A minor",
    "Kobo - Paper Suns.flac": "F major",
    "Mira & Joon - Slow Engine.m4a": "D minor",
    "The Quiet Hours - Lantern.wav": "Bb major",
}
TOO_MUCH = re.compile(r"pip install|apt-get|npm |pyinstaller|\.ci/|git |sysctl|keyscan watch")
"""Commands that are not run: they take the network, root's rights, many minutes or no end."""
INSTALLED = f"""#!{sys.executable}
import sys
from keyscan.__main__ import run

if __name__ == "__main__":
    sys.exit(run())
"""
"""The command as pip installs it."""
HOME = "/home/you"
"""The home folder of transcripts."""


def found(*languages, pages=DOCS):
    return list(chain.from_iterable(samples(page, *languages) for page in pages))


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A home folder with the music that the samples name, and the commands in ``bin``."""
    home = tmp_path_factory.mktemp("home")
    for folder in ("Music", "Downloads", "bin", "docs"):
        (home / folder).mkdir()
    for file, key in LIBRARY.items():
        music = render_track(Key.parse(key), 20.0, seed=len(file))
        write_audio(home / "Music" / file, music, SAMPLE_RATE)
    noise = np.random.default_rng(1).normal(0, 0.1, (SAMPLE_RATE * 20, 2)).astype(np.float32)
    write_audio(home / "Music" / "Rain on a Tent.wav", noise, SAMPLE_RATE)
    (home / "Downloads" / "Unfinished.mp3").write_text("<html>not found</html>")
    write_audio(home / "track.mp3", render_track(Key.parse("A minor"), 20.0), SAMPLE_RATE)
    write_audio(home / "mix.flac", render_track(Key.parse("A minor"), 20.0), SAMPLE_RATE)
    scripts = {"keyscan": INSTALLED, "python": f'#!/bin/sh\nexec {sys.executable} "$@"\n'}
    for command, text in scripts.items():
        (home / "bin" / command).write_text(text)
        (home / "bin" / command).chmod(0o755)
    return home


def run(command, home, **options):
    """Run a program in the home folder, its stderr with its stdout."""
    variables = {
        "HOME": str(home), "PYTHONPATH": str(ROOT),
        "PATH": f"{home / 'bin'}{os.pathsep}{os.environ['PATH']}",
    }  # fmt: skip
    return subprocess.run(
        command, cwd=home, env={**os.environ, **variables}, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, encoding="utf-8", timeout=200, **options,
    )  # fmt: skip


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_leads_to_a_file_and_a_heading(page):
    broken = []
    for link in links(page):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


def test_every_page_is_linked_from_the_readme():
    linked = {(ROOT / link.partition("#")[0]).resolve() for link in links(README)}
    assert [name(page) for page in DOCS if page != README and page not in linked] == []


def test_the_readme_is_a_screen_and_a_half():
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 120


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_modules_and_options_of_commands_exist(page):
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    for module, rest in re.findall(r"python -m ([\w.]+\w)([^\n`|;&)]*)", text):
        assert importlib.util.find_spec(module), module
        folder = ROOT / module.partition(".")[0]
        if not folder.is_dir():
            continue
        code = "".join(file.read_text(encoding="utf-8") for file in folder.rglob("*.py"))
        for option in re.findall(r"(?<=\s)--[a-z][a-z-]+", rest):
            field = option[2:].replace("-", "_")  # training's settings are dataclasses
            declared = f'"{option}"' in code or re.search(rf"^    {field}: ", code, re.MULTILINE)
            assert declared, f"{module} {option}"


@pytest.mark.parametrize("sample", found("json", pages=PAGES), ids=str)
def test_json_is_json(sample):
    try:
        json.loads(sample.text)
    except ValueError:
        for line in sample.text.splitlines():
            json.loads(line)


def with_checks(code):
    """Python in which ``expression  # literal`` is an assertion."""
    tree = ast.parse(code)
    lines = code.splitlines()
    for node in ast.walk(tree):
        if not isinstance(node, ast.Expr) or node.end_lineno != node.lineno:
            continue
        expression, _, comment = lines[node.lineno - 1].partition("  # ")
        try:
            ast.literal_eval(comment)
        except (SyntaxError, ValueError):
            continue
        indent = expression[: len(expression) - len(expression.lstrip())]
        lines[node.lineno - 1] = (
            f"{indent}assert ({expression.strip()}) == {comment}, {expression.strip()}"
        )
    return "\n".join(lines)


@pytest.mark.parametrize("sample", found("python"), ids=str)
def test_python_runs_and_gives_what_its_comments_show(sample, home):
    done = run([sys.executable, "-"], home, input=with_checks(sample.text))
    assert done.returncode == 0, done.stdout


def test_a_wrong_comment_in_python_is_found(home):
    done = run([sys.executable, "-"], home, input=with_checks("if 1:\n    str(8)  # '9'\n"))
    assert "AssertionError: 8" in done.stdout


@pytest.mark.skipif(shutil.which("node") is None, reason="no node")
@pytest.mark.parametrize("sample", found("js"), ids=str)
def test_node_prints_keys(sample, home):
    modules = home / "node_modules"
    modules.mkdir(exist_ok=True)
    client = modules / "openkeyscan-analyzer-client"
    if not client.exists():
        client.symlink_to(ROOT / "clients" / "node", target_is_directory=True)
    done = run(["node", "-e", sample.text], home)
    assert done.returncode == 0, done.stdout
    assert "8A" in done.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="samples are for a POSIX shell")
@pytest.mark.parametrize("sample", found("sh"), ids=str)
def test_shell_commands_run(sample, home):
    for command in sample.text.splitlines():
        if TOO_MUCH.search(command) or command.startswith("#"):
            continue
        done = run(["sh", "-c", command], home)
        differs = "--compare" in command and done.returncode == 1
        assert done.returncode == 0 or differs, f"{command}\n{done.stdout}"


def comparable(line, home):
    """A line of a table without what differs from run to run, and between tracks of any length."""
    line = line.replace(str(home), HOME)
    line = re.sub(r"[<>]?\d+(\.\d+)?%", "N%", line)
    line = re.sub(r"\b\d+:\d\d\b", "M:SS", line)
    line = re.sub(r"\d+(\.\d+)?( files?| tracks?)? (a|per) second", "N a second", line)
    line = re.sub(r"\d+\.\d+ ?s\b", "N s", line)
    return " ".join(line.split())


def alike(shown, printed):
    """Are two parts of a message alike, figures within what music of another length gives?"""
    if isinstance(shown, dict) and isinstance(printed, dict):
        same = shown.keys() == printed.keys()
        return same and all(alike(shown[key], printed[key]) for key in shown)
    if isinstance(shown, list) and isinstance(printed, list):
        return len(shown) == len(printed) and all(map(alike, shown, printed))
    if isinstance(shown, float) and isinstance(printed, float):
        return math.isclose(shown, printed, rel_tol=0.02, abs_tol=0.5)
    return shown == printed


def transcript(text):
    """The commands of a console sample, each with the lines that it prints."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, *lines = part.splitlines()
        yield command, lines


@pytest.mark.skipif(sys.platform == "win32", reason="samples are for a POSIX shell")
@pytest.mark.parametrize("sample", found("console"), ids=str)
def test_a_transcript_is_what_the_program_prints(sample, home):
    for command, shown in transcript(sample.text):
        printed = run(["sh", "-c", command], home).stdout.splitlines()
        assert len(shown) == len(printed), "\n".join(printed)
        for one, other in zip(shown, printed, strict=True):
            if one.startswith("{"):
                assert alike(json.loads(one), json.loads(other)), "\n".join(printed)
            else:
                assert comparable(one, home) == comparable(other, home), "\n".join(printed)


def test_the_pages_explain_every_command_and_option(home):
    printed = run(["keyscan", "--help"], home).stdout
    listed = re.search(r"^Commands:\n((?:  .*\n)+)", printed, re.MULTILINE)[1]
    commands = re.findall(r"^  (\w+)", listed, re.MULTILINE)
    names = ("command.md", "protocol.md", "troubleshooting.md")
    pages = [(ROOT / "docs" / name).read_text(encoding="utf-8") for name in names]
    named = re.findall(r"^\| \[`keyscan (\w+)`\]", pages[0], re.MULTILINE)
    assert sorted(named) == sorted(commands)
    help_texts = "".join(run(["keyscan", name, "--help"], home).stdout for name in commands)
    options = set(re.findall(r"--[a-z][a-z0-9-]+", help_texts))
    assert {"--workers", "--self-test", "--format", "--settle"} <= options
    assert {option for option in options if option not in "".join(pages)} == set()


def fields(schema):
    """The names of all properties in a JSON Schema."""
    if isinstance(schema, dict):
        yield from schema.get("properties", ())
        schema = list(schema.values())
    if isinstance(schema, list):
        for part in schema:
            yield from fields(part)


def test_the_page_of_the_protocol_names_every_field():
    schema = json.loads((ROOT / "docs" / "protocol.schema.json").read_text(encoding="utf-8"))
    page = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
    named = set(re.findall(r"[\"`](\w+)[\"`]", page))
    assert {"camelot", "priority"} <= set(fields(schema)) <= named


def rows(page):
    """The tables of a page: the first cell of each row, with the others."""
    for line in page.read_text(encoding="utf-8").splitlines():
        if line.startswith("| "):
            first, *cells = (cell.strip() for cell in line.strip("|").split("|"))
            yield first, cells


def test_the_accuracy_in_the_readme_is_that_of_the_model_card():
    card = {first: cells[:4] for first, cells in rows(ROOT / "docs" / "model-card.md")}
    table = {first: cells[:4] for first, cells in rows(README) if len(cells) == 5}
    named = {first: cells for first, cells in table.items() if first in card}
    assert len(named) >= 6
    assert named == {first: card[first] for first in named}
