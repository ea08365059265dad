"""Two reports side by side: one of a Linux machine, kept as a file, and what another would say."""

from __future__ import annotations

import copy
import json
import sys
from pathlib import Path

import pytest

from keyscan.arguments import parse_doctor
from keyscan.doctor.command import comparison_text, run
from keyscan.doctor.comparison import compare, read_report
from keyscan.doctor.explanation import explain
from keyscan.doctor.report import REFERENCE_MODULES
from keyscan.errors import ReportError
from tests.doctor.doctor_process import SAMPLE, run_doctor


@pytest.fixture
def report():
    return read_report(SAMPLE)


def changed(report, **parts):
    """A copy in which some facts differ: ``torch={"threads": 7}``."""
    other = copy.deepcopy(report)
    for part, facts in parts.items():
        other[part] |= facts
    return other


def slower(report, stage, factor=2.0):
    """A copy in which a stage takes that many times as long in every format, and can be felt."""
    other = copy.deepcopy(report)
    for timing in other["speed"]["benchmark"].values():
        timing[stage] = timing[stage] * factor + 0.1
    return other


def frozen(report):
    """A copy as the frozen app on the same machine would report it."""
    other = copy.deepcopy(report)
    other["python"] |= {"executable": "/app/exe", "frozen": True, "folder": "/app/_internal"}
    parts = (*other["packages"].values(), *other["thread_pools"].values(), other["model"])
    for part in (*parts, other["filter_bank"]):
        part["file"] = f"/app/_internal/{Path(part['file']).name}"
    for package in other["packages"].values():
        package["version"] = None
    return other


def with_slow_start(report):
    other = copy.deepcopy(report)
    for name in ("numpy", "torch"):
        other["speed"]["imports"][name] = 10 * other["speed"]["imports"][name] + 9
    return other


def explanation(first, second):
    return "\n".join(explain(compare(("a", "b"), first, second)))


def test_a_report_is_equal_to_itself():
    done = run_doctor("--compare", SAMPLE, SAMPLE)
    assert (done.returncode, done.stderr) == (0, "")
    assert (
        "[different]\n  nothing\n\n[only in a]\n  nothing\n\n[only in b]\n  nothing\n"
        in done.stdout
    )
    assert "Both are equally fast" in done.stdout


def moved(report):
    """A copy as the same Python in another folder would report it."""
    other = copy.deepcopy(report)
    other["python"]["executable"] = "/home/me/venv/bin/python3.11"
    parts = (*other["packages"].values(), *other["thread_pools"].values(), other["filter_bank"])
    for part in parts:
        part["file"] = f"/home/me{part['file']}"
    other["model"]["file"] = "best.pt"
    for one, cache in ((report, "/tmp/a"), (other, "C:\\Temp\\b")):
        one["variables"]["NUMBA_CACHE_DIR"] = {"value": cache, "set_by": "user"}
    return other


def test_paths_alone_are_no_difference(report, tmp_path):
    other = moved(report)
    for name, content in (("a.json", report), ("b.json", other)):
        (tmp_path / name).write_text(json.dumps(content))
    done = run_doctor("--compare", tmp_path / "a.json", tmp_path / "b.json")
    assert (done.returncode, done.stderr) == (0, "")
    assert "[different]\n  nothing\n\n[only in a]\n  nothing\n" in done.stdout
    elsewhere = done.stdout.partition("[the same in another place]\n")[2].partition("\n\n")[0]
    assert len(elsewhere.splitlines()) == len(report["packages"]) + 6
    assert "model.file" in elsewhere
    assert "C:\\Temp\\b" in elsewhere


@pytest.mark.parametrize(
    ("part", "facts"),
    [
        ("torch", {"threads": 7}),
        ("python", {"version": "3.12.1"}),
        ("model", {"sha256": "0" * 64}),
        ("numpy_blas", None),
    ],
)
def test_a_difference_beside_other_paths(report, part, facts):
    other = moved(report)
    if facts is None:
        other[part] = "mkl 1"
    else:
        other[part] |= facts
    comparison = compare(("a", "b"), report, other)
    assert not comparison.equal
    (name,) = comparison.other_facts
    assert name.startswith(part)


