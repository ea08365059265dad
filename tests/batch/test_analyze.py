"""``analyze`` as a person runs it: results, failures, summary, exit codes."""

from __future__ import annotations

import csv
import io
import json
import os
import shlex
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from examples.track import SAMPLE_RATE, render_track, write_audio
from keyscan import keys
from tests.batch.analyze_process import run_analyze
from tests.batch.conftest import KEYS
from tests.server_process import COMMAND, PATIENCE, ROOT, ServerProcess, request

CAMELOT = {name: keys.Key.parse(key).camelot for name, key in KEYS.items()}


def test_a_folder_becomes_a_table_and_a_summary(library):
    done = run_analyze(library)
    assert done.returncode == 0
    header, *lines = done.stdout.splitlines()
    assert header.split()[:3] == ["track", "Camelot", "key"]
    for line, (name, camelot) in zip(lines, CAMELOT.items(), strict=True):
        assert line.startswith(f"{name} ")
        assert line.removeprefix(name).split()[0] == camelot
    first, left_out, title, *histogram = done.stderr.splitlines()
    assert first.startswith("4 files: 4 analysed (")
    assert left_out == "left out: 1 other file"
    assert title == "keys:"
    assert [line.split() for line in histogram] == [
        ["8A", "1", "#", "8B", "1", "#"], ["9A", "1", "#"], ["11A", "1", "#"],
    ]  # fmt: skip


def test_json_has_what_the_server_replies(library):
    done = run_analyze("--json", "--notation", "camelot", "--no-recursive", ".", cwd=library)
    assert done.returncode == 0
    document = json.loads(done.stdout)
    paths = [track["path"] for track in document["tracks"]]
    assert paths == [os.path.join(".", name) for name in list(KEYS)[:2]]  # noqa: PTH118
    with ServerProcess("--notation", "camelot") as server:
        for track in document["tracks"]:
            reply = server.ask(request(1, library / track.pop("path")))
            assert track.pop("compatible")[0] == {
                "camelot": reply["camelot"], "openkey": reply["openkey"], "key": reply["key"],
                "relation": "same",
            }  # fmt: skip
            assert track == {
                name: value for name, value in reply.items() if name not in ("id", "generation")
            }
    assert document["summary"]["analysed"] == 2
    assert "2 files: 2 analysed" in done.stderr


def test_failures_have_reasons_and_the_other_files_keys(library, bad_files):
    missing = bad_files / "missing.mp3"
    done = run_analyze("--csv", bad_files, missing, library / "sub")
    assert done.returncode == 1
    rows = list(csv.DictReader(io.StringIO(done.stdout, newline="")))
    assert [row["code"] for row in rows] == [
        "empty_file", "unsupported_format", "unsupported_format", "file_not_found", "ok", "ok",
    ]  # fmt: skip
    assert [Path(row["path"]).name for row in rows[2:4]] == ["3 \x1b[31mred\n.flac", "missing.mp3"]
    assert (
        f"failed: {missing}: File not found: there is no file at the path (file_not_found)\n"
        in done.stderr
    )
    assert r"3 \x1b[31mred\x0a.flac: " in done.stderr
    assert "\x1b" not in done.stderr
    assert "6 files: 2 analysed, 4 failed (" in done.stderr
    assert "failed: 2 unsupported_format, 1 empty_file, 1 file_not_found\n" in done.stderr


def test_a_playlist_in_a_file(library, tmp_path):
    target = tmp_path / "set.m3u8"
    target.write_text("#EXTM3U\n")
    target.chmod(0o640)
    link = tmp_path / "link.m3u8"
    link.symlink_to(target)
    done = run_analyze("--m3u", "--output", link, "--quiet", library)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    lines = target.read_text(encoding="utf-8").splitlines()
    assert lines[:2] == ["#EXTM3U", "# made by openkeyscan-analyzer"]
    assert {Path(line) for line in lines[3::2]} == {library / name for name in KEYS}
    order = [line.split(",")[1].split()[0] for line in lines[2::2]]
    assert order == ["8A", "8B", "9A", "11A"]
    assert link.is_symlink()
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.m3u8", "set.m3u8"]


