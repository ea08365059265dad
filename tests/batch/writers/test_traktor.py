"""Traktor's collection: its elements, places of files, numbers of keys."""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ET
from pathlib import PurePosixPath, PureWindowsPath

import mutagen
import pytest
from traktor_nml_utils import TraktorCollection

from examples.track import SAMPLE_RATE, render_track, write_audio
from keyscan.batch.results import withhold
from keyscan.batch.writers.traktor import location, musical_key, traktor_nml
from keyscan.keys import KEYS, Key
from tests.batch.results import analysed, failed, report


def parsed(results, notation="musical", **fields):
    (text,) = traktor_nml(report(results, notation, **fields))
    assert text.startswith('<?xml version="1.0" encoding="UTF-8"?>\n<NML VERSION="19">')
    return ET.fromstring(text.encode())


def entries(results, notation="musical"):
    return parsed(results, notation).findall("COLLECTION/ENTRY")


def file_of(place):
    """As Mixxx puts the parts together."""
    return place.get("VOLUME") + place.get("DIR").replace("/:", "/") + place.get("FILE")


def test_the_document_has_the_parts_of_a_collection():
    root = parsed([analysed("/m/a.mp3"), failed("/m/x.mp3"), analysed("/m/b.mp3", "2B")])
    assert [child.tag for child in root] == [
        "HEAD", "MUSICFOLDERS", "COLLECTION", "SETS", "PLAYLISTS",
    ]  # fmt: skip
    assert root.find("COLLECTION").get("ENTRIES") == "2"
    first, second = root.findall("COLLECTION/ENTRY")
    assert [child.tag for child in first] == ["LOCATION", "INFO", "MUSICAL_KEY"]
    assert first.attrib == {"TITLE": "a"}
    assert first.find("INFO").attrib == {
        "PLAYTIME": "200", "PLAYTIME_FLOAT": "200.000000", "KEY": "Am",
    }  # fmt: skip
    assert first.find("MUSICAL_KEY").attrib == {"VALUE": "21"}
    assert (second.find("INFO").get("KEY"), second.find("MUSICAL_KEY").get("VALUE")) == ("F#", "6")


def test_a_librarys_own_reader_finds_the_tracks_and_their_playlist(tmp_path):
    write_audio(tmp_path / "a.mp3", render_track(Key.parse("A minor"), 2.0), SAMPLE_RATE)
    tags = mutagen.File(tmp_path / "a.mp3", easy=True)
    tags.update({"title": ["Così"], "artist": ["A & B"], "album": ["C"]})
    tags.save()
    results = [analysed(str(tmp_path / "a.mp3")), analysed("/m/drums.mp3", tonal=False)]
    (text,) = traktor_nml(report(results))
    (tmp_path / "keys.nml").write_text(text, encoding="utf-8")
    nml = TraktorCollection(tmp_path / "keys.nml").nml  # refuses what it does not know
    assert (nml.version, nml.collection.entries) == (19, 2)
    first, second = nml.collection.entry
    assert (first.title, first.artist, first.album.title) == ("Così", "A & B", "C")
    assert (first.info.key, first.musical_key.value_attribute) == ("Am", 21)
    assert (second.title, second.artist, second.musical_key) == ("drums", None, None)
    (playlist,) = nml.playlists.node.subnodes.node
    places = [entry.primarykey.key for entry in playlist.playlist.entry]
    assert places == [
        entry.location.volume + entry.location.dir + entry.location.file
        for entry in nml.collection.entry
    ]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have volumes")
def test_the_playlist_names_the_entries_in_their_order():
    root = parsed([analysed("/m/a.mp3"), analysed("/m/deep/b.mp3")])
    folder = root.find("PLAYLISTS/NODE")
    assert folder.attrib == {"TYPE": "FOLDER", "NAME": "$ROOT"}
    assert folder.find("SUBNODES").get("COUNT") == "1"
    playlist = folder.find("SUBNODES/NODE[@TYPE='PLAYLIST']/PLAYLIST")
    assert (playlist.get("ENTRIES"), playlist.get("TYPE")) == ("2", "LIST")
    assert len(playlist.get("UUID")) == 32
    keys = [key.attrib for key in playlist.findall("ENTRY/PRIMARYKEY")]
    assert keys == [
        {"TYPE": "TRACK", "KEY": "/:m/:a.mp3"}, {"TYPE": "TRACK", "KEY": "/:m/:deep/:b.mp3"},
    ]  # fmt: skip


