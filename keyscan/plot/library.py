"""A library as a picture: the number of tracks in each key, doubtful ones, and failures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from keyscan.analysis import DOUBTFUL, Analysis
from keyscan.keys import Key, KeyStyle
from keyscan.options import ThemeName
from keyscan.output import percent
from keyscan.plot.sheet import one_line, save, sheet, write_caption, write_head
from keyscan.plot.theme import THEMES, Theme
from keyscan.plot.wheel import Bar, Cell, draw_bars, draw_wheel, rings, write_hub

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_STYLE = KeyStyle()
_WIDTH, _HEIGHT = 12.0, 7.6  # inches
_WHEEL = (0.02, 0.02, 0.53, 0.80)  # this and what follows: shares of the width or the height
_BARS_LEFT, _BARS_TOP, _BARS_ACROSS = 0.60, 0.82, 0.38
_LINE = 0.048  # the height of a bar with its share of the space between bars
_LEAST_BOTTOM = 0.02
_CODE_SIZE = 12.0  # points
_MOST_KEYS = 10
_LINES_BETWEEN = 2  # the space between the two lists of bars


@dataclass(frozen=True)
class Census:
    """The tracks of a library, counted: by key where there is one, by error code where not.

    ``keys`` counts doubtful ones, too; ``unsure`` are tracks whose key is withheld.
    """

    keys: Counter[Key]
    doubtful: Counter[Key]
    not_tonal: int
    failed: Counter[str]
    unsure: int = 0

    @classmethod
    def of(cls, analyses: Sequence[Analysis], failures: Sequence[str]) -> Census:
        """``failures`` are error codes, one for each failed file."""
        tonal = sorted((a for a in analyses if a.has_key), key=lambda a: a.key.class_id)
        return cls(
            keys=Counter(analysis.key for analysis in tonal),
            doubtful=Counter(analysis.key for analysis in tonal if analysis.is_doubtful),
            not_tonal=sum(not analysis.tonal for analysis in analyses),
            failed=Counter(failures),
            unsure=sum(analysis.withheld for analysis in analyses),
        )

    @property
    def total(self) -> int:
        return self.keys.total() + self.unsure + self.not_tonal + self.failed.total()


def draw_library(
    path: Path,
    name: str,
    analyses: Sequence[Analysis],
    failures: Sequence[str] = (),
    theme: ThemeName = "light",
    style: KeyStyle = _STYLE,
) -> None:
    """Draw the number of tracks in each key into ``path``, an SVG or a PNG by its extension.

    ``name`` is the title; ``failures`` are error codes, one for each failed file; ``style`` is how
    keys are written.

    Raises:
        PlotError: the picture cannot be drawn or written; the class says why.
    """
    name = one_line(name)
    colours = THEMES[theme]
    with sheet(colours, _WIDTH, _HEIGHT) as figure:
        compose_library(figure, name, Census.of(analyses, failures), colours, style)
        save(figure, path, name)


def compose_library(
    figure: Figure, name: str, census: Census, theme: Theme, style: KeyStyle
) -> None:
    """Put everything onto a sheet; see ``draw_library``."""
    tracks = f"{census.total:,} {'track' if census.total == 1 else 'tracks'}"
    write_head(figure, name, [tracks, f"{census.keys.total():,} with a key"])
    _draw_keys(figure.add_axes(_WHEEL), census, theme, style)
    outcomes = _outcomes(census, theme)
    lines = len(outcomes) + _LINES_BETWEEN + _MOST_KEYS
    line = min(_LINE, (_BARS_TOP - _LEAST_BOTTOM) / lines)  # narrower for many reasons of failures

    def column(first: int, count: int) -> Axes:
        bottom = _BARS_TOP - (first + count) * line
        return figure.add_axes((_BARS_LEFT, bottom, _BARS_ACROSS, count * line))

    write_caption(upper := column(0, len(outcomes)), "How sure the keys are", theme)
    draw_bars(upper, outcomes, len(outcomes), theme)
    _draw_most_common(column(lines - _MOST_KEYS, _MOST_KEYS), census, theme, style)


def _draw_keys(axes: Axes, census: Census, theme: Theme, style: KeyStyle) -> None:
    most = max(census.keys.values(), default=1)
    cells = {
        key: Cell(count / most, census.doubtful[key] / most, f"{count:,}")
        for key, count in census.keys.items()
    }
    write_caption(axes, "Tracks by key", theme)
    write_caption(axes, rings(style), theme, right=True)
    draw_wheel(axes, cells, theme, style, _CODE_SIZE)
    write_hub(axes, f"{census.keys.total():,}", "in a key")


def _outcomes(census: Census, theme: Theme) -> list[Bar]:
    """What became of the tracks, and below that the failures by code, all of them."""
    colour = theme.fainter(theme.muted, 0.45)
    doubtful = census.doubtful.total()
    total = census.total or 1

    def bar(label: str, words: str, count: int, hatched: int = 0) -> Bar:
        return Bar(label, words, _counted(count, total), colour, count / total, hatched / total)

    return [
        bar("likely", f"{percent(DOUBTFUL)} or more", census.keys.total() - doubtful),
        bar("doubtful", f"below {percent(DOUBTFUL)}, hatched", doubtful, doubtful),
        *([bar("unsure", "below --min-confidence", census.unsure)] if census.unsure else []),
        bar("not tonal", "drums, speech, noise", census.not_tonal),
        bar("failed", "", census.failed.total()),
        *(bar("", code, count) for code, count in census.failed.most_common()),
    ]


def _draw_most_common(axes: Axes, census: Census, theme: Theme, style: KeyStyle) -> None:
    bars = []
    for key, count in census.keys.most_common(_MOST_KEYS):
        most = max(census.keys.values())
        value = _counted(count, census.keys.total())
        words, colour = key.name(style.spelling), theme.colour(key)
        shares = count / most, census.doubtful[key] / most
        bars.append(Bar(style.code(key), words, value, colour, *shares))
    if bars:
        write_caption(axes, "Most common keys", theme)
    draw_bars(axes, bars, _MOST_KEYS, theme)


def _counted(count: int, total: int) -> str:
    return f"{count:,} ({percent(count / total)})"
