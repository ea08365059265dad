"""What runs along the time axis of a track's picture: spectrogram, chroma, keys, minutes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from keyscan.analyze.tracks import code
from keyscan.display import clock
from keyscan.keys import KeyStyle
from keyscan.plot.picture import text_width, write_caption
from keyscan.plot.sound import bin_of, chroma, fewer_columns
from keyscan.plot.text import percent
from keyscan.plot.theme import Theme
from keyscan.spectrogram.constant_q import FRAMES_PER_SECOND, FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from keyscan.analysis import Analysis, Segment

_MOST_COLUMNS = 1200  # of an image: more than that no eye and no screen can tell apart
_NOTES = ("C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B")
_EVERY_OTHER = range(0, 12, 2)  # note of the chroma; there is no room for all names
_TICK_SIZE, _KEY_SIZE = 8.5, 10.0  # points
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600)  # seconds
_MOST_TIMES = 10
_NARROWEST = 9.0  # points, of a segment with a code in it


def draw_spectrogram(axes: Axes, spectrogram: FloatArray, theme: Theme) -> None:
    """Loudness by pitch and time; notes are named where they are with A4 at 440 Hz."""
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
    """The twelve notes by time, looked for ``cents`` above those with A4 at 440 Hz."""
    write_caption(axes, "Chroma: the twelve notes, whatever their octave", theme)
    notes = chroma(fewer_columns(spectrogram, _MOST_COLUMNS), cents)
    _draw_image(axes, spectrogram, notes, theme)
    axes.set_yticks(_EVERY_OTHER, [_NOTES[note] for note in _EVERY_OTHER], size=_TICK_SIZE)


def draw_keys(
    axes: Axes, duration: float, estimate: Analysis, theme: Theme, style: KeyStyle
) -> None:
    """A band of the keys' colours; without a timeline the track is in one key from end to end."""
    from keyscan.analysis import Segment

    timeline = estimate.timeline
    axes.set_ylim(0, 1)
    axes.set_yticks([])
    segments: Sequence[Segment] = ()
    if timeline is None:
        write_caption(axes, "Key of the whole track", theme)
        if estimate.tonal:
            segments = [Segment(0.0, duration, estimate.key, estimate.confidence)]
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
        _draw_segment(axes, segment, code(segment.key, style), points / duration, theme)


def write_times(panels: Sequence[Axes], duration: float, theme: Theme) -> None:
    """Minutes below the last panel, at the same places in all."""
    fitting = (step for step in _STEPS if duration / step <= _MOST_TIMES)
    step = next(fitting, _STEPS[-1])
    times = np.arange(0, duration + 1e-6, step)
    for axes in panels:
        last = axes is panels[-1]
        labels = [clock(time) if last else "" for time in times]
        axes.set_xticks(times, labels, size=_TICK_SIZE)
        axes.tick_params(color=theme.line, labelcolor=theme.muted)


def _draw_image(axes: Axes, spectrogram: FloatArray, image: FloatArray, theme: Theme) -> None:
    """A frame stands for the time around its centre; where there is none it looks like silence."""
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
    return f"{code(segment.key, style)} ({percent(segment.confidence)})"
