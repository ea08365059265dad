"""CSV, parsed again."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from keyscan.batch.results import withhold
from keyscan.batch.writers.csv_rows import CSV_COLUMNS, csv_lines
from keyscan.errors import AnalysisWarning, Silent
from tests.batch.results import analysed, failed, report

STRANGE = 'a "quoted", \n\x1b[31m 音楽 🎵.mp3'


def as_csv(tracks):
    text = "".join(csv_lines(report(tracks)))
    assert text.endswith("\r\n")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_nothing_is_a_header():
    assert "".join(csv_lines(report([]))) == ",".join(CSV_COLUMNS) + "\r\n"


def test_drums_have_no_key_in_csv():
    (row,) = as_csv([analysed("drums", tonal=False, parts=[(60, None)], tuning_cents=None)])
    assert row.pop("timeline") == "0.0-60.0 -"
    filled = {name: value for name, value in row.items() if value}
    assert filled == {"path": "drums", "status": "success", "tonal": "false", "duration": "200.0",
                      "cached": "false", "code": "ok", "changes_key": "false",
                      "analysed_seconds": "200.0"}  # fmt: skip


def test_a_key_that_is_withheld_is_empty_but_its_confidence_stays():
    (row,) = as_csv([withhold(analysed("a", confidence=0.4, parts=[(60, "8A")]), 0.95)])
    assert (row["confidence"], row["tonal"], row["status"]) == ("0.4", "true", "success")
    empty = ("camelot", "openkey", "key", "alternative_1", "compatible", "intro_key")
    assert [row[name] for name in empty] == [""] * 6
    assert row["timeline"] == "0.0-60.0 -"


def test_a_part_without_music_has_no_key():
    track = analysed("a", "9A", parts=[(40, None), (60, "8A"), (62.5, "9A")], changes_key=True)
    (row,) = as_csv([track])
    assert row["timeline"] == "0.0-40.0 -;40.0-100.0 8A;100.0-162.5 9A"
    assert row["changes_key"] == "true"


def test_csv_has_a_line_a_file():
    first, second = as_csv([
        analysed(STRANGE, "8A", tuning_cents=-12.34, duration=200.5,
                 warnings=(AnalysisWarning("truncated", "m"),)),
        failed("b.mp3", Silent("nothing to hear", [AnalysisWarning("bad_samples", "m")])),
    ])  # fmt: skip
    assert tuple(first) == CSV_COLUMNS
    assert first["path"] == STRANGE
    assert first["camelot"] == "8A"
    assert (float(first["tuning_cents"]), float(first["duration"])) == (-12.3, 200.5)
    assert (first["alternative_1"], first["alternative_1_confidence"]) == ("9A", "0.1")
    assert first["alternative_2"] == ""
    assert first["compatible"] == "8A;8B;9A;7A;10A;3A"
    assert (first["warnings"], first["tonal"], first["cached"]) == ("truncated", "true", "false")
    assert (second["status"], second["code"], second["error"]) == (
        "error", "silent", "nothing to hear",
    )  # fmt: skip
    assert (second["camelot"], second["warnings"]) == ("", "bad_samples")


def test_csv_has_the_timeline_in_one_cell_and_an_empty_one_for_an_uncertain_tuning():
    (row,) = as_csv([analysed("a", parts=[(60, "8A"), (62.5, "9A")], tuning_cents=None)])
    assert row["tuning_cents"] == ""
    assert row["timeline"] == "0.0-60.0 8A;60.0-122.5 9A"
    assert (row["intro_key"], row["outro_key"]) == ("8A", "9A")


@pytest.mark.parametrize("name", ["=1+1.mp3", "+a", "-a", "@a", "\ta", "\ra", "\na"])
def test_no_path_is_a_formula_and_each_leads_to_its_file(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_bytes(b"x")
    (row,) = as_csv([analysed(name)])
    assert row["path"][0] == "."
    assert Path(row["path"]).samefile(tmp_path / name)
