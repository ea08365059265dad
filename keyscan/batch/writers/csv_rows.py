"""CSV (RFC 4180): a header, and a line for each file."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from keyscan.analysis import Analysis, Message
from keyscan.batch.results import Result
from keyscan.batch.tags import TAG_COLUMNS, tag_cells
from keyscan.batch.writers.report import Report, reply
from keyscan.keys import KeyStyle

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")

CSV_COLUMNS = (
    *("path", "status", "camelot", "openkey", "key", "confidence", "tonal"),
    *(f"alternative_{n}{part}" for n in (1, 2, 3) for part in ("", "_confidence")),
    *("tuning_cents", "duration", "compatible", "warnings", "cached"),
    *("intro_key", "outro_key", "timeline", "code", "error", "changes_key"),
    *TAG_COLUMNS,
    "analysed_seconds",
)
"""The header; ``compatible`` and ``timeline`` hold several keys in Camelot, separated by ``;``."""
_OF_A_KEY = ("camelot", "openkey", "key", "confidence")  # empty cells for drums, speech and noise
_NOTHING = "-"


def csv_lines(report: Report) -> Iterator[str]:
    """A header and a line a file, failures too."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, CSV_COLUMNS, restval="", extrasaction="ignore")
    writer.writeheader()
    yield text.getvalue()
    for result in report.results:
        text.seek(0)
        text.truncate()
        writer.writerow(_cells(result, report.style))
        yield text.getvalue()


def _cells(result: Result, style: KeyStyle) -> Message:
    cells = {**reply(result, style), "path": harmless(result.path)}
    cells["warnings"] = ";".join(warning["code"] for warning in cells["warnings"])
    if not isinstance(result, Analysis):
        return cells
    cells["compatible"] = ";".join(key.camelot for key in result.compatible)
    for name in ("tonal", "changes_key", "cached"):
        cells[name] = "true" if cells[name] else "false"
    cells |= tag_cells(result)
    if result.tonal:
        for number, other in enumerate(cells["alternatives"], 1):
            cells[f"alternative_{number}"] = other["camelot"]
            cells[f"alternative_{number}_confidence"] = other["confidence"]
    else:
        cells |= dict.fromkeys(_OF_A_KEY, "")
    if result.timeline is not None:
        for name in ("intro_key", "outro_key"):
            cells[name] = cells[name]["camelot"]
        cells["timeline"] = ";".join(
            f"{part['start']}-{part['end']} {part['camelot'] or _NOTHING}"
            for part in cells["timeline"]
        )
    return cells


def harmless(path: str) -> str:
    """The same file by a name that no spreadsheet reads as a formula: ``./=1+1.mp3``.

    Source: OWASP, "CSV Injection".
    """
    return f"./{path}" if path.startswith(_FORMULA) else path
