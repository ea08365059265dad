"""The results of a run as text: one writer for each ``--format``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from keyscan.batch.documents import table
from keyscan.batch.results import analyses
from keyscan.batch.writers.csv_rows import csv_lines
from keyscan.batch.writers.json_documents import json_document, ndjson_lines
from keyscan.batch.writers.playlist import m3u_lines
from keyscan.batch.writers.rekordbox import rekordbox_xml
from keyscan.batch.writers.report import Report
from keyscan.batch.writers.traktor import traktor_nml
from keyscan.options import OutputFormat

Writer = Callable[[Report], Iterator[str]]
"""Gives the text in parts. ``batch/earlier.py`` knows the start of each, to replace it later."""


def _table(report: Report) -> Iterator[str]:
    lines = table(analyses(report.results), report.style, report.width, report.paint)
    return (f"{line}\n" for line in lines)


WRITERS: Mapping[OutputFormat, Writer] = MappingProxyType(
    {
        "table": _table,
        "csv": csv_lines,
        "json": json_document,
        "ndjson": ndjson_lines,
        "m3u": m3u_lines,
        "rekordbox-xml": rekordbox_xml,
        "traktor-nml": traktor_nml,
    }
)
