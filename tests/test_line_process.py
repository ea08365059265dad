"""Programs that are measured may end, or say what is no message: then the script says so."""

from __future__ import annotations

import sys

import psutil
import pytest

from benchmarks.line_process import LineProcess

READY = """print('{"type": "ready", "version": "1"}', flush=True)\n"""


def start(code):
    return LineProcess("a program", [sys.executable, "-c", code])


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("print('hello')", "does not say messages: b'hello"),
        ("print(5)", "does not say messages: b'5"),
        ("raise SystemExit(3)", "ended with exit code 3"),
        ("raise SystemExit('out of luck')", "ended with exit code 1\nout of luck"),
        ("""print('{"type": "error", "error": "no model"}')""", "ended with exit code 0: no model"),
    ],
)
def test_a_program_that_does_not_start(code, message):
    before = set(psutil.Process().children())  # other tests may keep a server
    with pytest.raises(SystemExit, match=message):
        start(code)
    assert set(psutil.Process().children()) <= before


def test_a_program_that_ends_before_it_answers():
    with start(READY + "input()\nraise SystemExit('out of luck')") as program:
        assert program.about["version"] == "1"
        program.send({"id": 1})
        with pytest.raises(SystemExit, match="exit code 1\nout of luck"):
            program.receive()


def test_a_program_that_ends_before_it_is_asked():
    code = READY + "raise SystemExit('out of luck')"
    with pytest.raises(SystemExit, match="exit code 1\nout of luck"), start(code) as program:
        program.send(*({"id": number} for number in range(1_000_000)))


def test_messages_that_nobody_waits_for_are_passed_over():
    beat = """print('{"type": "heartbeat"}')\n"""
    answer = """print('{"status": "success", "asked": ' + input() + "}")"""
    with start(READY + beat + answer) as program:
        program.send({"id": 7})
        assert program.receive()["asked"] == {"id": 7}
