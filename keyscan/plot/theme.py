"""The colours of pictures: light and dark, and the 24 keys."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from keyscan.keys import Key
from keyscan.options import ThemeName

_HUE_OF_TWELVE = 215.0  # degrees: cyan at the top, then green, yellow, red, blue, as in DJ software
_CHROMA = 0.13  # of OKLCH; sRGB has it for most hues, the others get less
_FAINTEST = 0.3


@dataclass(frozen=True)
class Theme:
    """Colours as ``#rrggbb``; ``text`` can be read on the background and on every key's colour.

    ``minor`` and ``major`` are the lightness of the keys' colours, 0 to 1 as in OKLCH;
    ``colormap`` is matplotlib's name of the one for spectrograms, from silent to loud.
    """

    background: str
    text: str
    muted: str
    line: str
    minor: float
    major: float
    colormap: str

    def colour(self, key: Key) -> str:
        """The colour of a key; its hue is by Camelot number."""
        lightness = self.minor if key.mode == "minor" else self.major
        return _from_oklch(lightness, _HUE_OF_TWELVE - 30 * key.camelot_number)

    def fainter(self, colour: str, strength: float) -> str:
        """``colour`` at a ``strength`` from 1 (as it is) to 0 (still not the background)."""
        return mixed(self.background, colour, _FAINTEST + (1 - _FAINTEST) * strength)

    def hatched(self, colour: str) -> dict[str, Any]:
        """A hatched area in ``colour``, as arguments of matplotlib's patches."""
        hatch = {"hatch": "////", "linewidth": 0.6}
        return {**hatch, "facecolor": self.fainter(colour, 0.1), "edgecolor": colour}

    def tint(self, colour: str) -> str:
        """A very faint ``colour``, that of an empty cell of the wheel."""
        return mixed(self.background, colour, 0.16)


# fmt: off
THEMES: dict[ThemeName, Theme] = {
    "light": Theme(
        background="#ffffff", text="#16181d", muted="#5a606b", line="#b9bec8",
        minor=0.74, major=0.85, colormap="BuPu"),
    "dark": Theme(
        background="#14161b", text="#f4f5f7", muted="#a3a9b5", line="#4b515d",
        minor=0.46, major=0.53, colormap="magma"),
}
# fmt: on


def mixed(ground: str, colour: str, share: float) -> str:
    """``colour`` painted on ``ground``, covering ``share`` (0 to 1) of it."""
    pairs = zip(channels(ground), channels(colour), strict=True)
    return _hex([a + (b - a) * share for a, b in pairs])


def channels(colour: str) -> tuple[float, float, float]:
    """Red, green and blue of ``#rrggbb``, 0 to 1."""
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return red, green, blue


@cache
def _from_oklch(lightness: float, hue: float) -> str:
    """OKLCH to sRGB (Ottosson, 2020), with less chroma where sRGB has no such colour."""
    chroma = _CHROMA
    while True:
        a = chroma * math.cos(math.radians(hue))
        b = chroma * math.sin(math.radians(hue))
        long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
        middle = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
        short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
        linear = (
            4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short,
            -1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short,
            -0.0041960863 * long - 0.7034186147 * middle + 1.7076147010 * short,
        )
        if all(-1e-9 <= value <= 1 + 1e-9 for value in linear):
            return _hex([_gamma(value) for value in linear])
        chroma -= 0.002


def _gamma(linear: float) -> float:
    linear = min(max(linear, 0.0), 1.0)
    return 12.92 * linear if linear <= 0.0031308 else 1.055 * linear ** (1 / 2.4) - 0.055


def _hex(values: Sequence[float]) -> str:
    return "#" + "".join(f"{round(255 * value):02x}" for value in values)
