"""``analyze --html``, as people run it."""

from __future__ import annotations

import json
import re
import signal
import time

import psutil
import pytest

from tests.batch.analyze_process import run_analyze, start_analyze
from tests.page.conftest import TRACKS
from tests.page.names import STRANGE


def embedded(path):
    """The data of the page at ``path``."""
    found = re.search(r'id="data">(.*)</script>', path.read_text(encoding="utf-8"))
    return json.loads(found[1])


def test_a_page_beside_the_table_has_all_files_failures_too(report, library):
    assert report.code == 1  # one file fails
    assert "Traceback" not in report.stderr
    page = embedded(report.path)
    tracks = {track["name"]: track for track in page["tracks"]}
    assert len(tracks) == len(TRACKS) + 2 + len(STRANGE)
    codes = {name: page["keys"][tracks[name]["key"]]["code"] for name in ("Far.wav", "Fifth.wav")}
    assert codes == {"Far.wav": "11A", "Fifth.wav": "9A"}
    assert tracks["Fifth.wav"]["folder"] == "sub"
    assert tracks["broken.mp3"]["error"].endswith("(unsupported_format)")
    assert tracks["Drums.wav"]["keyless"] == "not tonal"
    assert "<title>My &lt;Müsic&gt; &amp; more</title>" in report.path.read_text(encoding="utf-8")


def test_the_timeline_is_in_the_page_but_in_the_table_only_if_asked_for(report):
    page = embedded(report.path)
    (track,) = [track for track in page["tracks"] if track["name"] == "Modulation.flac"]
    assert [page["keys"][key]["code"] for _, _, key, _ in track["parts"]] == ["8B", "12B"]
    assert track["changesKey"]
    assert not re.search(r"^ +(intro|outro) ", report.stdout, re.MULTILINE)


def test_the_page_has_the_order_that_was_asked_for(library, tmp_path):
    run_analyze("-q", "--sort", "key", "--html", tmp_path / "a.html", library)
    page = embedded(tmp_path / "a.html")
    codes = [page["keys"][track["key"]]["code"] for track in page["tracks"] if "key" in track]
    assert codes == sorted(codes, key=lambda code: (int(code[:-1]), code[-1]))
    assert [track["name"] for track in page["tracks"]][-2:] == ["Drums.wav", "broken.mp3"]


def test_documents_are_the_same_with_a_page_and_without(tmp_path, track):
    page = tmp_path / "report.html"
    cache = ("--cache", tmp_path / "cache")
    run_analyze("-q", *cache, track)
    for option in ("--json", "--csv"):
        without = run_analyze("-q", *cache, option, track)
        done = run_analyze("-q", *cache, option, "--html", page, track)
        assert (done.returncode, done.stderr) == (0, "")
        alike = r'"(seconds|files_per_second)": [\d.]+'
        assert re.sub(alike, "", done.stdout) == re.sub(alike, "", without.stdout)
        (found,) = embedded(page)["tracks"]
        assert found["parts"]


def test_what_the_cache_knew_is_on_the_page_but_not_listed(tmp_path, track):
    options = ("-q", "--cache", tmp_path / "cache", "--changed-only", "--html", tmp_path / "a.html")
    pages = []
    for _ in range(2):
        done = run_analyze(*options, track)
        assert done.returncode == 0
        pages.append((tmp_path / "a.html").read_bytes())
    assert done.stdout == ""
    assert pages[0] == pages[1]


@pytest.mark.parametrize("name", ["-", "report", "report.txt", "song.mp3", ""])
def test_a_name_that_is_no_pages_is_wrong_usage(tmp_path, track, name):
    done = run_analyze("--html", name, track, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "argument --html: " in done.stderr
    assert "must end in .html or .htm" in done.stderr
    assert not list(tmp_path.iterdir())


def test_another_programs_page_stays_as_it_was(tmp_path, track):
    page = tmp_path / "index.html"
    page.write_text("<!DOCTYPE html>\n<title>My site</title>\n")
    done = run_analyze("--html", page, track)
    assert (done.returncode, done.stdout) == (2, "")
    assert "--html" in done.stderr
    assert "index.html: there is a file that is no output of this program; delete it" in done.stderr
    assert "My site" in page.read_text()


def test_a_page_that_cannot_be_written_is_an_error_before_the_work(tmp_path, track):
    done = run_analyze("--html", tmp_path / "nowhere" / "a.html", track)
    assert (done.returncode, done.stdout) == (1, "")
    assert "a.html cannot be written: No such file or directory" in done.stderr


def test_a_run_that_reads_no_file_keeps_the_older_page(tmp_path, track):
    page = tmp_path / "a.html"
    assert run_analyze("-q", "--html", page, track).returncode == 0
    older = page.read_bytes()
    done = run_analyze("-q", "--html", page, tmp_path / "gone.mp3")
    assert (done.returncode, page.read_bytes()) == (1, older)
    assert f"keyscan: {page} stays as it was: no file could be read\n" in done.stderr


def test_ctrl_c_leaves_a_page_of_what_is_done(tmp_path, track, endless):
    page = tmp_path / "a.html"
    process = start_analyze("-j", "1", "--cqt", "librosa", "--html", page, track, endless)
    while not psutil.Process(process.pid).children():
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"Traceback" not in errors
    assert embedded(page)["notReached"] >= 1
