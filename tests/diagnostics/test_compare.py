"""Two reports side by side: a real one of this machine, and what another would have said."""

from __future__ import annotations

import copy
import json

import pytest

from keyscan.diagnostics.compare import compare
from keyscan.diagnostics.explain import explain
from tests.diagnostics.doctor_process import run_doctor


def slower(report, stage, factor=2.0):
    """A copy in which a stage takes that many times as long, in every format, and no less than
    what can be felt."""
    other = copy.deepcopy(report)
    for timing in other["speed"]["benchmark"].values():
        timing[stage] = timing[stage] * factor + 0.1
    return other


def explanation(first, second):
    return "\n".join(explain(compare(("a", "b"), first, second)))


def test_a_report_is_equal_to_itself(report, tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps(report), encoding="utf-8")
    done = run_doctor("--compare", path, path)
    assert done.returncode == 0
    assert "[different]\n\n[only in a]\n  nothing\n\n[only in b]\n  nothing\n" in done.stdout
    assert "Both are equally fast" in done.stdout


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_same_different_and_only_here_in_the_encodings_of_shells(report, tmp_path, encoding):
    other = slower(report, "inference")
    other["torch"]["threads"] = 7
    other["packages"]["numba"] = {"version": "0.68.1", "file": "/x/numba/__init__.py"}
    del other["packages"]["soxr"]
    paths = [tmp_path / "python.json", tmp_path / "exe.json"]
    for path, content in zip(paths, (report, other), strict=True):
        path.write_text(json.dumps(content), encoding=encoding)
    done = run_doctor("--compare", *paths)
    assert done.returncode == 1, done.stderr
    different, only_a, only_b, same = (
        done.stdout.partition(f"[{name}]\n")[2].partition("\n\n")[0]
        for name in ("different", "only in a", "only in b", "same")
    )
    assert different.split() == ["torch.threads", "1", "7"]
    assert [line.split()[0] for line in only_a.splitlines()] == [
        "packages.soxr.version",
        "packages.soxr.file",
    ]
    assert "packages.numba.version  0.68.1" in only_b
    assert "torch.precision" in same
    assert "inference: exe.json takes" in done.stdout
    assert "torch.threads: 1 in python.json, 7 in exe.json" in done.stdout
    as_json = json.loads(run_doctor("--compare", *paths, "--json").stdout)
    assert as_json["different"] == [{"name": "torch.threads", "values": [1, 7]}]


@pytest.mark.parametrize(
    ("stage", "part", "name", "value", "because"),
    [
        ("decode", "audio", "ffmpeg", "4.4", "another FFmpeg"),
        ("resample", "audio", "libsoxr", "0.1.2", "another soxr"),
        ("cqt", "processor", "simd", ["X86_V2"], "fewer SIMD instructions"),
        ("inference", "torch", "cpu_capability", "DEFAULT", "another SIMD level"),
        ("inference", "model", "sha256", "0", "not the same model"),
    ],
)
def test_a_slow_stage_is_explained_by_what_bears_on_it(report, stage, part, name, value, because):
    other = slower(report, stage)
    other[part][name] = value
    text = explanation(report, other)
    assert f"{stage}: b takes" in text
    assert because in text


def test_what_does_not_bear_on_the_slow_stage_is_left_out(report):
    other = slower(report, "decode")
    other["torch"]["threads"] = 7
    assert "torch" not in explanation(report, other)


def test_a_second_openmp_runtime_is_named(report):
    other = slower(report, "inference")
    second = {**other["thread_pools"]["openmp"], "file": "/opt/libiomp5.so"}
    other["thread_pools"]["openmp 2"] = second
    assert "thread_pools.openmp 2.file: nothing in a, /opt/libiomp5.so in b" in explanation(
        report, other
    )


def test_a_first_file_that_pays_for_a_compiler(report):
    other = copy.deepcopy(report)
    other["speed"]["benchmark"]["wav"]["first"] = 18.0
    text = explanation(report, other)
    assert "first file: b pays once for something (wav 18.00 s instead of" in text


def test_what_no_fact_explains_is_said_to_be_unexplained(report):
    assert "Nothing in the reports explains decode" in explanation(report, slower(report, "decode"))


def test_a_busier_machine_explains_it(report):
    first, second = copy.deepcopy(report), slower(report, "decode")
    first["speed"]["load_average"], second["speed"]["load_average"] = 0.1, 7.5
    assert "kept the machine busier in b (load 0.1 and 7.5)" in explanation(first, second)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"", "not JSON"),
        (b"[[[[", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "no report of the doctor"),
        (b'{"schema": 99, "speed": {}, "warnings": []}', "a report of another version"),
        (b'{"schema": 1, "speed": {}, "warnings": 3}', "no report"),
    ],
)
def test_a_file_that_is_no_report_is_a_usage_error(tmp_path, content, message):
    path = tmp_path / "a.json"
    if content is not None:
        path.write_bytes(content)
    done = run_doctor("--compare", path, path)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert "make one with: openkeyscan-analyzer doctor --json" in done.stderr


@pytest.mark.parametrize(
    "options",
    [("--compare", "a.json"), ("--self-test", "--compare", "a", "b"), ("--precision", "low"),
     ("--interop-threads", "0"), ("music.mp3",)],
)  # fmt: skip
def test_wrong_options(options):
    done = run_doctor(*options)
    assert (done.returncode, done.stdout) == (2, "")
    assert "usage: openkeyscan-analyzer doctor" in done.stderr
