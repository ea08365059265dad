"""A track as a picture: spectrogram, chroma, the key over time, the probability of each key."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

import numpy as np

from keyscan.analysis import DOUBTFUL, Analysis, Segment
from keyscan.keys import KEYS, Key, KeyStyle
from keyscan.options import ThemeName
from keyscan.output import clock, percent, signed, whole_cents
from keyscan.plot.sheet import (
    one_line,
    points_across,
    save,
    sheet,
    text_width,
    write_caption,
    write_head,
    write_middle,
)
from keyscan.plot.theme import THEMES, Theme
from keyscan.plot.wheel import Bar, Cell, draw_bars, draw_wheel, rings, write_hub
from keyscan.spectrogram.constant_q import BINS_PER_OCTAVE, FMIN, FRAMES_PER_SECOND, FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDTH, _HEIGHT = 13.0, 7.6  # inches
_LEFT, _ACROSS = 0.045, 0.615  # this and what follows: shares of the width or the height
_PANELS = ((0.505, 0.32), (0.215, 0.225), (0.06, 0.085))  # bottom and height
_WHEEL = (0.69, 0.345, 0.29, 0.48)
_BARS = (0.69, 0.06, 0.29, 0.24)
_WORTH_A_NOTE = 0.02
_MOST_BARS = 5

_A4 = 440.0  # Hz
_MOST_COLUMNS = 1200  # of an image: screens show no more
_LABELLED = {"C": 0, "E": 4, "G": 7}  # notes of the spectrogram
_CODE_SIZE, _KEY_SIZE, _SURE_SIZE, _NOTE_SIZE = 9.0, 10.0, 8.5, 7.0  # points
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600)  # seconds
_MOST_TIMES = 10
_NARROWEST = 9.0  # points, of a segment with a code in it
_STYLE = KeyStyle()


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
    assert analysis.spectrogram is not None
    _write_head(figure, analysis, style)
    panels = [figure.add_axes((_LEFT, bottom, _ACROSS, height)) for bottom, height in _PANELS]
    _draw_spectrogram(panels[0], analysis.spectrogram, theme)
    _draw_chroma(panels[1], analysis.spectrogram, analysis.tuning_cents or 0.0, theme, style)
    panels[2].set_xlim(0, analysis.duration)
    _draw_keys(panels[2], analysis, theme, style)
    _write_times(panels, analysis.duration)
    _draw_probabilities(figure.add_axes(_WHEEL), analysis, theme, style)
    _draw_best_keys(figure.add_axes(_BARS), analysis, theme, style)


def _title(analysis: Analysis) -> str:
    return one_line(PurePath(analysis.path).name)


def _write_head(figure: Figure, analysis: Analysis, style: KeyStyle) -> None:
    key, facts = analysis.key, ["not tonal: drums, speech or noise"]
    if analysis.tonal:
        mark = _mark(analysis.confidence)
        words = f"{key.camelot}{mark} · {key.open_key} · {key.name(style.spelling)}"
        doubt = " (doubtful)" if mark else ""
        facts = [words, f"confidence {percent(analysis.confidence)}{doubt}"]
    if analysis.changes_key:
        facts.append("changes key")
    write_head(figure, _title(analysis), [*facts, _tuning(analysis), clock(analysis.duration)])


def _mark(confidence: float) -> str:
    """``"?"`` behind a key that is more likely wrong than right, as in the table."""
    return "?" if confidence < DOUBTFUL else ""


def _tuning(analysis: Analysis) -> str:
    cents = analysis.tuning_cents
    if cents is None:
        return "tuning unknown"
    unit = "cent" if abs(whole_cents(cents)) == 1 else "cents"
    against = "half-way between two keys" if analysis.is_between_keys else f"A = {_A4:g} Hz"
    value = signed(cents).replace("-", "\N{MINUS SIGN}")
    return f"tuning {value} {unit} ({against})"


def _draw_spectrogram(axes: Axes, spectrogram: FloatArray, theme: Theme) -> None:
    """Loudness by pitch and time, with names of notes for A4 = 440 Hz."""
    write_caption(axes, "Constant-Q spectrogram: loudness by pitch", theme)
    _draw_image(axes, spectrogram, fewer_columns(spectrogram, _MOST_COLUMNS), theme)
    notes = {
        f"{name}{octave}": bin_of(12 * (octave + 1) + note)
        for octave in range(10)
        for name, note in _LABELLED.items()
    }
    there = {name: at for name, at in notes.items() if 0 <= at <= len(spectrogram) - 1}
    axes.set_yticks(list(there.values()), list(there))


def _draw_chroma(
    axes: Axes, spectrogram: FloatArray, cents: float, theme: Theme, style: KeyStyle
) -> None:
    write_caption(axes, "Chroma: the twelve notes of all octaves", theme)
    notes = chroma(fewer_columns(spectrogram, _MOST_COLUMNS), cents)
    _draw_image(axes, spectrogram, notes, theme)
    names = [tonic_name(Key(note, "major"), style) for note in range(12)]
    axes.set_yticks(range(12), names, size=_NOTE_SIZE)


def tonic_name(key: Key, style: KeyStyle) -> str:
    """``"C#/Db"``: the tonic as the name of ``key`` has it."""
    return "/".join(name.split()[0] for name in key.name(style.spelling).split("/"))


def _draw_image(axes: Axes, spectrogram: FloatArray, image: FloatArray, theme: Theme) -> None:
    """A frame covers the time around its centre; where there is none it looks like silence."""
    import matplotlib

    colormap = matplotlib.colormaps[theme.colormap]
    loudest = float(np.quantile(image, 0.998)) if image.size else 0.0
    start, end = (edge / FRAMES_PER_SECOND for edge in (-0.5, spectrogram.shape[1] - 0.5))
    axes.set_facecolor(colormap(0.0))
    axes.imshow(image, colormap, origin="lower", aspect="auto", interpolation="nearest", vmin=0,
                vmax=max(loudest, 1e-3), extent=(start, end, -0.5, len(image) - 0.5))  # fmt: skip


def _draw_keys(axes: Axes, analysis: Analysis, theme: Theme, style: KeyStyle) -> None:
    """A band of the keys' colours; without a timeline the whole track is in one key."""
    timeline, duration = analysis.timeline, analysis.duration
    axes.set_ylim(0, 1)
    axes.set_yticks([])
    segments: Sequence[Segment] = ()
    if timeline is not None:
        write_caption(axes, "Key over time: the fainter, the less sure", theme)
        ends = [
            f"{verb} in {style.code(part.key)}{_mark(part.confidence)} ({percent(part.confidence)})"
            for verb, part in (("begins", timeline.intro), ("ends", timeline.outro))
            if part.key is not None
        ]
        write_caption(axes, ", ".join(ends), theme, right=True)
        segments = timeline.segments
    else:
        write_caption(axes, "Key of the whole track", theme)
        key = analysis.key if analysis.tonal else None
        segments = [Segment(0.0, duration, key, analysis.confidence)]
    for segment in segments:
        _draw_segment(axes, segment, points_across(axes) / duration, theme, style)