def test_numbers_of_keys():
    numbers = {key.name("sharps"): musical_key(key) for key in KEYS}
    assert sorted(numbers.values()) == list(range(24))
    assert [numbers[name] for name in ("C major", "C# major", "A major", "B major")] == [
        0,
        1,
        9,
        11,
    ]
    assert [numbers[name] for name in ("C minor", "A minor", "B minor")] == [12, 21, 23]
    assert musical_key(Key.parse("1d")) == 0  # Traktor calls it so, too


@pytest.mark.parametrize(
    ("notation", "expected"),
    [("musical", "Bbm"), ("camelot-padded", "03A"), ("openkey", "8m")],
)
def test_the_key_is_written_as_asked(notation, expected):
    (entry,) = entries([analysed("/m/a.mp3", "3A")], notation)
    assert entry.find("INFO").get("KEY") == expected
    assert entry.find("MUSICAL_KEY").get("VALUE") == "22"


@pytest.mark.parametrize(
    "track",
    [analysed("/m/a.mp3", tonal=False), withhold(analysed("/m/a.mp3", confidence=0.4), 0.5)],
)
def test_without_a_key_there_is_none(track):
    (entry,) = entries([track])
    assert entry.find("MUSICAL_KEY") is None
    assert "KEY" not in entry.find("INFO").attrib


@pytest.mark.parametrize(
    ("path", "boot_volume", "expected"),
    [
        (PureWindowsPath(r"C:\Music\Techno\a.mp3"), "", ("C:", "/:Music/:Techno/:", "a.mp3")),
        (PureWindowsPath("D:/a.mp3"), "", ("D:", "/:", "a.mp3")),
        (PureWindowsPath(r"\\nas\music\x\a.mp3"), "", (r"\\nas\music", "/:x/:", "a.mp3")),
        (PurePosixPath("/Users/me/a.mp3"), "Mac HD", ("Mac HD", "/:Users/:me/:", "a.mp3")),
        (PurePosixPath("/Volumes/USB 1/x/a.mp3"), "Mac", ("USB 1", "/:x/:", "a.mp3")),
        (PurePosixPath("/Volumes/a.mp3"), "Mac", ("Mac", "/:Volumes/:", "a.mp3")),
        (PurePosixPath("/Volumes/USB/a.mp3"), "", ("", "/:Volumes/:USB/:", "a.mp3")),
        (PurePosixPath("/a:b/:c/d:e.mp3"), "", ("", "/:a:b/::c/:", "d:e.mp3")),
    ],
)  # fmt: skip
def test_places(path, boot_volume, expected):
    place = location(path, boot_volume)
    assert (place["VOLUME"], place["DIR"], place["FILE"]) == expected
    if path.drive or not boot_volume:
        assert type(path)(file_of(place)) == path


@pytest.mark.skipif(sys.platform != "linux", reason="no such names, or volumes")
@pytest.mark.parametrize(
    "name", ["a & <b> \"c\" 'd'", "a\nb\tc\rd", "日本 🎵", "e\u0301", "a:b", "%20", "]]>", "C:\\x"]
)
def test_any_name_that_xml_can_hold_leads_to_its_file(name):
    (entry,) = entries([analysed(f"/m/{name}/{name}.mp3")])
    assert file_of(entry.find("LOCATION")) == f"/m/{name}/{name}.mp3"
    assert entry.get("TITLE") == name


@pytest.mark.parametrize("name", ["\x01", "caf\udce9", "\ufffe", "\x1b[31m"])
def test_a_name_that_xml_cannot_hold_is_left_out_and_told(name):
    ours = report([analysed(f"/m/{name}.mp3"), analysed("/m/b.mp3"), failed("/m/\x02.mp3")])
    (text,) = traktor_nml(ours)
    (entry,) = ET.fromstring(text.encode()).findall("COLLECTION/ENTRY")
    assert entry.get("TITLE") == "b"
    assert ours.omitted == [f"/m/{name}.mp3"]


@pytest.mark.skipif(sys.platform != "linux", reason="no such names")
def test_a_folder_counts_that_xml_cannot_hold(tmp_path, monkeypatch):
    (tmp_path / "\x01").mkdir()
    monkeypatch.chdir(tmp_path / "\x01")
    ours = report([analysed("a.mp3")])
    (text,) = traktor_nml(ours)
    assert ET.fromstring(text.encode()).findall("COLLECTION/ENTRY") == []
    assert ours.omitted == ["a.mp3"]


def test_no_tracks_is_an_empty_collection():
    root = parsed([])
    assert root.find("COLLECTION").attrib == {"ENTRIES": "0"}
    assert root.find(".//PLAYLIST").get("ENTRIES") == "0"
