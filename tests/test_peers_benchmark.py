"""The comparison with other programs: each does what it documents, and the tables are complete."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.library import dealt, write_library
from benchmarks.music import EXTENSIONS, write_music
from benchmarks.peers import SLOW_SECONDS, Results, bar_cell, measure, print_seconds
from benchmarks.programs import ADAPTIVE, BASELINE, FLOOR, Program, peer_command
from keyscan import analyze
from keyscan.keys import Key
from tests.server_process import ROOT

SECONDS = 25.0
# Of log1p magnitudes around 1; the difference of the front ends alone is a tenth of it.
TOLERANCE = 0.003
DIFFERENCES = """
import json, sys
import numpy as np
from benchmarks import baseline
from keyscan.spectrogram.features import extract_features
for path in sys.argv[1:]:
    ours = extract_features(path).spectrogram
    theirs = baseline.spectrogram(baseline.load(path))[:, : ours.shape[1]]
    print(json.dumps([float(np.abs(ours - theirs).mean()), float(ours.mean())]))
"""


@pytest.fixture(scope="module")
def music(tmp_path_factory):
    paths = [tmp_path_factory.mktemp("music") / f"track.{name}" for name in EXTENSIONS]
    for path in paths:
        write_music(path, Key.parse("F# minor"), SECONDS, seed=1)
    return paths


def run(*arguments: str | Path, one_core: bool = False) -> subprocess.CompletedProcess[str]:
    command, before = [sys.executable, *arguments], hold_to_one_core if one_core else None
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=240, preexec_fn=before
    )


def hold_to_one_core() -> None:
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def rows(output: str) -> dict[str, list[str]]:
    """The cells of all tables, by the first of their line."""
    lines = [line.strip("| ").split(" | ") for line in output.splitlines() if line[:1] == "|"]
    return {cells[0]: cells[1:] for cells in lines}


def test_repeated_packets_are_a_track_of_that_length_in_its_key(music):
    for path in music:
        found = analyze(path)
        assert found.duration == pytest.approx(SECONDS, abs=0.1), path
        assert found.key == Key.parse("F# minor"), path
        assert not found.warnings, path


def test_the_baseline_computes_our_features_in_its_own_way(music):
    result = run("-c", DIFFERENCES, *music)
    assert result.returncode == 0, result.stderr
    differences = [json.loads(line) for line in result.stdout.splitlines()]
    assert len(differences) == len(EXTENSIONS)
    for (difference, level), path in zip(differences, music, strict=True):
        assert level > 0.1, path
        assert difference < TOLERANCE, path


def test_the_baseline_keeps_the_defaults_of_its_libraries():
    default = run("-c", "import torch; print(torch.get_num_threads())")
    with Program("baseline", BASELINE) as program:
        assert program.ready["compiles"] is True
        assert program.ready["threads"] == int(default.stdout)
        assert program.ready["numba"][0].isdigit()
        missing = program.ask(Path("no such file.wav"))
        assert missing.error
        assert not missing.key


def test_the_floor_is_decoded_by_the_library_that_is_named(music):
    with Program("floor", FLOOR) as program:
        decoders = [program.ask(path).key for path in music]
    assert decoders == ["soundfile", "soundfile", "soundfile", "PyAV", "PyAV"]


def test_one_file_side_by_side():
    result = run("-m", "benchmarks.peers", "--seconds", "20", "--repeats", "1")
    assert result.returncode == 0, result.stderr
    table = rows(result.stdout)
    for name in (
        "floor",
        "ours",
        "ours, adaptive",
        "baseline",
        "baseline / ours",
        "ours / floor",
        "ours, adaptive / ours",
    ):
        assert len(table[name]) == len(EXTENSIONS)
        assert all(float(cell.split()[0]) > 0 for cell in table[name]), name
    assert "at least 10: " in table["baseline / ours"][0]
    assert "at most 3: " in table["ours / floor"][0]
    assert "- not measured: essentia, madmom" in result.stdout


def test_fields_are_part_of_every_request():
    code = """
import json
print('{"type": "ready"}', flush=True)
while line := input():
    request = json.loads(line)
    print(json.dumps({"id": request["id"], "status": "success", "key": request.get("effort")}))
