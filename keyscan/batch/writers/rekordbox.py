"""A collection for rekordbox: "File > Library > Import rekordbox xml".

Source: AlphaTheta, "rekordbox XML format list" (rekordbox for developers).
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import PurePath

from keyscan import __version__
from keyscan.batch.results import analyses
from keyscan.batch.writers.report import Report, absolute, cleaned, dj_key, xml_text
from keyscan.batch.writers.titles import titles_of

_NAME = "openkeyscan-analyzer"


def rekordbox_xml(report: Report) -> Iterator[str]:
    """The files that have been analysed, and a playlist of them in this order.

    A track without a key has an empty ``Tonality``, one without tags an empty ``Artist``.
    """
    tracks = analyses(report.results)
    root = ET.Element("DJ_PLAYLISTS", Version="1.0.0")
    ET.SubElement(root, "PRODUCT", Name=_NAME, Version=__version__, Company="OpenKeyScan")
    collection = ET.SubElement(root, "COLLECTION", Entries=str(len(tracks)))
    folder = ET.SubElement(
        ET.SubElement(root, "PLAYLISTS"), "NODE", Type="0", Name="ROOT", Count="1"
    )
    playlist = ET.SubElement(
        folder, "NODE", Name=_NAME, Type="1", KeyType="0", Entries=str(len(tracks))
    )
    for number, track in enumerate(tracks, 1):
        titles = titles_of(track.path)
        ET.SubElement(
            collection,
            "TRACK",
            TrackID=str(number),
            Name=cleaned(titles.title),
            Artist=cleaned(titles.artist),
            Album=cleaned(titles.album),
            TotalTime=str(round(track.duration)),
            Location=location(absolute(track.path)),
            Tonality=dj_key(track, report.style),
        )
        ET.SubElement(playlist, "TRACK", Key=str(number))
    yield xml_text(root)


def location(path: PurePath) -> str:
    """The URL of an absolute path: ``file://localhost/C:/Music/a%20b.mp3``.

    Bytes that are not ASCII are percent-encoded, also where they are not UTF-8. A folder that
    Windows shares keeps its server: ``file://localhost//server/share/a.mp3``.
    """
    url = path.as_uri().removeprefix("file:")
    return f"file://localhost{url.removeprefix('//') if url.startswith('///') else url}"