def test_a_library_of_another_name_is_another_library(report):
    other = copy.deepcopy(report)
    other["thread_pools"]["openmp"]["file"] = "/opt/libiomp5.so"
    comparison = compare(("a", "b"), report, other)
    assert list(comparison.other_facts) == ["thread_pools.openmp.file"]
    assert not comparison.equal


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_same_different_and_only_here_in_the_encodings_of_shells(report, tmp_path, encoding):
    numba = {"version": "0.68.1", "file": "/x/numba/__init__.py"}
    other = changed(slower(report, "inference"), torch={"threads": 7}, packages={"numba": numba})
    del other["packages"]["soxr"]
    paths = [tmp_path / "python.json", tmp_path / "exe.json"]
    for path, content in zip(paths, (report, other), strict=True):
        path.write_text(json.dumps(content), encoding=encoding)
    options = ["--compare", *map(str, paths)]
    code, text = run(parse_doctor(options))
    assert code == 1
    different, only_a, only_b, same = (
        text.partition(f"[{name}]\n")[2].partition("\n\n")[0]
        for name in ("different", "only in a", "only in b", "same")
    )
    assert different.split() == ["torch.threads", "1", "7"]
    names = [line.split()[0] for line in only_a.splitlines()]
    assert names == ["packages.soxr.version", "packages.soxr.file"]
    assert "packages.numba.version  0.68.1" in only_b
    assert "torch.precision" in same
    assert "inference: exe.json takes" in text
    assert "torch.threads: 1 in python.json, 7 in exe.json" in text
    code, text = run(parse_doctor([*options, "--json"]))
    assert code == 1
    assert json.loads(text)["different"] == [{"name": "torch.threads", "values": [1, 7]}]


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
    text = explanation(report, changed(slower(report, stage), **{part: {name: value}}))
    assert f"{stage}: b takes" in text
    assert because in text
    assert ("answers: model.sha256 differs" in text) == (part == "model")


def test_what_does_not_bear_on_the_slow_stage_is_left_out(report):
    other = changed(slower(report, "decode"), torch={"threads": 7})
    assert "torch" not in explanation(report, other)


@pytest.mark.parametrize("stage", ["inference", "cqt", "decode", "resample"])
def test_freezing_alone_explains_no_slow_stage(report, stage):
    for a, b in ((report, slower(frozen(report), stage)), (slower(report, stage), frozen(report))):
        text = explanation(a, b)
        assert f"Nothing in the reports explains {stage}" in text
        assert "OpenMP" not in text
        assert "another" not in text


def test_the_frozen_app_explains_only_its_own_slow_start(report):
    text = explanation(report, with_slow_start(frozen(report)))
    assert "start: b takes" in text
    assert "(numpy, torch).\n  - python.frozen: False in a, True in b: the frozen app" in text
    assert "more or less to import" not in text
    text = explanation(with_slow_start(report), frozen(report))
    assert "start: a takes" in text
    assert "python.frozen" not in text
    assert "Nothing in the reports explains start" in text


def test_a_package_that_only_one_loads_explains_only_its_slow_start(report):
    pandas = {"version": "3.0", "file": "/x/pandas/__init__.py"}
    other = changed(report, packages={"pandas": pandas})
    assert "pandas.version: nothing in a, 3.0 in b" in explanation(report, with_slow_start(other))
    assert "pandas" not in explanation(with_slow_start(report), other)


@pytest.mark.parametrize(
    ("part", "name", "values"),
    [
        ("processor", "simd", (["X86_V2"], ["X86_V2", "X86_V3"])),
        ("processor", "usable_cores", (1, 2)),
        ("variables", "OMP_NUM_THREADS", ({"value": None}, {"value": "1"})),
        ("variables", "OMP_NUM_THREADS", ({"value": "8"}, {"value": "2"})),
        ("thread_pools", "openblas", ({"threads": 4}, {"threads": 1})),
    ],
)
@pytest.mark.parametrize("stage", ["cqt", "resample"])
def test_a_fact_explains_only_why_its_own_side_is_slow(report, stage, part, name, values):
    a, b = (changed(report, **{part: {name: value}}) for value in values)
    assert f"{part}.{name}" in explanation(slower(a, stage), b)
    assert f"{part}.{name}" not in explanation(a, slower(b, stage))


def test_threads_that_are_not_one_number_may_slow_either_side(report):
    other = changed(report, variables={"OMP_NUM_THREADS": {"value": "4,2"}})
    for a, b in ((slower(report, "cqt"), other), (report, slower(other, "cqt"))):
        assert "OMP_NUM_THREADS.value: 1 in a, 4,2 in b" in explanation(a, b)


def test_import_times_of_the_reference_engine_are_no_part_of_the_start(report):
    other = copy.deepcopy(report)
    for name in REFERENCE_MODULES:
        other["speed"]["imports"][name] += 60.0
    text = explanation(report, other)
    assert "start" not in text
    assert "Both are equally fast: some measurements differ" in text


def test_a_stage_that_is_faster_here_and_slower_there_is_summed(report):
    a = copy.deepcopy(report)
    for timing in a["speed"]["benchmark"].values():
        timing["decode"] = 0.1
    b = copy.deepcopy(a)
    a["speed"]["benchmark"]["mp3"]["decode"] = b["speed"]["benchmark"]["wav"]["decode"] = 0.2
    assert "decode" not in explanation(a, b)
    b["speed"]["benchmark"]["ogg"]["decode"] = 0.5  # sums: 0.7 and 1.1 seconds
    assert "decode: b takes 1.57 times as long as a (wav, ogg)." in explanation(a, b)


