"""The page's file: the template with its style, its script and its data, written whole."""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path
from string import Template

from keyscan.errors import DamagedInstallation, PageNotWritten
from keyscan.keys import KeyStyle
from keyscan.output import check_writable, replaced, shown
from keyscan.page.data import Entry, page_data
from keyscan.stdio import write_all

_FOLDER = Path(__file__).parent
_SCRIPTS = ("library", "elements", "table", "wheel", "details", "page")  # in this order


def check_page(path: Path) -> None:
    """Check before the work whether a page can be written to ``path``.

    Raises:
        DamagedInstallation: a file that makes the page is missing.
        PageNotWritten: there can be no file.
    """
    page_text("", [], KeyStyle())
    try:
        check_writable(path)
    except OSError as error:
        raise _not_written(path, error) from error


def write_page(
    path: Path, title: str, entries: Sequence[Entry], style: KeyStyle, not_reached: int = 0
) -> None:
    """Write the page of a library to ``path``, whole or not at all.

    ``title`` is its heading; ``style`` is how keys are written; ``not_reached`` is the number of
    files that the run was stopped before.

    Raises:
        DamagedInstallation: a file that makes the page is missing.
        PageNotWritten: the system refuses.
    """
    text = page_text(title, entries, style, not_reached)
    try:
        with replaced(path) as file:
            write_all(file.fileno(), text.encode())
    except OSError as error:
        raise _not_written(path, error) from error


def page_text(title: str, entries: Sequence[Entry], style: KeyStyle, not_reached: int = 0) -> str:
    """The page as text, the same for the same library; the parameters are those of ``write_page``.

    Raises:
        DamagedInstallation: a file that makes the page is missing.
    """
    return Template(_packaged("page.html")).substitute(
        title=html.escape(shown(title)),
        style=_packaged("page.css"),
        script="\n".join(_packaged(f"{name}.js") for name in _SCRIPTS),
        data=page_data(entries, style, not_reached),
    )


def _packaged(name: str) -> str:
    path = _FOLDER / name
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise DamagedInstallation(
            f"{path}: {error.strerror}: install the analyzer again"
        ) from error


def _not_written(path: Path, error: OSError) -> PageNotWritten:
    return PageNotWritten(f"{path} cannot be written: {error.strerror}")
