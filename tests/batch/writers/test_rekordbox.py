"""rekordbox's collection: read by pyrekordbox, and names that XML or URLs treat specially."""

from __future__ import annotations

import os
import sys
import xml.etree.ElementTree as ET
from pathlib import PurePosixPath, PureWindowsPath
from urllib.parse import unquote_to_bytes

import pytest
from pyrekordbox.rbxml import RekordboxXml

from keyscan.batch.results import withhold
from keyscan.batch.writers.rekordbox import location, rekordbox_xml
from keyscan.keys import KEYS
from keyscan.locations import path_of_url
from tests.batch.results import analysed, failed, report

HOST = "file://localhost"


def written(results, notation="musical", spelling="both"):
    (text,) = rekordbox_xml(report(results, notation, spelling))
    return text


def tracks_of(text):
    return ET.fromstring(text.encode()).findall("COLLECTION/TRACK")


def test_a_librarys_own_reader_finds_the_tracks_and_their_playlist(tmp_path):
    results = [analysed("/m/a & b.mp3", "8A", duration=199.6), failed("/m/gone.mp3"),
               analysed("/m/drums.wav", tonal=False), analysed("/m/c.flac", "2A")]  # fmt: skip
    (tmp_path / "keys.xml").write_text(written(results), encoding="utf-8")
    xml = RekordboxXml(tmp_path / "keys.xml")
    assert (xml.frmt_version, xml.product_name) == ("1.0.0", "openkeyscan-analyzer")
    assert xml.num_tracks == 3
    found = [
        {name: track[name] for name in ("TrackID", "Name", "Tonality", "TotalTime")}
        for track in xml.get_tracks()
    ]
    assert found == [
        {"TrackID": 1, "Name": "a & b", "Tonality": "Am", "TotalTime": 200},
        {"TrackID": 2, "Name": "drums", "Tonality": "", "TotalTime": 200},
        {"TrackID": 3, "Name": "c", "Tonality": "Ebm", "TotalTime": 200},
    ]
    assert xml.get_track(TrackID=1)["Location"] == "m/a & b.mp3"  # it cuts the first slash
    playlist = xml.get_playlist("openkeyscan-analyzer")
    assert playlist.is_playlist
    assert (playlist.key_type, playlist.entries) == ("TrackID", 3)
    assert playlist.get_tracks() == [1, 2, 3]
    assert xml.root_playlist_folder.count == 1


def test_the_root_and_its_playlist_have_the_documented_attributes():
    root = ET.fromstring(written([analysed("/m/a.mp3")]).encode())
    assert (root.tag, root.attrib) == ("DJ_PLAYLISTS", {"Version": "1.0.0"})
    assert [child.tag for child in root] == ["PRODUCT", "COLLECTION", "PLAYLISTS"]
    assert root.find("COLLECTION").attrib == {"Entries": "1"}
    assert root.find("PLAYLISTS/NODE").attrib == {"Type": "0", "Name": "ROOT", "Count": "1"}
    assert root.find("PLAYLISTS/NODE/NODE").attrib == {
        "Name": "openkeyscan-analyzer", "Type": "1", "KeyType": "0", "Entries": "1",
    }  # fmt: skip
    (track,) = root.findall("COLLECTION/TRACK")
    assert set(track.attrib) == {
        "TrackID", "Name", "Artist", "Album", "TotalTime", "Location", "Tonality",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("notation", "spelling", "expected"),
    [("musical", "both", "Abm"), ("musical", "sharps", "G#m"), ("short", "flats", "Abm"),
     ("camelot", "both", "1A"), ("camelot-padded", "both", "01A"), ("openkey", "both", "6m")],
)  # fmt: skip
def test_the_key_is_written_as_asked_and_short_for_the_musical_notation(
    notation, spelling, expected
):
    (track,) = tracks_of(written([analysed("/m/a.mp3", "1A")], notation, spelling))
    assert track.get("Tonality") == expected


def test_every_key_is_one_that_rekordbox_shows():
    names = {track.get("Tonality") for track in tracks_of(written(
        [analysed(f"/m/{key.camelot}.mp3", key.camelot) for key in KEYS]
    ))}  # fmt: skip
    assert len(names) == 24
    assert max(map(len, names)) == 3


def test_a_key_that_is_withheld_is_empty():
    (track,) = tracks_of(written([withhold(analysed("/m/a.mp3", confidence=0.4), 0.5)]))
    assert track.get("Tonality") == ""


@pytest.mark.skipif(sys.platform == "win32", reason="no such names")
@pytest.mark.parametrize(
    "name",
    [
        *("a b", "100%", "a%20b", "a#b?c", "a&b<c>\"d'", "a;b=c+d", "日本 🎵", "e\u0301"),
        *("a:b", "C:\\x", "a\nb\tc\rd", "\x01\x1b[31m", "caf\udce9", "\ufffe\uffff", "]]>", "%zz"),
    ],
)
def test_any_name_leads_to_its_file(name, tmp_path):
    path = tmp_path / f"{name}.mp3"
    path.touch()
    (track,) = tracks_of(written([analysed(str(path))]))
    place = track.get("Location")
    assert place.startswith(f"{HOST}/")
    assert place.isascii()
    assert unquote_to_bytes(place.removeprefix(HOST)) == os.fsencode(path)
    assert path_of_url(place) == str(path)
    if name.isprintable():
        assert track.get("Name") == name
    else:
        assert len(track.get("Name")) == len(name)


def test_a_path_is_absolute_and_keeps_the_name_of_a_link(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "real.mp3").touch()
    (tmp_path / "link.mp3").symlink_to("real.mp3")
    (track,) = tracks_of(written([analysed("./link.mp3")]))
    assert track.get("Location") == f"{HOST}{(tmp_path / 'link.mp3').as_posix()}"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (PureWindowsPath(r"C:\Music\a b.mp3"), "/C:/Music/a%20b.mp3"),
        (PureWindowsPath("d:/é.mp3"), "/d:/%C3%A9.mp3"),
        (PureWindowsPath(r"\\nas\music\a.mp3"), "//nas/music/a.mp3"),
        (PurePosixPath("/Volumes/USB/C:/a.mp3"), "/Volumes/USB/C%3A/a.mp3"),
    ],
)
def test_drives_and_servers(path, expected):
    assert location(path) == f"{HOST}{expected}"


def test_no_tracks_is_an_empty_collection(tmp_path):
    (tmp_path / "keys.xml").write_text(written([failed("/m/a.mp3")]))
    assert RekordboxXml(tmp_path / "keys.xml").get_tracks() == []
