"""What the doctor says of this environment, from real processes."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import platform
import re
import sys
from importlib import metadata
from pathlib import Path

import pytest

from keyscan import __version__
from keyscan.doctor.report import HEAVY_MODULES, PROCESS_START
from keyscan.model.checkpoint import PACKAGED_CHECKPOINT
from keyscan.spectrogram.constant_q import FILTER_BANK_PATH
from tests.doctor.doctor_process import SAMPLE, run_doctor
from tests.server_process import COMMAND, ROOT

FROZEN = COMMAND[0] != sys.executable


@pytest.fixture(scope="module")
def report():
    """With settings of the user's own, and from a HOME that cannot be written to."""
    done = run_doctor(
        *("--json", "--interop-threads", "3", "--precision", "medium"),
        VECLIB_MAXIMUM_THREADS="2",
        HOME="/proc/none",
    )
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def test_the_sample_of_the_comparisons_tests_has_the_same_parts(report):
    sample = json.loads(SAMPLE.read_bytes())
    assert list(sample) == list(report)
    for name in ("python", "system", "processor", "torch", "audio", "model", "speed"):
        assert list(sample[name]) == list(report[name])
    for name in ("packages", "thread_pools", "variables"):
        assert {tuple(facts) for facts in sample[name].values()} == {
            tuple(facts) for facts in report[name].values()
        }
    for name in ("imports", "benchmark"):
        assert list(sample["speed"][name]) == list(report["speed"][name])
    assert list(sample["speed"]["benchmark"]["wav"]) == list(report["speed"]["benchmark"]["wav"])


def test_python_and_system_are_those_of_this_process(report):
    assert report["keyscan"] == __version__
    assert report["python"]["version"] == platform.python_version()
    assert report["python"]["executable"] == COMMAND[0]
    assert report["python"]["frozen"] == FROZEN
    assert report["system"]["machine"] == platform.machine()
    assert report["processor"]["usable_cores"] >= 1
    assert report["processor"]["name"]


def test_every_package_has_the_version_of_its_distribution_and_a_file(report):
    assert [name for name, p in report["packages"].items() if not p["version"]] == []
    for name in ("numpy", "soundfile", "soxr", "av", "torch"):
        package = report["packages"][name]
        assert package["version"].partition("+")[0] == metadata.version(name).partition("+")[0]
        assert FROZEN or package["file"] == importlib.util.find_spec(name).origin
    assert not {"numba", "librosa", "threadpoolctl"} & report["packages"].keys()


def test_heavy_modules_are_timed_in_cold_order(report):
    seconds = report["speed"]["imports"]
    assert list(seconds) == [PROCESS_START, *HEAVY_MODULES]
    assert all(value > 0 for value in seconds.values())


def test_blas_and_openmp_runtimes(report):
    pools = report["thread_pools"]
    assert pools["openblas"]["threads"] == 1
    assert Path(pools["openblas"]["file"]).is_file()
    assert pools["openblas"]["version"]
    assert pools["openmp"]["kind"] == "openmp"
    assert pools["openmp"]["threads"] == 1
    assert Path(pools["openmp"]["file"]).parent.name == "lib"


def test_thread_variables_and_who_set_them(report):
    variables = report["variables"]
    assert variables["VECLIB_MAXIMUM_THREADS"] == {"value": "2", "set_by": "user"}
    assert variables["OMP_NUM_THREADS"] == {"value": "1", "set_by": "keyscan"}
    assert "KMP_DUPLICATE_LIB_OK" not in variables
    (warning,) = [text for text in report["warnings"] if "THREADS" in text]
    assert warning.startswith("VECLIB_MAXIMUM_THREADS is set to '2'")


def test_settings_reach_torch(report):
    torch = report["torch"]
    assert (torch["threads"], torch["interop_threads"]) == (1, 3)
    assert (torch["precision"], torch["device"]) == ("medium", "cpu")
    assert torch["cpu_capability"]


def test_decoders_and_codecs(report):
    audio = report["audio"]
    assert {"mp3float", "aac", "alac", "flac", "opus"} <= set(audio["ffmpeg_decoders"])
    assert "h264" not in audio["ffmpeg_decoders"]
    assert {"libmp3lame", "aac"} <= set(audio["ffmpeg_encoders"])
    assert {"WAV", "FLAC", "OGG", "AIFF"} <= set(audio["libsndfile_formats"])


def test_model_and_filter_bank_have_the_hash_of_their_file(report):
    for part, path in (("model", PACKAGED_CHECKPOINT), ("filter_bank", FILTER_BANK_PATH)):
        content = path.read_bytes()
        assert report[part]["sha256"] == hashlib.sha256(content).hexdigest()
        assert report[part]["bytes"] == len(content)
        assert FROZEN or report[part]["file"] == str(path)


def test_benchmark_times_every_stage_of_every_format(report):
    benchmark = report["speed"]["benchmark"]
    assert list(benchmark) == ["wav", "flac", "ogg", "mp3", "m4a", "aac"]
    for timing in benchmark.values():
        assert all(seconds > 0 for seconds in timing.values())
        assert timing["total"] >= timing["decode"]


def test_text_from_another_folder_and_without_temporary_files(tmp_path):
    """``python -m keyscan`` from elsewhere; no temporary files: no benchmark, and a reason."""
    command = [sys.executable, "-c", _WITHOUT_TEMPORARY_FILES, str(ROOT)]
    environ = {"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "2"}
    done = run_doctor("--threads", "2", command=command, cwd=tmp_path, **environ)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"openkeyscan-analyzer {__version__}\n\n[python]\n")
    assert re.search(r"^  OMP_NUM_THREADS +1  \(set by keyscan\)$", done.stdout, re.MULTILINE)
    assert re.search(r"^  OPENBLAS_NUM_THREADS +2  \(set by user\)$", done.stdout, re.MULTILINE)
    assert re.search(r"^  openblas +kind blas, version \S+, threads 2,", done.stdout, re.MULTILINE)
    assert re.search(r"^  openmp +kind openmp, version -, threads 2,", done.stdout, re.MULTILINE)
    assert re.search(r"^  threads +2$", done.stdout, re.MULTILINE)
    assert re.search(r"^  ffmpeg_decoders +aac, .*\bmp3float, opus, pcm_.* and \d+ more \(--json",
                     done.stdout, re.MULTILINE)  # fmt: skip
    assert "no benchmark: temporary files cannot be written" in done.stdout
    assert "set TMPDIR" in done.stdout


# no folder on this machine refuses to be written to by the superuser
_WITHOUT_TEMPORARY_FILES = """
import runpy, sys, tempfile
def refuse(*a, **k): raise FileNotFoundError(2, "No usable temporary directory found")
tempfile.TemporaryDirectory = refuse
sys.argv[:] = ["keyscan", *sys.argv[2:]]
runpy.run_module("keyscan", run_name="__main__")
"""


def test_a_model_that_cannot_be_used_is_a_message_and_exit_code_1():
    done = run_doctor("--self-test", "-m", ROOT / "README.md")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "README.md: not a PyTorch file" in done.stderr
    assert "Traceback" not in done.stderr