def _draw_segment(
    axes: Axes, segment: Segment, points_a_second: float, theme: Theme, style: KeyStyle
) -> None:
    from matplotlib.patches import Rectangle

    length = segment.end - segment.start
    width = length * points_a_second
    name, sure, colour = "not tonal", "", theme.tint(theme.muted)
    if segment.key is not None:
        name = style.code(segment.key) + _mark(segment.confidence)
        sure = percent(segment.confidence)
        colour = theme.fainter(theme.colour(segment.key), segment.confidence)
    edge: dict[str, Any] = {"edgecolor": theme.background, "linewidth": min(0.8, width / 4)}
    axes.add_patch(Rectangle((segment.start, 0), length, 1, facecolor=colour, **edge))
    if width < _NARROWEST:
        return
    room = width - 4
    at = ((segment.start + segment.end) / 2, 0.5)
    if text_width(name, _KEY_SIZE, bold=True) > room:
        size = min(_SURE_SIZE, room + 2)
        write_middle(axes, name, at, 0, size, weight="bold", rotation=90)
    elif not sure or text_width(sure, _SURE_SIZE) > room:
        write_middle(axes, name, at, 0, _KEY_SIZE, weight="bold")
    else:
        write_middle(axes, name, at, 7, _KEY_SIZE, weight="bold")
        write_middle(axes, sure, at, -7, _SURE_SIZE)


