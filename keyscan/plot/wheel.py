"""The charts of keys: the Camelot wheel, and a list with a bar on each line."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from keyscan.keys import KEYS, Key, KeyStyle
from keyscan.plot.sheet import points_across, shortened, text_width, write_middle
from keyscan.plot.theme import Theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_RINGS = {"minor": (0.30, 0.64), "major": (0.655, 0.995)}  # radii; the wheel's own is 1
_GAP = 0.7  # degrees on either side of a cell
_GAUGE = 0.36  # the inner share of a cell's depth that is filled; the text is outside it

_SIZE = 10.0  # points, of the text of bars
_SPACE = 10.0  # points
_WIDEST = 150.0  # points, of the words; longer ones are shortened
_THICKNESS = 0.62  # of a line


@dataclass(frozen=True)
class Cell:
    """The gauge in the inner part of a key's cell, and the text in the outer part.

    ``filled`` is the coloured share of the gauge, 0 to 1, from the inside out; the last
    ``doubtful`` part of that is hatched. ``note`` is written below the key's code.
    """

    filled: float = 0.0
    doubtful: float = 0.0
    note: str = ""
    is_marked: bool = False


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


def draw_wheel(
    axes: Axes, cells: Mapping[Key, Cell], theme: Theme, style: KeyStyle, size: float
) -> None:
    """Draw all 24 keys, minor keys (A) inside, major keys (B) outside.

    ``size`` is that of the codes in points; keys not in ``cells`` are empty. Number 12 is at the
    top and numbers run clockwise, as on a clock, in Open Key too, whose wheel is the Camelot wheel
    turned.
    """
    axes.set_axis_off()
    axes.set_aspect("equal")
    axes.set_xlim(-1.02, 1.02)
    axes.set_ylim(-1.02, 1.02)
    for key in KEYS:
        cell = cells.get(key, Cell())
        name = style.code(key)
        middle = 90.0 - 30 * int(name[:-1])  # degrees
        _draw_cell(axes, key, cell, middle, theme)
        inner, outer = _RINGS[key.mode]
        radius = inner + (1 + _GAUGE) / 2 * (outer - inner)  # the middle of what is outside it
        angle = math.radians(middle)
        at = (radius * math.cos(angle), radius * math.sin(angle))
        above = 0.55 * size if cell.note else 0
        write_middle(axes, name, at, above, size, weight="bold", zorder=4)
        if cell.note:
            write_middle(axes, cell.note, at, -0.6 * size, 0.84 * size, zorder=4)


def rings(style: KeyStyle) -> str:
    """A caption that says what the letters of the codes mean."""
    return "m: minor, d: major" if style.notation == "openkey" else "A: minor, B: major"


def write_hub(axes: Axes, large: str, small: str) -> None:
    """Two lines in the middle of the wheel."""
    write_middle(axes, large, (0, 0), 6, 22, weight="bold")
    write_middle(axes, small, (0, 0), -13, 11)


def _draw_cell(axes: Axes, key: Key, cell: Cell, middle: float, theme: Theme) -> None:
    from matplotlib.patches import Wedge

    colour = theme.colour(key)
    inner, outer = _RINGS[key.mode]
    first, last = middle - 15 + _GAP, middle + 15 - _GAP

    def part(start: float, stop: float, **style: Any) -> None:
        low, high = (inner + (outer - inner) * share for share in (start, stop))
        axes.add_patch(Wedge((0, 0), high, first, last, width=high - low, **style))

    filled, sure = _GAUGE * cell.filled, _GAUGE * (cell.filled - cell.doubtful)
    part(0, 1, facecolor=theme.tint(colour), edgecolor="none")
    if sure > 0:
        part(0, sure, facecolor=colour, edgecolor="none")
    if cell.doubtful > 0:
        part(sure, filled, **theme.hatched(colour))
    if cell.is_marked:
        part(0, 1, facecolor="none", edgecolor=theme.text, linewidth=2.0, zorder=3)
    else:
        part(0, 1, facecolor="none", edgecolor=theme.fainter(colour, 0.5), linewidth=0.8, zorder=2)


def draw_bars(axes: Axes, bars: Sequence[Bar], lines: int, theme: Theme) -> None:
    """Draw ``bars`` one below the other into ``axes``, which have room for ``lines``."""
    axes.set_axis_off()
    width = points_across(axes)
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
        length = end - start
        sure = length * (bar.filled - bar.doubtful)
        axes.barh(line, length, _THICKNESS, start, color=theme.tint(bar.colour))
        axes.barh(line, sure, _THICKNESS, start, color=bar.colour)
        if bar.doubtful:
            doubtful = length * bar.doubtful
            axes.barh(line, doubtful, _THICKNESS, start + sure, **theme.hatched(bar.colour))
