"""The data of a page: what is known of the tracks, in a form that HTML can hold."""

from __future__ import annotations

import json

import pytest

from keyscan.analysis import AnalysisWarning
from keyscan.batch.documents import table
from keyscan.errors import UnsupportedFormat
from keyscan.keys import KEYS, Key, KeyStyle
from keyscan.page.data import Entry, page_data
from tests.batch.results import analysed
from tests.page.names import STRANGE

STYLE = KeyStyle()


def data(*entries, style=STYLE, not_reached=0):
    return json.loads(page_data(entries, style, not_reached))


def only_track(result, path="/m/a.mp3", shown="a.mp3"):
    (track,) = data(Entry(path, shown, result))["tracks"]
    return track


def test_a_track_has_its_key_and_what_else_may_be():
    result = analysed("/m/a.mp3", "8A", confidence=0.87654, second="9A", tuning_cents=-3.25)
    assert only_track(result) == {
        "name": "a.mp3", "duration": 200.0, "key": 7, "confidence": 0.8765, "others": [[8, 0.1235]],
        "cents": -3,
    }  # fmt: skip


def test_the_first_key_and_no_cents_are_not_nothing():
    track = only_track(analysed("/m/a.mp3", "1A", tuning_cents=-0.01))
    assert (track["key"], track["cents"]) == (0, 0)


@pytest.mark.parametrize("cents", [0.5, 0.54, 0.56, -0.5, 1.5, -8.53, 47.45])
def test_cents_are_those_of_the_table(cents):
    result = analysed("/m/a.mp3", tuning_cents=cents)
    title, row = table([result], STYLE, None)
    place = title.index("cents")
    assert only_track(result)["cents"] == int(row[place : place + len("cents")])


def test_the_key_over_time():
    parts = ((100.0, "8A"), (20.126, None), (80.0, "8B"))
    track = only_track(analysed("/m/a.mp3", "8A", parts=parts, changes_key=True))
    assert track["changesKey"] is True
    assert track["parts"] == [
        [0.0, 100.0, 7, 0.9], [100.0, 120.13, None, 0.0], [120.13, 200.13, 19, 0.9],
    ]  # fmt: skip


def test_drums_have_no_key():
    track = only_track(analysed("/m/a.mp3", tonal=False, tuning_cents=None))
    assert track == {"name": "a.mp3", "duration": 200.0, "keyless": "not tonal"}


def test_a_failure_has_its_reason_and_its_code():
    error = UnsupportedFormat("No format\x1b that is known")
    assert only_track(error) == {
        "name": "a.mp3", "error": r"No format\x1b that is known (unsupported_format)",
    }  # fmt: skip


def test_warnings_are_told():
    warnings = (AnalysisWarning("damaged", "The end\u202e is missing"),)
    assert only_track(analysed("/m/a.mp3", warnings=warnings))["warnings"] == [
        r"The end\u202e is missing"
    ]


@pytest.mark.parametrize(
    ("path", "shown", "folder"),
    [
        ("/m/a.mp3", "a.mp3", None),
        ("/m/x/y/a.mp3", "x/y/a.mp3", "x/y"),
        ("/m/a.mp3/a.mp3", "a.mp3/a.mp3", "a.mp3"),
        ("/m/x/\x1b.mp3", r"x/\x1b.mp3", "x"),
    ],
)
def test_the_folder_stands_apart_from_the_name(path, shown, folder):
    track = only_track(analysed(path), path, shown)
    assert track.get("folder") == folder


def test_the_keys_have_places_on_the_wheel_and_what_they_mix_with():
    keys = data()["keys"]
    assert [key["code"] for key in keys] == [key.camelot for key in KEYS]
    assert keys[7] == {
        "code": "8A", "name": "A minor", "place": 8, "number": 8, "mode": "minor",
        "mixes": {"7": "same", "19": "relative", "8": "up", "6": "down", "9": "energy_boost",
                  "2": "energy_boost"},
    }  # fmt: skip
    assert keys[10]["name"] == "F#/Gb minor"


def test_open_key_has_a_wheel_of_its_own():
    key = data(style=KeyStyle("openkey", "flats"))["keys"][Key.parse("1m").class_id]
    assert (key["code"], key["place"], key["number"]) == ("1m", 1, 8)


@pytest.mark.parametrize("name", [*STRANGE, "</script><script>alert(1)</script>", "\ufffe\ud800"])
def test_a_name_stays_data(name):
    entry = Entry(f"/m/{name}", name, analysed(name))
    text = page_data([entry], STYLE, 0)
    assert text.isascii()
    assert "<" not in text
    assert "\n" not in text
    assert json.loads(text)["tracks"]


def test_files_that_were_not_reached_are_counted():
    assert data(not_reached=3)["notReached"] == 3
