"""Which files the results of a run may replace."""

from __future__ import annotations

import codecs
import contextlib
import os
import re
import stat
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from keyscan.cache.ownership import COMPANIONS, LOCK
from keyscan.errors import TargetRefused
from keyscan.options import AnalyzeOptions, picture_format

_HEAD = 8000  # bytes, of which git decides in the same way whether a file is text
_CONTROL = re.compile("[\0-\x08\x0e-\x1a\x1c-\x1f]")
_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_TITLE = slice(37, 47), (b"tEXtTitle\0", b"iTXtTitle\0")  # where ours have it, and few others
_SVG_CREATOR = b"openkeyscan-analyzer"


def check_targets(options: AnalyzeOptions, inputs: Iterable[str]) -> None:
    """Check that to write the results costs no other file.

    A file at the path of ``--output`` or ``--plot`` is replaced if an earlier run may have written
    it: if it is empty, text for ``--output``, or a picture of this program for ``--plot``. The
    inputs of this run, its model and its cache are never replaced, by whatever name or link they
    are reached. ``inputs`` are the paths of all files of this run.

    Raises:
        TargetRefused: a file is not to be replaced; the message names it.
    """
    inputs = list(inputs)
    taken: dict[str, str] = {}
    if options.engine.cache is not None:
        for suffix in ("", *COMPANIONS, LOCK):
            taken[_folded(options.engine.cache + suffix)] = "that is the cache"
    if options.engine.model.path is not None:
        inputs.append(str(options.engine.model.path))
    for option, path in (("--output", options.output), ("--plot", options.plot)):
        if path is None:
            continue
        reason = taken.get(_folded(str(path))) or _reason(path, options, inputs)
        if reason:
            raise TargetRefused(f"{option} {path}: {reason}")
        taken[_folded(str(path))] = "--output is the same file"


def _folded(path: str) -> str:
    """The same for two names that are the same file on any system, links resolved."""
    return unicodedata.normalize("NFC", os.path.realpath(path)).casefold()


def _reason(path: Path, options: AnalyzeOptions, inputs: Iterable[str]) -> str:
    """Why the file at ``path`` is not to be replaced, empty if it may be."""
    try:
        status = path.stat()
    except OSError:
        return ""  # there is none, or writing tells what is wrong
    if stat.S_ISBLK(status.st_mode):
        return "that is a drive"
    if not stat.S_ISREG(status.st_mode):
        return ""
    for other in inputs:
        with contextlib.suppress(OSError, ValueError):
            if os.path.samestat(status, os.stat(other)):  # noqa: PTH116 - names stay as they are
                return "that is an input of this run"
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if path == options.output:
        expected, fits = "text", _is_text(head)
    else:
        expected, fits = "a picture of this program", _is_own_picture(path, head)
    if head and not fits:
        return f"there is a file that is not {expected}; delete it, or choose another name"
    return ""


def _is_own_picture(path: Path, head: bytes) -> bool:
    """Whether the start of a file is that of a picture as ``--plot`` draws it."""
    if picture_format(path) == "svg":
        return _is_text(head) and _SVG_CREATOR in head
    place, titles = _PNG_TITLE
    return head.startswith(_PNG) and head[place] in titles


def _is_text(head: bytes) -> bool:
    """Whether the start of a file has no control characters, in UTF-8 or what a shell wrote."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        with contextlib.suppress(UnicodeDecodeError):
            decoder = codecs.getincrementaldecoder("utf-16")()  # the end may be cut
            return not _CONTROL.search(decoder.decode(head))
        return False
    return not _CONTROL.search(head.decode("latin-1"))
