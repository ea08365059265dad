"""The fuzzer finds the failures of a bad server, and nothing with a good one."""

from __future__ import annotations

import hashlib
import json
import os
import random
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from fuzzing.__main__ import main
from fuzzing.edits import Edit, apply_all, draw_edits
from fuzzing.findings import Finding, Ledger, place_of
from fuzzing.generator import name_of, source_of
from fuzzing.inputs import Originals
from fuzzing.lines import Lines
from fuzzing.media import OF_A_FILE, Limits, Media, Problem, complaint
from fuzzing.minimise import minimise
from fuzzing.settled import repair_ogg
from keyscan.audio.ogg import check_pages
from keyscan.audio.source import SourceFile
from keyscan.errors import ERROR_CODES
from tests.server_process import ROOT

FORMATS = ("wav", "mp3", "ogg-vorbis")
BAD_SERVER = str(Path(__file__).with_name("bad_server.py"))


@pytest.fixture(scope="module")
def originals():
    return Originals(FORMATS)


@pytest.fixture
def bad_server(monkeypatch):
    """Lets the fuzzer start the server that breaks a promise."""

    def choose(promise):
        command = [sys.executable, BAD_SERVER, promise]
        monkeypatch.setattr("fuzzing.target.COMMAND", command)

    return choose


def test_an_edit_replaces_bytes():
    assert Edit(2, 3, b"xy").apply(b"0123456") == b"01xy56"
    assert Edit(9, 3, b"xy").apply(b"0123") == b"0123xy"
    assert apply_all(b"abc", [Edit(0, 1, b""), Edit(0, 1, b"B")]) == b"Bc"


def test_inputs_are_made_again_from_their_numbers(originals):
    for number in range(30):
        name = FORMATS[number % 3]
        first, again = originals.mutant(name, number), originals.mutant(name, number)
        assert first == again
        assert first != originals.mutant(name, number + 1)
        assert originals.bytes_of(first) == originals.bytes_of(again)


def test_nearly_every_input_is_damaged(originals):
    whole = originals.bytes_of(originals.mutant("mp3", 0).with_edits(()))
    mutants = [originals.bytes_of(originals.mutant("mp3", number)) for number in range(50)]
    assert sum(data != whole for data in mutants) > 45
    assert len(set(mutants)) > 45


def test_edits_of_nothing_and_of_everything():
    for number in range(300):
        rng = random.Random(number)
        data = rng.randbytes(rng.choice((0, 1, 5, 5000)))
        apply_all(data, draw_edits(rng, data, [b"", b"other"]))


def test_damaged_ogg_pages_get_their_checksums_again(originals, tmp_path):
    whole = originals.bytes_of(originals.mutant("ogg-vorbis", 0).with_edits(()))
    assert repair_ogg(whole) == whole
    at = len(whole) // 2
    damaged = whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
    (tmp_path / "damaged").write_bytes(damaged)
    (tmp_path / "repaired").write_bytes(repair_ogg(damaged))
    with SourceFile(tmp_path / "damaged") as source:
        assert check_pages(source).damaged_parts == 1
    with SourceFile(tmp_path / "repaired") as source:
        assert check_pages(source).damaged_parts == 0


def test_only_the_edits_that_are_needed_are_kept():
    edits = [Edit(at, 1, b"x") for at in range(20)]
    needed = {edits[3], edits[17]}
    kept = minimise(edits, lambda some: needed <= set(some), seconds=60)
    assert set(kept) == needed


def test_a_finding_is_new_once(tmp_path):
    ledger = Ledger(tmp_path / "found.jsonl")
    finding = Finding("media", "mp3", 7, "timeout", "no answer within 20 seconds")
    again = Finding("media", "mp3", 8, "timeout", "no answer within 40 seconds")
    assert not ledger.knows(finding)
    long = Edit(1, 2, b"\xff" * 100_000)
    ledger.keep(finding, [long], {"": b"data", ".py": b"source"})
    assert ledger.knows(again)
    assert Ledger(tmp_path / "found.jsonl").knows(again)
    record = json.loads((tmp_path / "found.jsonl").read_text())
    assert (record["number"], record["edits"]) == (7, [[1, 2, "ff" * 100_000]])
    assert (tmp_path / "found" / "media.mp3.7").read_bytes() == b"data"
    assert (tmp_path / "found" / "media.mp3.7.py").read_bytes() == b"source"


RESTLESS = (
    "mp3", "wav-float", "aifc-float", "ogg-opus", "ogg-flac", "webm", "mka-flac", "webm-video",
)  # fmt: skip
"""Formats whose writers use random numbers or the clock, and one whose writer does not."""


