"""JSON: one document, or a line for each file."""

from __future__ import annotations

import json
from collections.abc import Iterator

from keyscan.analysis import Analysis, Message, key_fields, tag_fields
from keyscan.batch.results import Result
from keyscan.batch.writers.report import Report, reply
from keyscan.keys import KeyStyle


def json_document(report: Report) -> Iterator[str]:
    """``{"tracks": [...], "summary": {...}}``, a line a track: the server's reply, and the path.

    All characters are ASCII. The byte ``0xff`` of a name that is not UTF-8 is ``"\\udcff"``, as in
    Python's ``json`` and ``os``.
    """
    yield '{"tracks": [\n'
    for number, result in enumerate(report.results, 1):
        text = json.dumps(track_fields(result, report.style))
        yield text + (",\n" if number < len(report.results) else "\n")
    yield f'],\n"summary": {json.dumps(report.summary.fields())}}}\n'


def ndjson_lines(report: Report) -> Iterator[str]:
    """A line for each file, failures too: the same objects as in the document, without summary."""
    for result in report.results:
        yield json.dumps(track_fields(result, report.style)) + "\n"


def track_fields(result: Result, style: KeyStyle) -> Message:
    """One of the ``tracks`` of the document."""
    fields = {"path": result.path, **reply(result, style)}
    if isinstance(result, Analysis):
        fields["compatible"] = [
            {**key_fields(key, style), "relation": relation}
            for key, relation in result.compatible.items()
        ]
        fields |= tag_fields(result)
    return fields