def test_only_what_has_changed(library, tmp_path):
    options = ("--json", "--cache", tmp_path / "cache.sqlite", "--changed-only")
    first = json.loads(run_analyze(*options, library / "sub").stdout)
    assert [track["cached"] for track in first["tracks"]] == [False, False]
    done = run_analyze(*options, library, library / "cover.jpg")
    second = json.loads(done.stdout)
    assert [Path(track["path"]).name for track in second["tracks"]] == [
        *list(KEYS)[:2], "cover.jpg",
    ]  # fmt: skip
    assert (second["summary"]["from_cache"], second["summary"]["left_out"]) == (2, 2)
    assert "5 files: 2 analysed, 2 from the cache, not listed, 1 failed (" in done.stderr


def test_keys_that_are_less_sure_than_asked_for_are_left_out(library, tmp_path):
    options = ("--no-recursive", "--timeline", "--cache", tmp_path / "cache", library)
    run_analyze("--json", *options)  # the cache keeps the keys
    done = run_analyze("--json", "--min-confidence", "1", *options)
    assert done.returncode == 0
    document = json.loads(done.stdout)
    for track in document["tracks"]:
        assert (track["status"], track["tonal"], track["cached"]) == ("success", True, True)
        assert track["camelot"] is track["key"] is track["class_id"] is None
        assert 0.5 < track["confidence"] < 1
        assert (track["alternatives"], track["compatible"]) == ([], [])
        assert [part["key"] for part in track["timeline"]] == [None]
    assert (document["summary"]["unsure"], document["summary"]["keys"]) == (2, {})
    assert "  unsure (below --min-confidence): 2\n" in done.stderr
    table = run_analyze("--min-confidence", "1", *options).stdout.splitlines()
    assert sum("unsure" in line for line in table) == 8  # a track, its part, intro and outro
    done = run_analyze("--json", "--min-confidence", "0.5", *options)
    assert [track["camelot"] for track in json.loads(done.stdout)["tracks"]] == ["8A", "8B"]


def test_patterns_leave_out_files_and_folders(library):
    done = run_analyze("--csv", "--exclude", "*.WAV", "--exclude", "deep", library)
    assert done.returncode == 0
    rows = list(csv.DictReader(io.StringIO(done.stdout, newline="")))
    assert [Path(row["path"]).name for row in rows] == ["10 音楽 🎵.flac", "träck.mp3"]
    assert "left out: 1 other file, 2 excluded files and folders\n" in done.stderr


def test_a_linked_file_has_its_own_name_unless_the_link_is_named(library, tmp_path):
    (tmp_path / "z").mkdir()
    (tmp_path / "z" / "song.wav").hardlink_to(library / next(iter(KEYS)))
    link = tmp_path / "a.wav"
    link.symlink_to("z/song.wav")
    for given, expected in ((tmp_path, tmp_path / "z" / "song.wav"), (link, link)):
        done = run_analyze("-q", "--csv", given)
        (row,) = csv.DictReader(io.StringIO(done.stdout, newline=""))
        assert (row["path"], row["camelot"]) == (str(expected), "8A")


def test_noise_has_no_key_in_csv(tmp_path):
    rng = np.random.default_rng(0)
    noise = 0.1 * rng.standard_normal((10 * SAMPLE_RATE, 1))
    write_audio(tmp_path / "noise.wav", noise, SAMPLE_RATE)
    done = run_analyze("-q", "--csv", "--timeline", tmp_path)
    (row,) = csv.DictReader(io.StringIO(done.stdout, newline=""))
    assert (row["status"], row["tonal"]) == ("success", "false")
    of_a_key = ("camelot", "openkey", "key", "confidence", "alternative_1", "compatible",
                "intro_key", "outro_key")  # fmt: skip
    assert [row[name] for name in of_a_key] == [""] * 8
    assert row["timeline"] == "0.0-10.0 -"


def test_a_folder_without_music_is_an_error(tmp_path):
    (tmp_path / "notes.txt").write_text("no music")
    done = run_analyze("--json", tmp_path)
    assert done.returncode == 1
    assert done.stderr == f"keyscan: no audio files in {tmp_path}; left out: 1 other file\n"
    assert json.loads(done.stdout)["tracks"] == []


