"""A list with a bar on each line: a label, words, and a value in figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from keyscan.plot.sheet import shortened, text_width
from keyscan.plot.theme import Theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SIZE = 10.0  # points, as is all that follows
_SPACE = 10.0
_WIDEST = 150.0  # of the words; longer ones are shortened
_THICKNESS = 0.62  # of a line


@dataclass(frozen=True)
class Bar:
    """``label`` and ``words`` are in front of the bar, ``value`` is behind it.

    ``filled`` is the coloured share of the bar, 0 to 1; its last ``doubtful`` part is hatched.
    """

    label: str
    words: str
    value: str
    colour: str
    filled: float
    doubtful: float = 0.0


def draw_bars(axes: Axes, bars: Sequence[Bar], lines: int, theme: Theme) -> None:
    """Draw ``bars`` one below the other into ``axes``, which have room for ``lines``."""
    axes.set_axis_off()
    width = axes.get_window_extent().width * 72 / axes.get_figure().dpi  # type: ignore[union-attr]
    axes.set_xlim(0, width)
    axes.set_ylim(lines - 0.5, -0.5)
    words = [shortened(bar.words, _SIZE, _WIDEST) for bar in bars]
    labels_end = max((text_width(bar.label, _SIZE, bold=True) for bar in bars), default=0.0)
    words_start = labels_end + _SPACE
    start = words_start + max((text_width(text, _SIZE) for text in words), default=0.0) + _SPACE
    end = width - max((text_width(bar.value, _SIZE) for bar in bars), default=0.0) - _SPACE
    for line, (bar, text) in enumerate(zip(bars, words, strict=True)):
        axes.text(0, line, bar.label, size=_SIZE, weight="bold", va="center")
        axes.text(words_start, line, text, size=_SIZE, va="center")
        axes.text(width, line, bar.value, size=_SIZE, ha="right", va="center")
        _draw_bar(axes, line, start, end - start, bar, theme)


def _draw_bar(axes: Axes, line: int, start: float, length: float, bar: Bar, theme: Theme) -> None:
    sure = length * (bar.filled - bar.doubtful)
    axes.barh(line, length, _THICKNESS, start, color=theme.tint(bar.colour))
    axes.barh(line, sure, _THICKNESS, start, color=bar.colour)
    if bar.doubtful:
        axes.barh(line, length * bar.doubtful, _THICKNESS, start + sure, linewidth=0.6,
                  hatch="////", **theme.hatched(bar.colour))  # fmt: skip
