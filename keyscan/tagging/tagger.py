"""The key in a file's tags is read, compared with the one found, and written if that is wanted."""

from __future__ import annotations

import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from keyscan.analysis import Analysis, KeyTag, TagChange
from keyscan.errors import AnalysisError, MissingTagLibrary, NoTagsPossible, TagError
from keyscan.output import shown
from keyscan.tagging.notation import key_text
from keyscan.tagging.options import TagOptions
from keyscan.tagging.replacing import edited, require_replaceable

if TYPE_CHECKING:  # mutagen, which may be missing
    from keyscan.tagging.container import Fields, Found


_OTHER_LINKS = "its other hard links keep the old content"


def open_tagger(options: TagOptions | None) -> Tagger | None:
    """What reads tags, and writes them if there are ``options``; None: only mutagen could.

    Raises:
        MissingTagLibrary: tags are to be written, and mutagen cannot be imported.
    """
    try:
        import mutagen  # noqa: F401
    except ImportError as error:
        if options is None:
            return None
        text = f"tags need mutagen ({error}): pip install mutagen"
        if getattr(sys, "frozen", False):
            text = "this app is built without mutagen, which writes tags: use the Python package"
        raise MissingTagLibrary(text) from error
    return Tagger(options)


class Tagger:
    """For one thread at a time."""

    def __init__(self, options: TagOptions | None) -> None:
        """``options`` None: tags are only read."""
        self._options = options

    def tagged(self, analysis: Analysis) -> Analysis:
        """``analysis`` with the key in the tags of its file, which is written if it is to be."""
        return replace(analysis, tag=self._tag(analysis))

    def _tag(self, analysis: Analysis) -> KeyTag | None:
        from keyscan.tagging.container import Fields, Found
        from keyscan.tagging.fields import read_fields

        path, options, refused = analysis.path, self._options, None
        try:
            found = read_fields(path)
        except (AnalysisError, OSError, TagError) as error:
            found, refused = Found(), error
        if options is None:
            return None if refused else KeyTag(found.key)
        if not analysis.tonal or analysis.confidence < options.min_confidence:
            return KeyTag(found.key, "unsure")
        if refused:
            return _refused(refused)
        new = _to_write(analysis, found, options)
        if new == Fields():
            text = key_text(analysis.key, options.notation, options.spelling, found.longest)
            return KeyTag(found.key, "same" if found.key == text else "kept")
        try:
            links = Path(path).stat().st_nlink
            _write(path, new, options)
        except (AnalysisError, OSError, TagError) as error:
            return replace(_refused(error), text=found.key)
        change: TagChange = "to_write" if options.dry_run else "written"
        reason = _OTHER_LINKS if links > 1 and not options.dry_run else None
        return KeyTag(found.key, change, new.key, new.comment, reason, found.keys, found.comments)


def _to_write(analysis: Analysis, found: Found, options: TagOptions) -> Fields:
    """The fields that change: where there is nothing, or something else that may be replaced."""

    def new(old: str | None, longest: int | None) -> str | None:
        text = key_text(analysis.key, options.notation, options.spelling, longest)
        return text if old is None or (options.overwrite and old != text) else None

    from keyscan.tagging.container import Fields

    comment = new(found.comment, None) if options.comment else None
    return Fields(new(found.key, found.longest), comment)


def _write(path: str, fields: Fields, options: TagOptions) -> None:
    from keyscan.tagging.fields import write_fields

    if options.dry_run:  # what cannot be written is known when it is
        require_replaceable(Path(path))
        with tempfile.TemporaryFile() as file:
            write_fields(path, file, fields)
        return
    with edited(Path(path), keep_times=options.keep_times) as file:
        write_fields(path, file, fields)


def _refused(error: Exception) -> KeyTag:
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
    change: TagChange = "not_possible" if isinstance(error, NoTagsPossible) else "failed"
    return KeyTag(None, change, reason=reason)


def change_line(analysis: Analysis) -> str:
    """What was done with the tags of a file, for people; empty if they stay as they were."""
    tag, path = analysis.tag, shown(analysis.path)
    if tag is None or tag.change is None:
        return ""
    if tag.change in ("written", "to_write"):
        done = "tagged" if tag.change == "written" else "would tag"
        texts = [
            f"{name} {new} instead of {', '.join(map(shown, old))}" if old else f"{name} {new}"
            for name, new, old in (
                ("key", tag.written, tag.old_keys), ("comment", tag.comment, tag.old_comments)
            )
            if new
        ]  # fmt: skip
        reason = f" ({tag.reason})" if tag.reason else ""
        return f"{done}: {path}: {', '.join(texts)}{reason}\n"
    if tag.reason is not None:
        return f"not tagged: {path}: {shown(tag.reason)}\n"
    return ""
