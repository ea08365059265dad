"""A library as a picture: the number of tracks in each key, doubtful ones, and failures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from keyscan.analysis import DOUBTFUL, Analysis
from keyscan.keys import KEYS, Key, KeyStyle
from keyscan.options import ThemeName
from keyscan.output import percent
from keyscan.plot.bars import Bar, draw_bars
from keyscan.plot.sheet import one_line, save, sheet, write_caption, write_head
from keyscan.plot.theme import THEMES, Theme
from keyscan.plot.wheel import Cell, draw_wheel, rings, write_hub

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_STYLE = KeyStyle()
_WIDTH, _HEIGHT = 12.0, 7.6  # inches
_WHEEL = (0.02, 0.02, 0.53, 0.80)  # this and what follows: shares of the width or the height
_BARS = ((0.60, 0.59, 0.38, 0.23), (0.60, 0.035, 0.38, 0.48))  # outcomes, keys
_CODE_SIZE = 12.0  # points
_MOST_KEYS = 10


@dataclass(frozen=True)
class Census:
    """The tracks of a library, counted: by key where there is one, by error code where not."""

    sure: Counter[Key]
    doubtful: Counter[Key]
    not_tonal: int
    failed: Counter[str]

    @classmethod
    def of(cls, analyses: Sequence[Analysis], failures: Sequence[str]) -> Census:
        """``failures`` are error codes, one for each failed file."""
        tonal = [analysis for analysis in analyses if analysis.tonal]
        return cls(
            sure=Counter(analysis.key for analysis in tonal if not analysis.is_doubtful),
            doubtful=Counter(analysis.key for analysis in tonal if analysis.is_doubtful),
            not_tonal=len(analyses) - len(tonal),
            failed=Counter(failures),
        )

    @property
    def with_key(self) -> int:
        return self.sure.total() + self.doubtful.total()

    @property
    def total(self) -> int:
        return self.with_key + self.not_tonal + self.failed.total()

    @property
    def most(self) -> int:
        """The number of tracks in the most common key."""
        return max(map(self.count, KEYS))

    def count(self, key: Key) -> int:
        """The number of tracks in a key, doubtful ones too."""
        return self.sure[key] + self.doubtful[key]


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
    tracks = "track" if census.total == 1 else "tracks"
    facts = [f"{census.total:,} {tracks}", f"{census.with_key:,} with a key"]
    write_head(figure, name, facts)
    _draw_keys(figure.add_axes(_WHEEL), census, theme, style)
    _draw_outcomes(figure.add_axes(_BARS[0]), census, theme)
    _draw_most_common(figure.add_axes(_BARS[1]), census, theme, style)


def _draw_keys(axes: Axes, census: Census, theme: Theme, style: KeyStyle) -> None:
    cells = {
        key: Cell(
            filled=census.count(key) / census.most,
            doubtful=census.doubtful[key] / census.most,
            note=f"{census.count(key):,}",
        )
        for key in KEYS
        if census.count(key)
    }
    write_caption(axes, "Tracks by key", theme)
    write_caption(axes, rings(style), theme, right=True)
    draw_wheel(axes, cells, theme, style, _CODE_SIZE)
    write_hub(axes, f"{census.with_key:,}", "in a key", theme)


def _draw_outcomes(axes: Axes, census: Census, theme: Theme) -> None:
    colour = theme.fainter(theme.muted, 0.45)
    sure, doubtful = census.sure.total(), census.doubtful.total()
    codes = [f"{code} {count:,}" for code, count in census.failed.most_common(1)]
    if len(census.failed) > 1:
        codes.append("…")
    total = census.total or 1

    def bar(label: str, words: str, count: int, hatched: int = 0) -> Bar:
        value = f"{count:,} ({percent(count / total)})"
        return Bar(label, words, value, colour, count / total, hatched / total)

    write_caption(axes, "How sure the keys are", theme)
    bars = [
        bar("likely", f"{percent(DOUBTFUL)} or more", sure),
        bar("doubtful", f"below {percent(DOUBTFUL)}, hatched", doubtful, doubtful),
        bar("not tonal", "drums, speech, noise", census.not_tonal),
        bar("failed", ", ".join(codes), census.failed.total()),
    ]
    draw_bars(axes, bars, len(bars), theme)


def _draw_most_common(axes: Axes, census: Census, theme: Theme, style: KeyStyle) -> None:
    keys = sorted((key for key in KEYS if census.count(key)), key=lambda key: -census.count(key))
    if keys:
        write_caption(axes, "Most common keys", theme)
    bars = [
        Bar(
            style.code(key),
            key.name(style.spelling),
            f"{census.count(key):,} ({percent(census.count(key) / census.with_key)})",
            theme.colour(key),
            census.count(key) / census.most,
            census.doubtful[key] / census.most,
        )
        for key in keys[:_MOST_KEYS]
    ]
    draw_bars(axes, bars, _MOST_KEYS, theme)
