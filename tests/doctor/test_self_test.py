"""The self-test passes here, and fails where something is wrong."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from unittest import mock

import numpy as np
import pytest

from keyscan.doctor import benchmark, self_test
from keyscan.doctor.command import self_test_text
from keyscan.doctor.self_test import Check, SelfTest
from keyscan.model.checkpoint import load_model
from keyscan.options import ModelOptions
from keyscan.spectrogram.constant_q import FILTER_BANK_PATH
from tests.doctor.doctor_process import run_doctor
from tests.server_process import ROOT

FORMATS = ("wav", "flac", "aiff", "au", "ogg", "mp3", "m4a", "webm", "aac", "wma")


def test_every_format_through_both_engines():
    done = run_doctor("--self-test", "--json")
    result = json.loads(done.stdout)
    assert (done.returncode, result["passed"], result["problems"]) == (0, True, [])
    tested = [(check["format"], check["engine"]) for check in result["checks"]]
    assert tested == [(name, engine) for engine in ("matrix", "librosa") for name in FORMATS]
    assert result["not_encoded"] == []
    assert {check["key"] for check in result["checks"]} == {"F# minor/Gb minor"}


@pytest.fixture
def broken_copy(tmp_path):
    """The package, with the top octave's filters a quarter tone off."""
    shutil.copytree(ROOT / "keyscan", tmp_path / "keyscan")
    with np.load(FILTER_BANK_PATH) as data:
        arrays = dict(data)
    top = f"octave{int(arrays['n_octaves']) - 1}"
    arrays[top] = np.roll(arrays[top], 1, axis=0)
    np.savez(tmp_path / "keyscan" / "data" / FILTER_BANK_PATH.name, **arrays)
    return tmp_path


def test_filters_that_are_not_librosas_fail(broken_copy):
    done = run_doctor("--self-test", command=[sys.executable, "-m", "keyscan"], cwd=broken_copy)
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert lines[-1] == "FAILED: expected F# minor/Gb minor"
    wrong = [line.split()[:2] for line in lines if "WRONG" in line]
    assert wrong == [[name, "librosa"] for name in FORMATS]
    assert "the spectrogram is not that of the engine matrix" in done.stdout


@pytest.mark.parametrize("missing", ["wav", "flac", "ogg", "mp3", "m4a", "aac"])
def test_a_format_that_people_have_must_have_been_tested(missing):
    checks = tuple(Check(name, "matrix", "key", 0.0, 0.0, "") for name in FORMATS)
    without = tuple(check for check in checks if check.format != missing)
    assert SelfTest("key", checks, (), ()).passed
    assert not SelfTest("key", without, (missing,), ()).passed
    assert SelfTest("key", tuple(c for c in checks if c.format != "wma"), ("wma",), ()).passed


def test_without_encoders_it_fails_and_says_why(monkeypatch, tmp_path):
    """As with builds of FFmpeg that lack LAME; that of WMA may be missing."""
    missing = {".mp3": "no_such_encoder", ".wma": "no_such_encoder"}
    monkeypatch.setattr(benchmark, "_CODECS", {**benchmark._CODECS, **missing})
    monkeypatch.setattr(self_test, "CQT_ENGINES", ("matrix",))  # the other one takes seconds
    result = self_test._test_in(tmp_path, load_model())
    assert not result.passed
    text = self_test_text(result)
    assert "WRONG" not in text
    assert "not tested, as there is no encoder here: mp3, wma\n" in text
    assert [line for line in text.splitlines() if "PROBLEM" in line] == [
        "PROBLEM: mp3 is not tested, as there is no encoder: install soundfile and PyAV from "
        "their own wheels"
    ]


def test_without_temporary_files_it_fails_and_says_why(monkeypatch):
    monkeypatch.setattr(tempfile, "TemporaryDirectory", mock.Mock(side_effect=OSError(28, "full")))
    monkeypatch.setattr(self_test, "configure_torch", lambda options: None)  # once a process only
    result = self_test.self_test(ModelOptions())
    assert (result.passed, result.checks) == (False, ())
    assert "temporary files cannot be written (full): set TMPDIR" in self_test_text(result)
