"""What is made of the answers: table, JSON, CSV or playlist, and the summary."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence

from keyscan.analyze.documents import csv_lines, json_document
from keyscan.analyze.playlist import m3u_lines
from keyscan.analyze.progress import terminal_width
from keyscan.analyze.session import Batch
from keyscan.analyze.summary import Summary, summarize
from keyscan.analyze.table import table
from keyscan.analyze.tracks import Track, ordered
from keyscan.output import replaced, write_text
from keyscan.server.style_options import key_style


def write_results(options: argparse.Namespace, batch: Batch, stdout: int) -> Summary:
    """Write what ``options`` ask for to the descriptor ``stdout`` or the file that they name.

    Raises:
        OSError: it cannot be written.
    """
    tracks = batch.tracks
    summary = summarize(
        tracks,
        files=len(batch.found),
        seconds=batch.seconds,
        leave_out_cached=options.changed_only,
    )
    if options.changed_only:
        tracks = [track for track in tracks if not (track.analysed and track.cached)]
    tracks = ordered(tracks, options.sort)
    if options.output is None:
        if os.name != "nt":
            os.set_blocking(stdout, True)  # whoever shares the pipe with us may have changed that
        stream = os.fdopen(stdout, "wb", buffering=0, closefd=False)
        write_text(_text(options, tracks, summary, terminal_width(stdout)), stream)
    else:
        with replaced(options.output) as file:
            write_text(_text(options, tracks, summary, terminal_width(file.fileno())), file)
    return summary


def _text(
    options: argparse.Namespace, tracks: Sequence[Track], summary: Summary, width: int | None
) -> Iterator[str]:
    style = key_style(options)
    if options.format == "json":
        return json_document(tracks, summary, style)
    if options.format == "csv":
        return csv_lines(tracks)
    if options.format == "m3u":
        return m3u_lines(tracks, style)
    return (f"{line}\n" for line in table(tracks, style, width))
