"""JSON, CSV and playlists, parsed again."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest

from keyscan.batch.documents import CSV_COLUMNS, csv_lines, json_document, m3u_lines
from keyscan.batch.results import ordered, summarize
from keyscan.errors import AnalysisWarning, Silent
from keyscan.keys import KeyStyle
from tests.batch.results import analysed, failed

STRANGE = 'a "quoted", \n\x1b[31m 音楽 🎵.mp3'


def as_json(tracks, **options):
    summary = summarize(tracks, files=len(tracks), seconds=2.0, leave_out_cached=False)
    return json.loads("".join(json_document(tracks, summary, KeyStyle(**options))))


def as_csv(tracks):
    text = "".join(csv_lines(tracks, KeyStyle()))
    assert text.endswith("\r\n")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_json_has_replies_paths_and_compatible_keys():
    track = analysed(STRANGE, "8A", parts=[(60, "8A"), (60, "9A")])
    document = as_json([track, failed("caf\udce9.mp3")])
    first, second = document["tracks"]
    assert first["path"] == STRANGE
    assert (first["camelot"], first["openkey"], first["key"]) == ("8A", "1m", "A minor")
    assert (first["confidence"], first["tonal"], first["cached"]) == (0.9, True, False)
    assert [(part["start"], part["end"], part["camelot"]) for part in first["timeline"]] == [
        (0, 60, "8A"), (60, 120, "9A"),
    ]  # fmt: skip
    assert first["outro_key"]["camelot"] == "9A"
    assert [(key["camelot"], key["relation"]) for key in first["compatible"]] == [
        ("8A", "same"), ("8B", "relative"), ("9A", "up"), ("7A", "down"),
        ("10A", "energy_boost"), ("3A", "energy_boost"),
    ]  # fmt: skip
    assert second["path"] == "caf\udce9.mp3"
    assert second["code"] == "file_not_found"
    assert document["summary"]["failed"] == {"file_not_found": 1}
    assert document["summary"]["keys"] == {"8A": 1}
    assert not {"id", "generation"} & first.keys()


def test_json_writes_keys_as_asked():
    document = as_json([analysed("a")], notation="openkey")
    assert document["tracks"][0]["key"] == "1m"
    assert document["tracks"][0]["compatible"][1]["key"] == "1d"


def test_nothing_is_an_empty_list_or_a_header():
    assert as_json([])["tracks"] == []
    assert "".join(csv_lines([], KeyStyle())).split("\r\n")[0] == ",".join(CSV_COLUMNS)


def test_drums_have_no_compatible_keys():
    assert as_json([analysed("drums", tonal=False)])["tracks"][0]["compatible"] == []


def test_drums_have_no_key_in_csv():
    (row,) = as_csv([analysed("drums", tonal=False, parts=[(60, None)], tuning_cents=None)])
    assert row.pop("timeline") == "0.0-60.0 -"
    filled = {name: value for name, value in row.items() if value}
    assert filled == {"path": "drums", "status": "success", "tonal": "false", "duration": "200.0",
                      "cached": "false", "code": "ok", "changes_key": "false"}  # fmt: skip


def test_a_part_without_music_has_no_key():
    track = analysed("a", "9A", parts=[(40, None), (60, "8A"), (62.5, "9A")], changes_key=True)
    (row,) = as_csv([track])
    assert row["timeline"] == "0.0-40.0 -;40.0-100.0 8A;100.0-162.5 9A"
    assert row["changes_key"] == "true"
    (reply,) = as_json([track])["tracks"]
    assert reply["changes_key"] is True
    assert reply["timeline"][0] == {
        "start": 0, "end": 40, "camelot": None, "openkey": None, "key": None, "confidence": 0,
        "tonal": False,
    }  # fmt: skip
    assert [part["tonal"] for part in reply["timeline"]] == [False, True, True]


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


def test_playlists_are_in_an_order_to_mix():
    tracks = [analysed("/m/a.mp3", "8A"), failed("/m/x"), analysed("/m/b.mp3", "2B"),
              analysed("/m/drums.wav", tonal=False), analysed("/m/c.mp3", "9A")]  # fmt: skip
    lines = "".join(m3u_lines(ordered(tracks, "mix"), KeyStyle())).splitlines()
    assert lines[0] == "#EXTM3U"
    assert lines[-2:] == ["#EXTINF:200,drums", os.path.abspath("/m/drums.wav")]  # noqa: PTH100
    titles = lines[2:-2:2]
    assert sorted(titles) == ["#EXTINF:200,2B b", "#EXTINF:200,8A a", "#EXTINF:200,9A c"]
    assert abs(titles.index("#EXTINF:200,8A a") - titles.index("#EXTINF:200,9A c")) == 1


def test_playlists_have_absolute_paths(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    lines = "".join(m3u_lines([analysed("./#1 a.mp3")], KeyStyle("openkey"))).splitlines()
    assert lines[2:] == ["#EXTINF:200,1m #1 a", str(tmp_path / "#1 a.mp3")]


@pytest.mark.skipif(sys.platform == "win32", reason="no such names")
@pytest.mark.parametrize("name", ["a\nb.mp3", "caf\udce9.mp3", " a.mp3 ", "a\u2028b.mp3"])
def test_playlists_have_uris_for_names_that_no_line_can_hold(name):
    text = "".join(m3u_lines([analysed(f"/m/{name}")], KeyStyle()))
    _, _, title, location = text.encode("utf-8").decode("utf-8").splitlines()
    assert title.startswith("#EXTINF:200,8A ")
    if location.startswith("file://"):
        assert unquote_to_bytes(location[len("file://") :]) == os.fsencode(f"/m/{name}")
    else:
        assert location == f"/m/{name}"
