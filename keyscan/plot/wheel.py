"""The Camelot wheel: 24 cells in a circle, minor keys (A) inside, major keys (B) outside."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from keyscan.keys import KEYS, Key, KeyStyle
from keyscan.plot.theme import Theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_RINGS = {"minor": (0.30, 0.64), "major": (0.655, 0.995)}  # radii; the wheel's own is 1
_GAP = 0.7  # degrees on either side of a cell


@dataclass(frozen=True)
class Cell:
    """How the cell of a key is filled from the inside out, and the text in it.

    ``filled`` is the coloured share of its depth, 0 to 1; the last ``doubtful`` part of that is
    hatched. ``note`` is written below the key's code.
    """

    filled: float = 0.0
    doubtful: float = 0.0
    note: str = ""
    is_marked: bool = False


def draw_wheel(
    axes: Axes, cells: Mapping[Key, Cell], theme: Theme, style: KeyStyle, size: float
) -> None:
    """Draw all 24 keys; ``size`` is that of the codes in points, keys not in ``cells`` are empty.

    Number 12 is at the top and numbers run clockwise, as on a clock, in Open Key too, whose wheel
    is the Camelot wheel turned.
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
        _write_cell(axes, key, name, cell.note, middle, theme, size)


def rings(style: KeyStyle) -> str:
    """A caption that says what the letters of the codes mean."""
    return "m: minor, d: major" if style.notation == "openkey" else "A: minor, B: major"


def write_hub(axes: Axes, large: str, small: str, theme: Theme) -> None:
    """Two lines in the middle of the wheel."""
    for text, above, style in (
        (large, 6, {"size": 22, "weight": "bold"}),
        (small, -13, {"size": 11}),
    ):
        axes.annotate(text, (0, 0), (0, above), textcoords="offset points", ha="center",
                      va="center", color=theme.text, **style)  # fmt: skip


def _draw_cell(axes: Axes, key: Key, cell: Cell, middle: float, theme: Theme) -> None:
    from matplotlib.patches import Wedge

    colour = theme.colour(key)
    inner, outer = _RINGS[key.mode]
    first, last = middle - 15 + _GAP, middle + 15 - _GAP

    def part(start: float, stop: float, **style: Any) -> None:
        low, high = (inner + (outer - inner) * share for share in (start, stop))
        axes.add_patch(Wedge((0, 0), high, first, last, width=high - low, **style))

    sure = cell.filled - cell.doubtful
    part(0, 1, facecolor=theme.tint(colour), edgecolor="none")
    if sure > 0:
        part(0, sure, facecolor=colour, edgecolor="none")
    if cell.doubtful > 0:
        part(sure, cell.filled, linewidth=0.6, hatch="////", **theme.hatched(colour))
    marked = cell.is_marked
    part(0, 1, facecolor="none", edgecolor=theme.text if marked else theme.fainter(colour, 0.5),
         linewidth=2.0 if marked else 0.8, zorder=3 if marked else 2)  # fmt: skip


def _write_cell(
    axes: Axes, key: Key, name: str, note: str, middle: float, theme: Theme, size: float
) -> None:
    inner, outer = _RINGS[key.mode]
    radius = inner + 0.57 * (outer - inner)  # cells are wider there than in the middle
    angle = math.radians(middle)
    at = (radius * math.cos(angle), radius * math.sin(angle))

    def write(text: str, above: float, **style: Any) -> None:
        axes.annotate(text, at, (0, above * size), textcoords="offset points", ha="center",
                      va="center", color=theme.text, zorder=4, **style)  # fmt: skip

    write(name, 0.55 if note else 0, size=size, weight="bold")
    if note:
        write(note, -0.6, size=0.84 * size)