"""
    for fields, expected in ((None, None), (ADAPTIVE, "adaptive")):
        with Program("echo", [sys.executable, "-u", "-c", code], fields=fields) as program:
            answers = program.ask_all([Path("a.mp3"), Path("b.mp3")])
            assert [answer.key for answer in answers] == [expected, expected]


@pytest.mark.skipif(not Path("/usr/include/qm-dsp").exists(), reason="needs libqm-dsp-dev")
@pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")
def test_the_adapter_of_qm_dsp_finds_the_key(music):
    with Program("qm-dsp", peer_command("qm-dsp", sys.executable)) as program:
        assert {program.ask(path).key for path in music} == {"F# minor"}
        assert "no such file.wav" in program.ask(Path("no such file.wav")).error


def test_a_program_that_ends_is_named_with_its_last_words(tmp_path):
    code = "raise SystemExit('out of luck')"
    with pytest.raises(SystemExit, match=r"a peer: .* exit code 1: out of luck"):
        Program("a peer", [sys.executable, "-c", code])
    ready = """print('{"type": "ready"}', flush=True); input(); """
    with (
        Program("a peer", [sys.executable, "-c", ready + code]) as program,
        pytest.raises(SystemExit, match=r"a peer: .* exit code 1: out of luck"),
    ):
        program.ask_all([tmp_path] * 1000)


def test_a_file_without_an_answer_has_no_seconds(music, tmp_path, capsys):
    broken = tmp_path / "broken.flac"
    broken.write_bytes(b"fLaC" + bytes(1000))
    paths = [music[0], broken]
    with Program("ours", FLOOR) as program:
        results = measure([program], paths, repeats=2)
        print_seconds([program], paths, results)
    assert len(results.seconds["ours", music[0]]) == 2
    output = capsys.readouterr().out
    assert rows(output)["ours"][1] == "no answer"
    assert "- ours, broken.flac: LibsndfileError" in output


def test_a_peer_without_its_python_is_refused_at_once():
    result = run("-m", "benchmarks.peers", "--peer", "essentia=/no/such/python")
    assert result.returncode == 2
    assert "there is no program /no/such/python" in result.stderr


def test_a_library_side_by_side():
    """On one core there is one baseline, and only one slow compilation by numba."""
    options = ["--tracks", "5", "--shortest", "10", "--longest", "15", "--formats", "wav,m4a"]
    result = run("-m", "benchmarks.library", *options, "--adaptive", one_core=True)
    assert result.returncode == 0, result.stderr
    table = rows(result.stdout)
    for name in (
        "ours, one core",
        "ours, all cores",
        "ours, all cores, adaptive",
        "baseline",
        "baseline, a process a core",
    ):
        seconds, rate, processor = map(float, table[name])
        assert rate == pytest.approx(5 / seconds, rel=0.2), name
        assert 0 < 5 * processor < 1.5 * seconds, name
    assert "at least 1.8: " in table["ours, all cores / ours, one core"][0]
    assert "at least 6: " in table["ours, all cores / baseline"][0]
    assert "at most 0.55: " in table["processor seconds"][0]


def test_a_library_has_the_formats_that_are_asked_for(tmp_path):
    paths = write_library(tmp_path, 3, 6.0, 8.0, ("mp3", "flac"))
    assert [path.name for path in paths] == ["0.mp3", "1.flac", "2.mp3"]
    assert all(6.0 <= analyze(path).duration <= 8.1 for path in paths)
    wrong = run("-m", "benchmarks.library", "--formats", "mp3,xyz")
    assert wrong.returncode == 2
    assert "xyz: must be of wav,flac,ogg,mp3,m4a" in wrong.stderr


def test_a_library_is_dealt_to_several_processes(music, tmp_path):
    with Program("one", FLOOR) as one, Program("other", FLOOR) as other:
        run_through = dealt([one, other])
        spent = run_through(music * 4)
        assert spent.seconds > 0
        assert one.processor_seconds() > 0
        assert 0 < spent.processor_seconds < one.processor_seconds() + other.processor_seconds()
        with pytest.raises(SystemExit, match="1 of 6 files failed: LibsndfileError"):
            run_through([*music, tmp_path / "missing.wav"])


def test_a_ratio_is_said_to_meet_its_bar_or_not():
    assert bar_cell(4.0, least=4.0) == "4.00 (at least 4: met)"
    assert bar_cell(3.99, least=4.0) == "3.99 (at least 4: missed)"
    assert bar_cell(1.5, most=1.5) == "1.50 (at most 1.5: met)"
    assert bar_cell(1.51, most=1.5) == "1.51 (at most 1.5: missed)"
    assert bar_cell(2.0) == "2.00"
    assert bar_cell(None, least=4.0) == "no answer"


def test_medians_ratios_and_slow_programs():
    path = Path("track.wav")
    seconds = {("ours", path): [1.0, SLOW_SECONDS + 9, 2.0], ("peer", path): [SLOW_SECONDS + 1]}
    results = Results(seconds, {})
    assert results.median("ours", path) == 2.0
    assert results.ratio("peer", path) == (SLOW_SECONDS + 1) / 2
    assert results.ratio("other", path) is None
    assert results.is_slow("peer")
    assert not results.is_slow("ours")
