"""The panels of a track's picture with a time axis: spectrogram, chroma, keys, minutes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from keyscan.analysis import Analysis, Segment
from keyscan.keys import KeyStyle
from keyscan.output import clock, percent
from keyscan.plot.sheet import text_width, write_caption
from keyscan.plot.theme import Theme
from keyscan.spectrogram.constant_q import (
    BINS_PER_OCTAVE,
    FMIN,
    FRAMES_PER_SECOND,
    FloatArray,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

A4 = 440.0
"""Hz"""
_A4_MIDI = 69
_MOST_COLUMNS = 1200  # of an image: screens show no more
_NOTES = ("C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B")
_EVERY_OTHER = range(0, 12, 2)  # notes of the chroma: there is no room for all names
_TICK_SIZE, _KEY_SIZE = 8.5, 10.0  # points
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600)  # seconds
_MOST_TIMES = 10
_NARROWEST = 9.0  # points, of a segment with a code in it


def draw_spectrogram(axes: Axes, spectrogram: FloatArray, theme: Theme) -> None:
    """Loudness by pitch and time, with names of notes for A4 = 440 Hz."""
    write_caption(axes, "Constant-Q spectrogram: loudness by pitch", theme)
    _draw_image(axes, spectrogram, fewer_columns(spectrogram, _MOST_COLUMNS), theme)
    notes = {
        f"{_NOTES[note]}{octave}": bin_of(12 * (octave + 1) + note)
        for octave in range(10)
        for note in (0, 4, 7)
    }
    there = {name: at for name, at in notes.items() if 0 <= at <= len(spectrogram) - 1}
    axes.set_yticks(list(there.values()), list(there), size=_TICK_SIZE)


def draw_chroma(axes: Axes, spectrogram: FloatArray, cents: float, theme: Theme) -> None:
    """The twelve notes by time, at ``cents`` above A4 = 440 Hz."""
    write_caption(axes, "Chroma: the twelve notes, whatever their octave", theme)
    notes = chroma(fewer_columns(spectrogram, _MOST_COLUMNS), cents)
    _draw_image(axes, spectrogram, notes, theme)
    axes.set_yticks(_EVERY_OTHER, [_NOTES[note] for note in _EVERY_OTHER], size=_TICK_SIZE)


def draw_keys(axes: Axes, analysis: Analysis, theme: Theme, style: KeyStyle) -> None:
    """A band of the keys' colours; without a timeline the whole track is in one key."""
    timeline, duration = analysis.timeline, analysis.duration
    axes.set_ylim(0, 1)
    axes.set_yticks([])
    segments: Sequence[Segment] = ()
    if timeline is None:
        write_caption(axes, "Key of the whole track", theme)
        if analysis.tonal:
            segments = [Segment(0.0, duration, analysis.key, analysis.confidence)]
        else:
            axes.set_facecolor(theme.tint(theme.muted))
            axes.text(duration / 2, 0.5, "not tonal", size=_KEY_SIZE, ha="center", va="center")
    else:
        write_caption(axes, "Key over time: the fainter, the less sure", theme)
        ends = f"begins in {_named(timeline.intro, style)}, ends in {_named(timeline.outro, style)}"
        write_caption(axes, ends, theme, right=True)
        segments = timeline.segments
    points = axes.get_window_extent().width * 72 / axes.get_figure().dpi  # type: ignore[union-attr]
    for segment in segments:
        _draw_segment(axes, segment, style.code(segment.key), points / duration, theme)


def write_times(panels: Sequence[Axes], duration: float, theme: Theme) -> None:
    """Minutes below the last panel, and ticks at the same places in all."""
    fitting = (step for step in _STEPS if duration / step <= _MOST_TIMES)
    step = next(fitting, _STEPS[-1])
    times = np.arange(0, duration + 1e-6, step)
    for axes in panels:
        last = axes is panels[-1]
        labels = [clock(time) if last else "" for time in times]
        axes.set_xticks(times, labels, size=_TICK_SIZE)
        axes.tick_params(color=theme.line, labelcolor=theme.muted)


def _draw_image(axes: Axes, spectrogram: FloatArray, image: FloatArray, theme: Theme) -> None:
    """A frame covers the time around its centre; where there is none it looks like silence."""
    import matplotlib

    colormap = matplotlib.colormaps[theme.colormap]
    loudest = float(np.quantile(image, 0.998)) if image.size else 0.0
    start = -0.5 / FRAMES_PER_SECOND
    end = start + spectrogram.shape[1] / FRAMES_PER_SECOND
    axes.set_facecolor(colormap(0.0))
    axes.imshow(image, colormap, origin="lower", aspect="auto", interpolation="nearest", vmin=0,
                vmax=max(loudest, 1e-3), extent=(start, end, -0.5, len(image) - 0.5))  # fmt: skip


def _draw_segment(
    axes: Axes, segment: Segment, name: str, points_a_second: float, theme: Theme
) -> None:
    from matplotlib.patches import Rectangle

    width = (segment.end - segment.start) * points_a_second
    colour = theme.fainter(theme.colour(segment.key), segment.confidence)
    axes.add_patch(
        Rectangle((segment.start, 0), segment.end - segment.start, 1, facecolor=colour,
                  edgecolor=theme.background, linewidth=min(0.8, width / 4))
    )  # fmt: skip
    if width < _NARROWEST:
        return
    room = width - 4
    sure = percent(segment.confidence)
    middle = (segment.start + segment.end) / 2

    def write(text: str, above: float, size: float, **style: Any) -> None:
        axes.annotate(text, (middle, 0.5), (0, above), textcoords="offset points", ha="center",
                      va="center", size=size, color=theme.text, rotation_mode="anchor",
                      **style)  # fmt: skip

    if text_width(sure, _TICK_SIZE) <= room and text_width(name, _KEY_SIZE, bold=True) <= room:
        write(name, 7, _KEY_SIZE, weight="bold")
        write(sure, -7, _TICK_SIZE)
    elif text_width(name, _KEY_SIZE, bold=True) <= room:
        write(name, 0, _KEY_SIZE, weight="bold")
    else:
        write(name, 0, min(_TICK_SIZE, room + 2), weight="bold", rotation=90)


def _named(segment: Segment, style: KeyStyle) -> str:
    return f"{style.code(segment.key)} ({percent(segment.confidence)})"


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
    frequency = A4 * 2 ** ((midi - _A4_MIDI + cents / 100) / 12)
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
