"""An extended M3U8 playlist."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath

from keyscan.batch.results import analyses
from keyscan.batch.writers.report import Report, absolute
from keyscan.output import shown


def m3u_lines(report: Report) -> Iterator[str]:
    """The files that have been analysed, each with its length and key, in UTF-8."""
    yield "#EXTM3U\n# made by openkeyscan-analyzer\n"  # by which a later run knows it
    for track in analyses(report.results):
        key = f"{report.style.code(track.key)} " if track.has_key else ""
        title = shown(PurePath(track.path).stem)
        yield f"#EXTINF:{round(track.duration)},{key}{title}\n"
        yield f"{_location(absolute(track.path))}\n"


def _location(path: PurePath) -> str:
    """The path, or a ``file:`` URI where a line of UTF-8 cannot hold that."""
    text = str(path)
    line = text.encode(errors="ignore").decode().strip()
    return text if line.splitlines() == [text] else path.as_uri()