@pytest.mark.parametrize("side", [0, 1])
def test_what_only_one_report_has_measured_is_told(report, side):
    other = copy.deepcopy(report)
    del other["speed"]["benchmark"]["mp3"]
    reports = (report, other) if side else (other, report)
    comparison = compare(("a", "b"), *reports)
    assert not comparison.equal
    alone = (comparison.only_first, comparison.only_second)
    assert alone[side] == {}
    seconds = report["speed"]["benchmark"]["mp3"]
    assert alone[1 - side] == {f"speed.benchmark.mp3.{key}": seconds[key] for key in seconds}
    assert f"mp3 was measured in {'ba'[side]} only." in explain(comparison)


def test_a_module_that_cannot_be_imported_was_not_measured(report):
    other = copy.deepcopy(report)
    other["speed"]["imports"]["librosa.core.constantq"] = None
    assert not compare(("a", "b"), report, other).equal
    assert "librosa.core.constantq was measured in a only." in explanation(report, other)
    assert compare(("a", "b"), other, other).equal


def test_without_a_common_measurement_there_is_nothing_to_explain(report):
    other = {**report, "speed": {"load_average": 0.4}, "warnings": ["one"]}
    text = explanation(report, other)
    assert "warning in b: one." in text
    assert "The reports have no measurement in common" in text


def test_openmp_runtimes_are_told_apart_by_their_file_names(report):
    other = slower(report, "inference")
    mine = report["thread_pools"]["openmp"]["file"]
    other["thread_pools"]["openmp"]["file"] = "C:\\app\\libiomp5md.dll"
    assert f"openmp.file: {mine} in a, C:\\app\\libiomp5md.dll in b" in explanation(report, other)
    other["thread_pools"]["openmp 2"] = {"file": f"D:\\{Path(mine).name}"}
    text = explanation(report, other)
    assert "thread_pools.openmp.file: nothing in a, C:\\app\\libiomp5md.dll in b" in text
    assert "openmp 2.file" not in text


def test_a_second_openmp_runtime_is_named(report):
    second = {**report["thread_pools"]["openmp"], "file": "/opt/libiomp5.so"}
    other = changed(slower(report, "inference"), thread_pools={"openmp 2": second})
    text = explanation(report, other)
    assert "thread_pools.openmp 2.file: nothing in a, /opt/libiomp5.so in b" in text


def test_a_first_file_that_pays_for_a_compiler(report):
    other = copy.deepcopy(report)
    other["speed"]["benchmark"]["wav"]["first"] = 18.0
    text = explanation(report, other)
    assert "first file: b pays once for something (wav 18.00 s instead of" in text


def test_a_busier_machine_explains_it(report):
    idle, busy = ({"speed": {"load_average": load}} for load in (0.1, 7.5))
    second = slower(report, "decode")
    text = explanation(changed(report, **idle), changed(second, **busy))
    assert "kept the machine busier in b (load 0.1 and 7.5)" in text
    text = explanation(changed(report, **busy), changed(second, **idle))
    assert "busier" not in text
    assert "Nothing in the reports explains decode: measure again" in text


def test_all_stages_slower_alike_look_like_a_throttled_processor(report):
    first = copy.deepcopy(report)
    for timing in first["speed"]["benchmark"].values():
        timing.update(dict.fromkeys(timing, 0.1))
    first["speed"]["load_average"] = None
    second = copy.deepcopy(first)
    for timing in second["speed"]["benchmark"].values():
        timing["decode"] = 0.2
    assert "about the same factor" not in explanation(first, second)
    for timing in second["speed"]["benchmark"].values():
        timing.update(dict.fromkeys(timing, 0.2))
    assert "Every stage differs by about the same factor" in explanation(first, second)


@pytest.mark.parametrize("junk", [None, 3, "x", [], [[]], {}])
def test_a_report_with_any_value_can_be_compared(report, junk):
    b = slower(slower(report, "inference"), "cqt")
    for part, facts in report.items():
        for name in facts if isinstance(facts, dict) and part != "speed" else ():
            for inner in facts[name] if isinstance(facts[name], dict) else (None,):
                a = copy.deepcopy(report)
                if inner is None:
                    a[part][name] = junk
                else:
                    a[part][name][inner] = junk
                assert comparison_text(compare(("a", "b"), a, b))


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
def test_a_file_that_is_no_report(tmp_path, content, message, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/bin/keyscan"])
    path = tmp_path / "a.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ReportError, match=message) as caught:
        read_report(path)
    assert "make one with: keyscan doctor --json" in str(caught.value)


def test_a_file_that_is_no_report_is_a_usage_error(tmp_path):
    done = run_doctor("--compare", SAMPLE, tmp_path / "none.json")
    assert (done.returncode, done.stdout) == (2, "")
    assert "none.json: cannot be read" in done.stderr
