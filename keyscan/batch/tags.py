"""The keys in the tags of files, for the table, for CSV and for the summary of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from keyscan.analysis import Analysis, Message, TagChange, tag_fields
from keyscan.output import columns, fitted, percent, shown

TAG_COLUMNS = ("tag", "tag_agrees", "tag_change", "tag_written")
"""Of CSV: the text in the tag as it was, ``true`` or ``false``, a ``TagChange``, the new text."""
OTHER_KEY = "≠"
"""Marks a track in whose tags there is another key."""

_LONGEST = len("F#/Gb minor")  # columns of the table
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")  # to spreadsheets (OWASP, "CSV Injection")
_CHANGES: dict[TagChange, str] = {
    "written": "written",
    "to_write": "would be written",
    "same": "there already",
    "kept": "kept as they were (see --overwrite)",
    "unsure": "not sure enough (see --min-confidence)",
    "not_possible": "not possible",
    "failed": "failed",
}


def tag_text(analysis: Analysis, nothing: str) -> str:
    """The key in the tags of a track, for the table; ``nothing`` where there is none."""
    text = shown((analysis.tag and analysis.tag.text) or nothing)
    return fitted(text, min(columns(text), _LONGEST))


def tag_cells(analysis: Analysis) -> Message:
    """The cells of ``TAG_COLUMNS`` that are not empty."""
    tag = tag_fields(analysis).get("tag")
    if tag is None:
        return {}
    text = tag["key"] or ""
    return {
        "tag": f"'{text}" if text.startswith(_FORMULA) else text,
        "tag_agrees": {None: "", True: "true", False: "false"}[tag["agrees"]],
        "tag_change": tag.get("change", ""),
        "tag_written": tag.get("written") or "",
    }


def tag_counts(analysed: Sequence[Analysis]) -> dict[str, int]:
    """``keys`` that were found in tags, how many ``agree``, and files by ``TagChange``; no zeros.

    ``agree`` is there if there are ``keys``.
    """
    agreements = [analysis.agrees_with_tag for analysis in analysed]
    keys = sum(agrees is not None for agrees in agreements)
    counts = {"keys": keys, "agree": agreements.count(True)} if keys else {}
    changes = Counter(analysis.tag.change for analysis in analysed if analysis.tag)
    return counts | {change: changes[change] for change in _CHANGES if changes[change]}


def tag_lines(counts: Mapping[str, int]) -> Iterator[str]:
    """What ``tag_counts`` gave, for people."""
    changes = [
        f"{counts[change]:,} {text}" for change, text in _CHANGES.items() if change in counts
    ]
    if changes:
        yield f"tags: {', '.join(changes)}"
    if keys := counts.get("keys"):
        share = percent(counts["agree"] / keys)
        verb = "agrees" if counts["agree"] == 1 else "agree"
        yield f"keys found in tags: {keys:,}, of which {counts['agree']:,} {verb} ({share})"
