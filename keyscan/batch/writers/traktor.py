"""A collection for Traktor: NML 19, the format of its ``collection.nml`` since Traktor 2.

Native Instruments publishes no description. Source: what Traktor's own files hold, as Mixxx,
dj-data-converter and traktor-nml-utils read them.
"""

from __future__ import annotations

import os
import sys
import uuid
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import PurePath

from keyscan.analysis import Analysis
from keyscan.batch.results import analyses
from keyscan.batch.writers.report import Report, absolute, cleaned, dj_key, fits_xml, xml_text
from keyscan.batch.writers.titles import titles_of
from keyscan.keys import Key, KeyStyle

_NAME = "openkeyscan-analyzer"
_SEPARATOR = "/:"
_VOLUMES = "/Volumes"


def traktor_nml(report: Report) -> Iterator[str]:
    """The files that have been analysed, and a playlist of them in this order.

    A file whose path XML cannot hold joins ``report.omitted``: Traktor has no other way to name it.
    """
    tracks = []
    for track in analyses(report.results):
        if fits_xml(str(absolute(track.path))):
            tracks.append(track)
        else:
            report.omitted.append(track.path)
    count, boot_volume = str(len(tracks)), _boot_volume()
    root = ET.Element("NML", VERSION="19")
    ET.SubElement(root, "HEAD", COMPANY="OpenKeyScan", PROGRAM=_NAME)
    ET.SubElement(root, "MUSICFOLDERS")
    collection = ET.SubElement(root, "COLLECTION", ENTRIES=count)
    ET.SubElement(root, "SETS", ENTRIES="0")
    folder = ET.SubElement(ET.SubElement(root, "PLAYLISTS"), "NODE", TYPE="FOLDER", NAME="$ROOT")
    nodes = ET.SubElement(folder, "SUBNODES", COUNT="1")
    node = ET.SubElement(nodes, "NODE", TYPE="PLAYLIST", NAME=_NAME)
    playlist = ET.SubElement(node, "PLAYLIST", ENTRIES=count, TYPE="LIST")
    names = []
    for track in tracks:
        place = location(absolute(track.path), boot_volume)
        names.append(place["VOLUME"] + place["DIR"] + place["FILE"])
        _add_entry(collection, track, place, report.style)
        ET.SubElement(ET.SubElement(playlist, "ENTRY"), "PRIMARYKEY", TYPE="TRACK", KEY=names[-1])
    playlist.set("UUID", uuid.uuid5(uuid.NAMESPACE_URL, "\n".join(names)).hex)
    yield xml_text(root)


def _add_entry(
    collection: ET.Element, track: Analysis, place: dict[str, str], style: KeyStyle
) -> None:
    titles = titles_of(track.path)
    entry = ET.SubElement(collection, "ENTRY", TITLE=cleaned(titles.title))
    ET.SubElement(entry, "LOCATION", place)
    if titles.artist:
        entry.set("ARTIST", cleaned(titles.artist))
    if titles.album:
        ET.SubElement(entry, "ALBUM", TITLE=cleaned(titles.album))
    seconds = track.duration
    info = ET.SubElement(
        entry, "INFO", PLAYTIME=str(round(seconds)), PLAYTIME_FLOAT=f"{seconds:.6f}"
    )
    if track.has_key:
        info.set("KEY", dj_key(track, style))
        ET.SubElement(entry, "MUSICAL_KEY", VALUE=str(musical_key(track.key)))


def musical_key(key: Key) -> int:
    """Traktor's number: 0-11 for C major to B major, 12-23 for C minor to B minor."""
    return key.tonic + (12 if key.mode == "minor" else 0)


def location(path: PurePath, boot_volume: str) -> dict[str, str]:
    """The parts of an absolute path: ``/:Music/:Techno/:``, ``a.mp3`` and the volume.

    The volume is a drive (``C:``) on Windows. On macOS, where ``boot_volume`` is the name of the
    disk that the system is on, it is a disk's name: ``/Volumes/USB/a.mp3`` is on ``USB``. On other
    systems, which Traktor does not run on, it is empty. A ``:`` in a name stays as it is.
    """
    volume, folders = path.drive or boot_volume, path.parts[1:-1]
    if boot_volume and len(folders) > 1 and path.is_relative_to(_VOLUMES):
        volume, folders = folders[1], folders[2:]
    folder = "".join(f"{_SEPARATOR}{name}" for name in folders) + _SEPARATOR
    return {"DIR": folder, "FILE": path.name, "VOLUME": volume}


def _boot_volume() -> str:
    """The name of the disk that macOS is on, which is a link to ``/``; empty on other systems."""
    if sys.platform != "darwin":
        return ""
    with os.scandir(_VOLUMES) as disks:
        return next((d.name for d in disks if os.path.realpath(d.path) == "/"), "Macintosh HD")