def test_an_output_that_cannot_be_written_is_an_error_before_the_work(library, tmp_path):
    done = run_analyze("--output", tmp_path / "nowhere" / "a.txt", library)
    assert done.returncode == 1
    assert "nowhere/a.txt cannot be written: No such file or directory" in done.stderr
    assert "analysed" not in done.stderr


def test_imports_are_light_until_there_are_files():
    code = "import sys, keyscan.batch.command; print({'torch', 'matplotlib'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout == "set()\n"


def test_a_model_that_cannot_be_used_is_an_error(library):
    done = run_analyze("--model-path", "/nowhere/model.pt", library)
    assert (done.returncode, done.stdout) == (1, "")
    assert "/nowhere/model.pt" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_names_of_any_bytes(library, tmp_path):
    strange = os.fsencode(tmp_path) + b"/caf\xe9.wav"
    os.link(library / next(iter(KEYS)), strange)
    done = run_analyze("--json", "--quiet", tmp_path)
    assert done.returncode == 0
    (track,) = json.loads(done.stdout)["tracks"]
    assert os.fsencode(track["path"]) == strange


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /dev")
def test_a_full_disk(tmp_path):
    with Path("/dev/full").open("wb") as full:
        done = run_analyze("--json", tmp_path, stdout=full)
    assert done.returncode == 1
    assert done.stderr == "keyscan: stdout cannot be written: No space left on device\n"


@pytest.mark.skipif(os.name == "nt", reason="needs a POSIX shell")
def test_results_for_a_closed_stdout_are_an_error(library, tmp_path):
    track = library / next(iter(KEYS))
    command = shlex.join([*COMMAND, "analyze", "--quiet", "--csv", str(track)])
    done = subprocess.run(f"{command} >&-", shell=True, stderr=subprocess.PIPE, timeout=PATIENCE)
    assert done.returncode == 1
    assert done.stderr == b"keyscan: stdout cannot be written: Bad file descriptor\n"
    file = tmp_path / "keys.csv"
    assert (
        subprocess.run(
            f"{command} --output {shlex.quote(str(file))} >&-", shell=True, timeout=PATIENCE
        ).returncode
        == 0
    )
    assert track.name in file.read_text(encoding="utf-8")


def test_thousands_of_bad_files(tmp_path):
    for number in range(2000):
        (tmp_path / f"{number}.mp3").write_bytes(b"no music %d" % number)
    done = run_analyze("--csv", tmp_path)
    assert done.returncode == 1
    rows = list(csv.DictReader(io.StringIO(done.stdout, newline="")))
    assert [Path(row["path"]).name for row in rows] == [f"{n}.mp3" for n in range(2000)]
    assert {row["code"] for row in rows} == {"unsupported_format"}
    assert done.stderr.count("(unsupported_format)\n") == 2000
    assert "failed: 2,000 unsupported_format\n" in done.stderr


def test_help_is_complete():
    done = run_analyze("--help")
    assert done.returncode == 0
    for word in ("--json", "--csv", "--m3u", "--jobs", "--no-recursive", "--changed-only",
                 "--timeline", "--stream", "--cache", "--output", "--format", "--min-confidence",
                 "--exclude", "--bom", "Examples:",
                 "Exit code:"):  # fmt: skip
        assert word in done.stdout


def test_one_of_several_streams(film):
    for options, expected in ((), (0, "8A")), (("--stream", "1"), (1, "11A")):
        (track,) = json.loads(run_analyze("--json", *options, film).stdout)["tracks"]
        assert (track["stream"], track["camelot"]) == expected
    done = run_analyze("--stream", "2", film)
    assert done.returncode == 1
    assert "the file has streams 0 to 1 (no_such_stream)" in done.stderr


def test_a_track_that_changes_its_key_tells_when(tmp_path):
    parts = [render_track(keys.Key.parse(key), 30.0) for key in ("A minor", "D# minor")]
    path = tmp_path / "change.flac"
    write_audio(path, np.concatenate(parts), SAMPLE_RATE)
    done = run_analyze("--json", "--timeline", path)
    (track,) = json.loads(done.stdout)["tracks"]
    assert (track["intro_key"]["camelot"], track["outro_key"]["camelot"]) == ("8A", "2A")
    first, *_, last = track["timeline"]
    assert (first["camelot"], last["camelot"]) == ("8A", "2A")
    assert abs(last["start"] - 30) < 10
