"""A track as a picture: spectrogram, chroma, the key over time, the probability of each key."""

from __future__ import annotations

from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from keyscan.analysis import Analysis
from keyscan.keys import KEYS, KeyStyle
from keyscan.options import ThemeName
from keyscan.output import clock, percent, signed
from keyscan.plot.bars import Bar, draw_bars
from keyscan.plot.panels import A4, draw_chroma, draw_keys, draw_spectrogram, write_times
from keyscan.plot.sheet import one_line, save, sheet, write_caption, write_head
from keyscan.plot.theme import THEMES, Theme
from keyscan.plot.wheel import Cell, draw_wheel, rings, write_hub

if TYPE_CHECKING:
    from matplotlib.figure import Figure

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
    path: Path, analysis: Analysis, theme: ThemeName = "light", style: KeyStyle = _STYLE
) -> None:
    """Draw a track into ``path``, an SVG or a PNG by its extension.

    ``analysis`` has a ``spectrogram``, which is averaged over time if it is long. Its file's name
    is the title; ``style`` is how keys are written.

    Raises:
        PlotError: the picture cannot be drawn or written; the class says why.
    """
    colours = THEMES[theme]
    with sheet(colours, _WIDTH, _HEIGHT) as figure:
        compose_track(figure, analysis, colours, style)
        save(figure, path, _title(analysis))


def compose_track(figure: Figure, analysis: Analysis, theme: Theme, style: KeyStyle) -> None:
    """Put everything onto a sheet; see ``draw_track``."""
    spectrogram, duration = analysis.spectrogram, analysis.duration
    assert spectrogram is not None
    _write_head(figure, analysis, style)
    panels = [figure.add_axes((_LEFT, bottom, _ACROSS, height)) for bottom, height in _PANELS]
    for axes in panels:
        axes.set_xlim(0, duration)
        for spine in axes.spines.values():
            spine.set_color(theme.line)
    draw_spectrogram(panels[0], spectrogram, theme)
    draw_chroma(panels[1], spectrogram, analysis.tuning_cents or 0.0, theme)
    draw_keys(panels[2], analysis, theme, style)
    write_times(panels, duration, theme)
    _draw_probabilities(figure, analysis, theme, style)


def _title(analysis: Analysis) -> str:
    return one_line(PurePath(analysis.path).name)


def _write_head(figure: Figure, analysis: Analysis, style: KeyStyle) -> None:
    key, confidence = analysis.key, percent(analysis.confidence)
    words = f"{key.camelot} · {key.open_key} · {key.name(style.spelling)}"
    if analysis.tonal:
        facts = [words, f"confidence {confidence}"]
    else:
        facts = ["not tonal: drums, speech or noise", f"at best {words}, confidence {confidence}"]
    write_head(figure, _title(analysis), [*facts, _tuning(analysis), clock(analysis.duration)])


def _tuning(analysis: Analysis) -> str:
    cents = analysis.tuning_cents
    if cents is None:
        return "tuning unknown"
    unit = "cent" if abs(round(cents)) == 1 else "cents"
    against = "half-way between two keys" if analysis.is_between_keys else f"A = {A4:g} Hz"
    value = signed(cents).replace("-", "\N{MINUS SIGN}")
    return f"tuning {value} {unit} ({against})"


def _draw_probabilities(figure: Figure, analysis: Analysis, theme: Theme, style: KeyStyle) -> None:
    """The wheel, each cell filled by the probability of its key, and the best keys as bars."""
    axes = figure.add_axes(_WHEEL)
    cells = {
        key: Cell(
            filled=share,
            note=percent(share) if share >= _WORTH_A_NOTE else "",
            is_marked=analysis.tonal and key == analysis.key,
        )
        for key, share in zip(KEYS, analysis.probabilities, strict=True)
    }
    draw_wheel(axes, cells, theme, style, _CODE_SIZE)
    write_caption(axes, "Probability of each key", theme)
    write_caption(axes, rings(style), theme, right=True)
    if analysis.tonal:
        write_hub(axes, style.code(analysis.key), percent(analysis.confidence), theme)
    else:
        write_hub(axes, "?", "not tonal", theme)

    best = sorted(KEYS, key=lambda key: -analysis.probabilities[key.class_id])[:_MOST_BARS]
    shares = [analysis.probabilities[key.class_id] for key in best]
    bars = [
        Bar(style.code(key), key.name(style.spelling), percent(share), theme.colour(key), share)
        for key, share in zip(best, shares, strict=True)
    ]
    axes = figure.add_axes(_BARS)
    write_caption(axes, "Most probable keys", theme)
    draw_bars(axes, bars, _MOST_BARS, theme)
