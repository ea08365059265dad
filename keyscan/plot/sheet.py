"""A matplotlib figure to draw on, and the SVG or PNG file it becomes."""

from __future__ import annotations

import io
import logging
import sys
import unicodedata
import warnings
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from keyscan.errors import MissingPlotLibrary, PictureNotWritten
from keyscan.options import picture_format
from keyscan.output import check_writable, replaced, shown
from keyscan.plot.theme import Theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DOTS_PER_INCH = 150
_TITLE_SIZE, _FACTS_SIZE, _CAPTION_SIZE = 17.0, 12.5, 10.0  # points
_MARGIN = 0.02  # a share of the width
_GAP = 2 * "\N{EM SPACE}"  # SVG collapses plain spaces
_SETTINGS: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": (
        "DejaVu Sans",  # comes with matplotlib, and is wider than what may replace it in an SVG
        *("Verdana", "Noto Sans CJK JP", "Hiragino Sans", "Yu Gothic", "Microsoft YaHei"),
        *("Malgun Gothic", "Arial Unicode MS"),
    ),
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "text.parse_math": False,  # a dollar in a file's name is a dollar
    "svg.fonttype": "none",  # text that can be searched and read aloud, in any script
    "svg.hashsalt": "keyscan",
}


def check_picture(path: Path) -> None:
    """Check before the work whether a picture can be drawn and written to ``path``.

    Raises:
        UnknownPictureFormat: the name has another extension than ``.svg`` or ``.png``.
        PictureNotWritten: there can be no file at ``path``.
        MissingPlotLibrary: matplotlib cannot be imported.
    """
    picture_format(path)
    _import_library()
    try:
        check_writable(path)
    except OSError as error:
        raise _not_written(path, error) from error


@contextmanager
def sheet(theme: Theme, width: float, height: float) -> Iterator[Figure]:
    """An empty figure of ``width`` x ``height`` inches, to draw on and save in the block.

    It ignores the user's settings of matplotlib, needs no display, and restores matplotlib's
    state. Letters that no font has become boxes, without a warning.

    Raises:
        MissingPlotLibrary: matplotlib cannot be imported.
    """
    _import_library()
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with warnings.catch_warnings(), matplotlib.rc_context():
        warnings.simplefilter("ignore")
        matplotlib.rcdefaults()
        matplotlib.rcParams.update({
            **_SETTINGS, "text.color": theme.text, "axes.facecolor": theme.background,
            "axes.edgecolor": theme.line, "xtick.color": theme.line, "ytick.color": theme.line,
            "xtick.labelcolor": theme.muted, "ytick.labelcolor": theme.muted,
        })  # fmt: skip
        figure = Figure(figsize=(width, height), facecolor=theme.background, dpi=_DOTS_PER_INCH)
        FigureCanvasAgg(figure)
        yield figure


def save(figure: Figure, path: Path, title: str) -> None:
    """Write the figure to ``path``, as SVG or PNG by its extension, whole or not at all.

    The same figure makes the same bytes. ``title`` is for the file's metadata.

    Raises:
        UnknownPictureFormat: the name has another extension than ``.svg`` or ``.png``.
        PictureNotWritten: the system refuses.
    """
    kind = picture_format(path)
    mark = "Creator" if kind == "svg" else "Software"  # by which a later run may replace it
    own = {mark: "openkeyscan-analyzer", **({"Date": None} if kind == "svg" else {})}
    buffer = io.BytesIO()
    figure.savefig(buffer, format=kind, dpi=_DOTS_PER_INCH, metadata={"Title": title, **own})
    try:
        with replaced(path) as file:
            file.write(buffer.getbuffer())
    except OSError as error:
        raise _not_written(path, error) from error


def _not_written(path: Path, error: OSError) -> PictureNotWritten:
    return PictureNotWritten(f"{path} cannot be written: {error.strerror}")


def write_head(figure: Figure, name: str, facts: Sequence[str]) -> None:
    """The title, shortened if need be, and a line of facts below it."""
    width = figure.get_size_inches()[0] * 72
    title = shortened(name, _TITLE_SIZE, width * (1 - 2 * _MARGIN), bold=True)
    figure.text(_MARGIN, 0.95, title, size=_TITLE_SIZE, weight="bold", va="center")
    figure.text(_MARGIN, 0.9, _GAP.join(facts), size=_FACTS_SIZE, va="center")


def write_caption(axes: Axes, text: str, theme: Theme, *, right: bool = False) -> None:
    """A small line above ``axes``, at its left or right end."""
    axes.annotate(text, (1, 1) if right else (0, 1), (0, 4), xycoords="axes fraction",
                  textcoords="offset points", ha="right" if right else "left", va="bottom",
                  size=_CAPTION_SIZE, color=theme.muted)  # fmt: skip


def write_middle(
    axes: Axes, text: str, at: tuple[float, float], above: float, size: float, **style: Any
) -> None:
    """A text whose middle is ``above`` points above ``at``, a place in the axes' coordinates."""
    axes.annotate(text, at, (0, above), textcoords="offset points", ha="center", va="center",
                  rotation_mode="anchor", size=size, **style)  # fmt: skip


def points_across(axes: Axes) -> float:
    """The width of ``axes`` in points."""
    return axes.get_window_extent().width * 72 / axes.get_figure().dpi  # type: ignore[union-attr]


def text_width(text: str, size: float, *, bold: bool = False) -> float:
    """The width of a line in points, with room for wide letters of the reader's own fonts."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(family="sans-serif", size=size, weight="bold" if bold else "normal")
    wide = "".join("W" if unicodedata.east_asian_width(c) in "WF" else c for c in text)
    return max(
        float(text_to_path.get_text_width_height_descent(line, font, ismath=False)[0])
        for line in {text, wide}
    )


def shortened(text: str, size: float, room: float, *, bold: bool = False) -> str:
    """``text``, without its middle if it is wider than ``room`` points."""

    def cut(kept: int) -> str:
        tail = kept // 3
        return f"{text[: kept - tail].rstrip()}…{text[len(text) - tail :].lstrip()}"

    if text_width(text, size, bold=bold) <= room:
        return text
    some = range(1, len(text))
    return cut(bisect_right(some, room, key=lambda kept: text_width(cut(kept), size, bold=bold)))


def one_line(name: str) -> str:
    """``name`` as ``shown`` gives it, but for the two characters that no XML may hold."""
    return shown(name).translate(dict.fromkeys((0xFFFE, 0xFFFF), "\N{REPLACEMENT CHARACTER}"))


def _import_library() -> None:
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it warns of building its font cache
    try:
        import matplotlib.backends.backend_agg
        import matplotlib.backends.backend_svg
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        message = f"pictures need matplotlib ({error}): pip install matplotlib"
        if getattr(sys, "frozen", False):
            message = (
                "the app draws no pictures: --plot needs the analyzer run by Python, "
                "with matplotlib installed"
            )
        raise MissingPlotLibrary(message) from None
