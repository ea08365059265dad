"""JSON, parsed again."""

from __future__ import annotations

import json

from keyscan.batch.results import withhold
from keyscan.batch.writers.json_documents import json_document, ndjson_lines
from tests.batch.results import analysed, failed, report

STRANGE = 'a "quoted", \n\x1b[31m 音楽 🎵.mp3'


def as_json(tracks, **options):
    return json.loads("".join(json_document(report(tracks, **options))))


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


def test_nothing_is_an_empty_list_or_no_line():
    assert as_json([])["tracks"] == []
    assert list(ndjson_lines(report([]))) == []


def test_a_line_for_each_file_has_what_the_document_has():
    tracks = [analysed(STRANGE, parts=[(60, "8A")]), failed("caf\udce9.mp3"), analysed("b", "3B")]
    lines = list(ndjson_lines(report(tracks, "short")))
    assert all(line.endswith("}\n") and line.count("\n") == 1 for line in lines)
    assert [json.loads(line) for line in lines] == as_json(tracks, notation="short")["tracks"]
    assert json.loads(lines[2])["key"] == "Db"


def test_drums_have_no_compatible_keys():
    assert as_json([analysed("drums", tonal=False)])["tracks"][0]["compatible"] == []


def test_a_part_without_music_has_no_key():
    track = analysed("a", "9A", parts=[(40, None), (60, "8A"), (62.5, "9A")], changes_key=True)
    (reply,) = as_json([track])["tracks"]
    assert reply["changes_key"] is True
    assert reply["timeline"][0] == {
        "start": 0, "end": 40, "camelot": None, "openkey": None, "key": None, "confidence": 0,
        "tonal": False,
    }  # fmt: skip
    assert [part["tonal"] for part in reply["timeline"]] == [False, True, True]


def test_a_key_that_is_withheld_is_null():
    tracks = [analysed("a", confidence=0.6), analysed("b", confidence=0.7)]
    document = as_json([withhold(track, 0.7) for track in tracks])
    first, second = document["tracks"]
    empty = ("camelot", "openkey", "key", "class_id")
    assert [first[name] for name in empty] == [None] * 4
    assert (first["alternatives"], first["compatible"]) == ([], [])
    assert (first["confidence"], first["tonal"], first["status"]) == (0.6, True, "success")
    assert second["camelot"] == "8A"
    assert (document["summary"]["unsure"], document["summary"]["keys"]) == (1, {"8A": 1})


def test_parts_of_a_track_are_withheld_too():
    track = analysed("a", confidence=0.99, parts=[(60, "8A"), (60, None)])  # each part 0.9
    (reply,) = as_json([withhold(track, 0.95)])["tracks"]
    assert reply["camelot"] == "8A"
    first, second = reply["timeline"]
    assert (first["camelot"], first["confidence"], first["tonal"]) == (None, 0.9, True)
    assert (second["camelot"], second["confidence"], second["tonal"]) == (None, 0, False)
    assert reply["intro_key"]["key"] is None
