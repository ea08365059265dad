"""One track as a picture: what sounds when, the key over time, and how sure all that is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from keyscan.analyze.tracks import code
from keyscan.display import clock
from keyscan.keys import KEYS, KeyStyle
from keyscan.plot.bars import Bar, draw_bars
from keyscan.plot.picture import one_line, save, sheet, write_caption, write_head
from keyscan.plot.sound import A4
from keyscan.plot.text import percent, signed
from keyscan.plot.theme import THEMES, Theme, ThemeName
from keyscan.plot.timepanels import draw_chroma, draw_keys, draw_spectrogram, write_times
from keyscan.plot.wheel import Cell, draw_wheel, rings, write_hub
from keyscan.spectrogram.constant_q import FloatArray

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from keyscan.analysis import Analysis

_WIDTH, _HEIGHT = 13.0, 7.6  # inches
_LEFT, _ACROSS = 0.045, 0.615  # this and what follows: shares of the width or the height
_PANELS = ((0.43, 0.395), (0.215, 0.15), (0.06, 0.085))  # bottom and height
_WHEEL = (0.69, 0.345, 0.29, 0.48)
_BARS = (0.69, 0.06, 0.29, 0.24)
_CODE_SIZE = 9.0  # points
_STYLE = KeyStyle()
_WORTH_A_NOTE = 0.02
_MOST_BARS = 5


def draw_track(
    path: Path,
    name: str,
    spectrogram: FloatArray,
    duration: float,
    estimate: Analysis,
    theme: ThemeName = "light",
    style: KeyStyle = _STYLE,
) -> None:
    """Draw a track into ``path``, an SVG or a PNG by its extension.

    ``name`` is what the title calls the track; ``spectrogram`` is ``log1p(|C|)`` as
    ``extract_features`` gives it, shape ``(105, frames)``, five frames a second, of which an hour
    or a day is averaged over time; ``duration`` is in seconds; ``style`` is how keys are written.

    Raises:
        PlotError: the picture cannot be drawn or written; the class says why.
    """
    colours = THEMES[theme]
    name = one_line(name)
    with sheet(colours, _WIDTH, _HEIGHT) as figure:
        compose_track(figure, name, spectrogram, duration, estimate, colours, style)
        save(figure, path, name)


def compose_track(
    figure: Figure,
    name: str,
    spectrogram: FloatArray,
    duration: float,
    estimate: Analysis,
    theme: Theme,
    style: KeyStyle,
) -> None:
    """Put everything onto a sheet; see ``draw_track``."""
    _write_head(figure, name, duration, estimate, style)
    panels = [figure.add_axes((_LEFT, bottom, _ACROSS, height)) for bottom, height in _PANELS]
    for axes in panels:
        axes.set_xlim(0, duration)
        for spine in axes.spines.values():
            spine.set_color(theme.line)
    draw_spectrogram(panels[0], spectrogram, theme)
    draw_chroma(panels[1], spectrogram, estimate.tuning_cents or 0.0, theme)
    draw_keys(panels[2], duration, estimate, theme, style)
    write_times(panels, duration, theme)
    _draw_probabilities(figure, estimate, theme, style)


def _write_head(
    figure: Figure, name: str, duration: float, estimate: Analysis, style: KeyStyle
) -> None:
    key, confidence = estimate.key, percent(estimate.confidence)
    words = f"{key.camelot} · {key.open_key} · {key.name(style.spelling)}"
    if estimate.tonal:
        facts = [words, f"confidence {confidence}"]
    else:
        facts = ["not tonal: drums, speech or noise", f"at best {words}, confidence {confidence}"]
    write_head(figure, name, [*facts, _tuning(estimate), clock(duration)])


def _tuning(estimate: Analysis) -> str:
    cents = estimate.tuning_cents
    if cents is None:
        return "tuning unknown"
    unit = "cent" if abs(round(cents)) == 1 else "cents"
    against = "half-way between two keys" if estimate.is_between_keys else f"A = {A4:g} Hz"
    return f"tuning {signed(cents)} {unit} ({against})"


def _draw_probabilities(figure: Figure, estimate: Analysis, theme: Theme, style: KeyStyle) -> None:
    """The wheel, each cell filled as far as its key is probable, and the best of them as bars."""
    axes = figure.add_axes(_WHEEL)
    cells = {
        key: Cell(
            filled=share,
            note=percent(share) if share >= _WORTH_A_NOTE else "",
            is_marked=estimate.tonal and key == estimate.key,
        )
        for key, share in zip(KEYS, estimate.probabilities, strict=True)
    }
    draw_wheel(axes, cells, theme, style, _CODE_SIZE)
    write_caption(axes, "Probability of each key", theme)
    write_caption(axes, rings(style), theme, right=True)
    if estimate.tonal:
        write_hub(axes, code(estimate.key, style), percent(estimate.confidence), theme)
    else:
        write_hub(axes, "?", "not tonal", theme)

    best = sorted(KEYS, key=lambda key: -estimate.probabilities[key.class_id])[:_MOST_BARS]
    shares = [estimate.probabilities[key.class_id] for key in best]
    bars = [
        Bar(code(key, style), key.name(style.spelling), percent(share), theme.colour(key), share)
        for key, share in zip(best, shares, strict=True)
    ]
    axes = figure.add_axes(_BARS)
    write_caption(axes, "Most probable keys", theme)
    draw_bars(axes, bars, _MOST_BARS, theme)