def _write_times(panels: Sequence[Axes], duration: float) -> None:
    """Minutes below the last panel, and ticks at the same places in all."""
    fitting = (step for step in _STEPS if duration / step <= _MOST_TIMES)
    times = np.arange(0, duration + 1e-6, next(fitting, _STEPS[-1]))
    for axes in panels:
        labels = [clock(time) if axes is panels[-1] else "" for time in times]
        axes.set_xticks(times, labels)
        axes.set_xlim(0, duration)


def _draw_probabilities(axes: Axes, analysis: Analysis, theme: Theme, style: KeyStyle) -> None:
    """The wheel, each cell filled by the probability of its key; empty where there is no key."""
    cells = {
        key: Cell(share, note=percent(share) if share >= _WORTH_A_NOTE else "",
                  is_marked=key == analysis.key)
        for key, share in zip(KEYS, analysis.probabilities, strict=True)
        if analysis.tonal
    }  # fmt: skip
    draw_wheel(axes, cells, theme, style, _CODE_SIZE)
    write_caption(axes, "Probability of each key", theme)
    write_caption(axes, rings(style), theme, right=True)
    if analysis.tonal:
        name = style.code(analysis.key) + _mark(analysis.confidence)
        write_hub(axes, name, percent(analysis.confidence))
    else:
        write_hub(axes, "?", "not tonal")


def _draw_best_keys(axes: Axes, analysis: Analysis, theme: Theme, style: KeyStyle) -> None:
    """The bars of the most probable keys; none where there is no key."""
    if not analysis.tonal:
        axes.set_axis_off()
        return
    ranked = sorted(zip(analysis.probabilities, KEYS, strict=True), key=lambda pair: -pair[0])
    bars = [
        Bar(style.code(key), key.name(style.spelling), percent(share), theme.colour(key), share)
        for share, key in ranked[:_MOST_BARS]
    ]
    write_caption(axes, "Most probable keys", theme)
    draw_bars(axes, bars, _MOST_BARS, theme)


def fewer_columns(spectrogram: FloatArray, most: int) -> FloatArray:
    """``(bins, frames)`` -> ``(bins, most)`` by means over time; fewer frames stay as they are."""
    frames = spectrogram.shape[1]
    if frames <= most:
        return spectrogram
    starts = np.arange(most) * frames // most
    sums = np.add.reduceat(spectrogram, starts, axis=1, dtype=np.float32)
    counts = np.diff(starts, append=frames)
    return np.asarray(sums / counts, np.float32)


def bin_of(midi: float, cents: float = 0.0) -> float:
    """The bin, not rounded, of a MIDI note that is ``cents`` above A4 = 440 Hz."""
    frequency = _A4 * 2 ** ((midi - 69 + cents / 100) / 12)
    return float(BINS_PER_OCTAVE * np.log2(frequency / FMIN))


def chroma(spectrogram: FloatArray, cents: float = 0.0) -> FloatArray:
    """``log1p(|C|)``, ``(bins, frames)`` -> the loudness of the notes C to B, ``(12, frames)``.

    The magnitudes of a note in all its octaves are averaged, and the loudest note of a frame is 1;
    silence is 0. ``cents`` is the tuning. After Müller, Fundamentals of Music Processing (2015),
    section 3.1.
    """
    magnitudes = np.expm1(spectrogram)
    bins, frames = spectrogram.shape
    sums = np.zeros((12, frames), np.float32)
    counts = np.zeros((12, 1), np.float32)
    for midi in range(128):
        position = bin_of(midi, cents)
        below = int(np.floor(position))
        if below < 0 or below + 1 >= bins:
            continue
        share = position - below
        sums[midi % 12] += (1 - share) * magnitudes[below] + share * magnitudes[below + 1]
        counts[midi % 12] += 1
    means = sums / np.maximum(counts, 1)
    loudest = means.max(axis=0)
    return np.asarray(means / np.where(loudest > 1e-6, loudest, np.inf), np.float32)