def test_a_finding_becomes_a_function_that_makes_its_file(tmp_path):
    originals, made = Originals(RESTLESS), {}
    for number, name in enumerate(RESTLESS * 4):
        mutant = originals.mutant(name, number)
        finding = Finding("media", name, number, "timeout", 'a "quoted" \\why\n' * 9)
        data = originals.bytes_of(mutant)
        source = source_of(finding, mutant.edits, mutant.checksums and b"OggS" in data)
        (tmp_path / f"{name_of(finding)}.py").write_text(source)
        made[name_of(finding)] = hashlib.sha256(data).hexdigest()
    (tmp_path / "main.py").write_text(
        "import hashlib, importlib, json, sys\n"
        "made = {name: getattr(importlib.import_module(name), name)() for name in sys.argv[1:]}\n"
        "print(json.dumps({n: hashlib.sha256(m.data).hexdigest() for n, m in made.items()}))\n"
    )
    command = [sys.executable, tmp_path / "main.py", *made]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    output = subprocess.run(command, env=environ, capture_output=True, check=True, timeout=240)
    assert json.loads(output.stdout) == made


def test_the_place_of_a_crash_and_of_a_traceback():
    crash = (
        "Fatal Python error: Segmentation fault\n\nCurrent thread (most recent call first):\n"
        '  File "/x/av/core.py", line 1 in open\n  File "/x/keyscan/audio/a.py", line 2 in b\n'
        '  File "/x/keyscan/engine/c.py", line 3 in d\n'
    )
    assert place_of(crash) == "keyscan/audio/a.py:2"
    trace = (
        'Traceback (most recent call last):\n  File "/x/keyscan/engine/c.py", line 3, in d\n'
        '  File "/x/keyscan/audio/a.py", line 2, in b\nValueError: x\n'
    )
    assert place_of(trace) == "keyscan/audio/a.py:2"
    assert place_of("something else") == ""


@pytest.mark.parametrize(
    ("promise", "code"),
    [("silent", "no_reply"), ("dies", "died"), ("not JSON", "not_json"), ("twice", "extra_reply"),
     ("unknown code", "unknown_reply"), ("crash", "decoder_crashed"),
     ("no such file", "file_not_found"), ("no request", "bad_request"),
     ("other id", "extra_reply"), ("traceback", "stderr"), ("leaves a file", "stray_file"),
     ("greedy", "memory")],
)  # fmt: skip
def test_a_broken_promise_is_found(originals, bad_server, tmp_path, promise, code):
    bad_server(promise)
    patience = 0.1 if promise == "silent" else 10.0
    with Media(originals, tmp_path, Limits(timeout=patience, memory=150 << 20)) as media:
        mutant = originals.mutant("mp3", 1)
        problem = media.alone.problem(mutant)
        assert problem is not None
        assert problem.code == code
        found = media.try_out(mutant) + media.drain()
    if promise != "leaves a file":  # checked every 200 files
        assert {finding.code for finding in found} == {code}
        assert found[0].number == 1


@pytest.mark.parametrize("code", ERROR_CODES)
def test_only_what_is_said_of_the_bytes_of_a_file_is_fine(code):
    problem = complaint({"id": 1, "status": "error", "code": code, "error": "why"})
    if code in OF_A_FILE:
        assert problem is None
    else:
        assert problem == Problem(code, "why")


def test_where_every_promise_is_kept_nothing_is_found(originals, tmp_path):
    with Media(originals, tmp_path, Limits(timeout=60)) as media:
        found = []
        for number in range(24):
            found += media.try_out(originals.mutant(FORMATS[number % 3], number))
        assert found + media.drain() == []


def test_lines_are_answered_as_promised(tmp_path):
    with Lines(tmp_path) as lines:
        assert [lines.try_out(number) for number in range(100)] == [None] * 100


@pytest.mark.parametrize(
    ("promise", "code"),
    [("dies", "died"), ("not JSON", "not_json"), ("twice", "wrong_answer"),
     ("unknown code", "wrong_answer"), ("traceback", "stderr")],
)  # fmt: skip
def test_a_promise_broken_to_a_line_is_found(bad_server, tmp_path, promise, code):
    bad_server(promise)
    with Lines(tmp_path) as lines:
        number = next(n for n in range(1000) if lines.edited(n, ()).startswith(b'{"id'))
        finding = lines.try_edits(number, ())
    assert finding is not None
    assert (finding.code, finding.number) == (code, number)


def test_what_is_found_is_kept_with_its_generator(bad_server, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr("fuzzing.__main__.Originals", lambda: Originals(["wav"]))
    bad_server("no such file")
    failures = tmp_path / "found.jsonl"
    options = ("--seconds", "2", "--only", "media", "--formats", "wav", "--seed", "5")
    assert main([*options, "--failures", str(failures)]) == 1
    assert "1 new finding(s)" in capsys.readouterr().out
    (record,) = map(json.loads, failures.read_text().splitlines())
    assert record["code"] == "file_not_found"
    kept = tmp_path / "found" / f"media.wav.{record['number']}"
    namespace = runpy.run_path(f"{kept}.py")
    assert namespace[f"wav_file_not_found_{record['number']}"]().data == kept.read_bytes()


def test_the_command(tmp_path):
    command = [sys.executable, "-m", "fuzzing", "--seconds", "3", "--formats", "wav", "--seed", "5",
               "--failures", tmp_path / "found.jsonl"]  # fmt: skip
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240)
    assert result.returncode == 0, result.stderr
    assert "0 new finding(s)" in result.stdout
    assert "go on with --seed" in result.stdout
    assert ": 0 inputs" not in result.stdout
