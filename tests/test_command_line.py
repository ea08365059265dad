"""Options, exit codes, and what PROFILE_PERFORMANCE prints."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from keyscan import __version__
from tests.messages import replies
from tests.server_process import COMMAND, EXE, ROOT, ServerProcess, request


def run(*options, **environ):
    return subprocess.run(
        [*COMMAND, *options],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, **environ},
    )


NAME = Path(EXE).stem if EXE else "python openkeyscan_analyzer_server.py"


def test_version_and_help():
    for command in ((), ("serve",), ("analyze",), ("doctor",)):
        assert run(*command, "--version").stdout.split() == ["openkeyscan-analyzer", __version__]
    text = run("serve", "--help").stdout
    for option in ("--workers", "--model-path", "--device", "--threads", "--interop-threads",
                   "--precision", "--spelling", "--timeout", "--heartbeat", "--cqt",
                   "--version"):  # fmt: skip
        assert option in text


@pytest.mark.parametrize("arguments", [("--help",), ("-h",), ("help",), ("help", "help")])
def test_help_lists_the_commands(arguments):
    done = run(*arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"usage: {NAME} COMMAND [OPTION ...]\n")
    listed = re.findall(r"^  (\w+) +\w+", done.stdout.split("Commands:")[1], re.MULTILINE)
    assert {"analyze", "serve", "doctor"} <= set(listed)
    for command in set(listed) - {NAME.split()[0]}:
        for asked in (("help", command), (command, "--help")):
            done = run(*asked)
            assert (done.returncode, done.stderr) == (0, "")
            assert done.stdout.startswith(f"usage: {NAME} {command} ")


@pytest.mark.parametrize(
    ("word", "answer"),
    [
        ("analyse", "unknown command 'analyse'; did you mean analyze?"),
        ("doctr", "unknown command 'doctr'; did you mean doctor?"),
        ("no\nsuch\x1b[31m", r"unknown command 'no\nsuch\x1b[31m': the commands are analyze, "),
        (str(ROOT), f'{str(ROOT)!r} is a path, not a command; did you mean "{NAME} analyze"?'),
    ],
)
def test_a_mistyped_command(word, answer):
    for arguments in ((word,), (word, "a.mp3"), ("help", word)):
        done = run(*arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith(f"keyscan: {answer}")
        assert len(done.stderr.splitlines()) == 1


def on_a_terminal(*options, typed=b""):
    """The exit code, stdout and stderr of the program whose stdin is a terminal."""
    import pty  # Windows has none

    main, terminal = pty.openpty()
    process = subprocess.Popen([*COMMAND, *options], stdin=terminal, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)  # fmt: skip
    os.close(terminal)
    os.write(main, typed)
    out, err = process.communicate(timeout=120)
    os.close(main)
    return process.returncode, out, err


@pytest.mark.skipif(sys.platform == "win32", reason="uses a pty")
def test_on_a_terminal_the_bare_command_explains_itself():
    code, out, err = on_a_terminal()
    assert (code, out, err) == (2, "", run("--help").stdout)


@pytest.mark.skipif(sys.platform == "win32", reason="uses a pty")
@pytest.mark.parametrize("options", [("serve", "-w", "1"), ("-w", "1")])
def test_on_a_terminal_it_serves_if_it_is_told_to(options):
    code, out, err = on_a_terminal(*options, typed=b'{"type": "ping", "id": 7}\n\x04')
    assert [reply["type"] for reply in replies(out.splitlines())] == ["ready", "pong"]
    assert code == 0
    assert err.startswith("keyscan: reading JSON lines from the terminal; see serve --help")


@pytest.mark.parametrize("command", [(), ("analyze", "a.mp3"), ("doctor",)])
def test_wrong_options_exit_with_2_and_say_which(command):
    result = run(*command, "--frobnicate")
    assert (result.returncode, result.stdout) == (2, "")
    assert "--frobnicate" in result.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("-m", "/nowhere/model.pt"), "/nowhere/model.pt"),
        (("-m", str(ROOT / "README.md")), "README.md"),
        (("-m", "/dev/zero"), "/dev/zero: cannot be read"),
        (("--device", "frobnicator"), "frobnicator"),
        (("--device", "meta"), "meta"),
    ],
)
def test_what_keeps_the_server_from_starting_is_said_to_app_and_person(options, message):
    result = run(*options)
    assert result.returncode == 1
    (fatal,) = replies(result.stdout.splitlines())
    assert (fatal["type"], fatal["code"]) == ("fatal", "start_failed")
    assert message in fatal["error"]
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_profile_prints_the_table_of_the_seed(track):
    with ServerProcess("-w", "1", environ={"PROFILE_PERFORMANCE": "1"}) as server:
        assert server.ask(request(1, track))["status"] == "success"
        server.finish()
    text = server.stderr.decode()
    stages = ["decode", "resample", "cqt", "postprocess", "to_device", "model_inference",
              "format_output", "preprocess_audio"]  # fmt: skip
    (block,) = re.findall(r"^\[PROFILE\] träck 🎵\.flac:\n(?:  .*\n)+", text, re.MULTILINE)
    rows = dict(re.findall(r"^ +(?:- )?(\w+): (\d+\.\d{3})s(?: \(\d+\.\d%\))?$", block, re.M))
    assert rows.keys() == {*stages, "TOTAL"}
    assert float(rows["decode"]) > 0
    assert float(rows["cqt"]) > 0
    assert sum(float(rows[stage]) for stage in stages[:-1]) <= float(rows["TOTAL"]) + 0.01
    assert f"[THREADING] CPU cores: {len(os.sched_getaffinity(0))}\n" in text
    for line in ("OMP_NUM_THREADS: 1", "OPENBLAS_NUM_THREADS: 1", "torch threads: 1", "workers: 1"):
        assert f"[THREADING] {line}\n" in text
    for stage in ("import torch", "model load", "warm-up", "worker imports", "worker warm-up"):
        assert re.search(rf"^\[STARTUP\] {stage}: \d+\.\d\ds$", text, re.MULTILINE)


@pytest.mark.parametrize("value", ["0", ""])
def test_profile_can_be_off(value, track):
    with ServerProcess(environ={"PROFILE_PERFORMANCE": value}) as server:
        assert server.ask(request(1, track))["status"] == "success"
        server.finish()
        assert server.stderr == b""


def test_thread_variables_of_the_user_are_honoured(track):
    environ = {"PROFILE_PERFORMANCE": "1", "OPENBLAS_NUM_THREADS": "2"}
    with ServerProcess("--threads", "2", environ=environ) as server:
        server.finish()
        assert b"[THREADING] OPENBLAS_NUM_THREADS: 2\n" in server.stderr
        assert b"[THREADING] torch threads: 2\n" in server.stderr


def test_every_setting_of_torch_starts_a_server_that_answers(track):
    options = ("--interop-threads", "2", "--precision", "medium")
    with ServerProcess(*options) as server:
        assert server.ask(request(1, track))["camelot"] == "11A"


def test_the_bare_command_is_the_server_however_it_is_started():
    for command in (COMMAND, [*COMMAND, "serve"], [sys.executable, "-m", "keyscan"]):
        done = subprocess.run(
            [*command, "-w", "1"], input=b'{"type": "ping", "id": 7}\n', capture_output=True,
            timeout=120, cwd=ROOT,
        )  # fmt: skip
        messages = replies(done.stdout.splitlines())
        assert [message["type"] for message in messages] == ["ready", "pong"]
        assert done.returncode == 0


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")  # noqa: PTH110
@pytest.mark.parametrize("arguments", ["--help", "analyze --help", "serve --version", "schema"])
def test_a_text_that_cannot_be_written_is_an_error(arguments):
    command = shlex.join(COMMAND)
    done = subprocess.run(f"{command} {arguments} >/dev/full", shell=True, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=120)  # fmt: skip
    assert done.returncode == 1
    assert re.fullmatch(r"keyscan: the (help|schema) cannot be written: .+\n", done.stderr)
