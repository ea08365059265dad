"""Which files the results of a run may replace."""

from __future__ import annotations

import contextlib
import os
import stat
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from keyscan.batch.earlier import HEAD, is_own_output
from keyscan.cache.ownership import COMPANIONS, LOCK
from keyscan.errors import TargetRefused
from keyscan.options import AnalyzeOptions


def check_targets(options: AnalyzeOptions, inputs: Iterable[str]) -> None:
    """Check that to write the results costs no other file.

    A file at the path of ``--output``, ``--plot`` or ``--html`` is replaced if it is empty or an
    earlier output of this program, in any of its formats. The inputs of this run, its model and its
    cache are never replaced, nor what links to them. ``inputs`` are the paths of all files of this
    run.

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
    targets = {"--output": options.output, "--plot": options.plot, "--html": options.html}
    for option, path in targets.items():
        if path is None:
            continue
        reason = taken.get(_folded(str(path))) or _reason(path, inputs)
        if reason:
            raise TargetRefused(f"{option} {path}: {reason}")
        taken[_folded(str(path))] = f"{option} is the same file"


def _folded(path: str) -> str:
    """The same for two names that are the same file on any system, links resolved."""
    return unicodedata.normalize("NFC", os.path.realpath(path)).casefold()


def _reason(path: Path, inputs: Iterable[str]) -> str:
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
        head = file.read(HEAD)
    if head and not is_own_output(head):
        return (
            "there is a file that is no output of this program; delete it, or choose another name"
        )
    return ""
