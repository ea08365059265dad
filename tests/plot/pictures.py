"""Tracks to draw, and what pictures show: their texts, whether these overlap, their pixels."""

from __future__ import annotations

import itertools
import math
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
from matplotlib.image import imread
from matplotlib.patches import Wedge
from matplotlib.text import Text

from keyscan.analysis import Segment, Timeline
from keyscan.keys import KEYS, KeyStyle
from keyscan.plot.sheet import sheet
from keyscan.plot.theme import THEMES
from keyscan.plot.track import compose_track

SVG = "{http://www.w3.org/2000/svg}"


def repeated(analysis, hours):
    """Hours of the same."""
    frames = round(hours * 3600 * 5)
    times = math.ceil(frames / analysis.spectrogram.shape[1])
    spectrogram = np.tile(analysis.spectrogram, times)[:, :frames]
    return replace(analysis, spectrogram=spectrogram, duration=hours * 3600.0)


def in_parts(analysis, count):
    """With a timeline of so many segments, long and short ones, in all keys."""
    lengths = np.array([(1.0, 0.2, 3.0, 0.6, 1.5)[i % 5] for i in range(count)])
    ends = np.cumsum(lengths) / lengths.sum() * analysis.duration
    segments = tuple(
        Segment(float(start), float(end), KEYS[(7 * i) % 24], 0.05 + 0.9 * (i % 7) / 6)
        for i, (start, end) in enumerate(itertools.pairwise([0.0, *ends]))
    )
    return replace(analysis, timeline=Timeline(segments, segments[0], segments[-1]))


def drawn(analysis, theme="light", style=None):
    """The figure of a track before it is saved, with everything in its place."""
    style = style or KeyStyle()
    return composed(lambda figure: compose_track(figure, analysis, THEMES[theme], style), theme)


@contextmanager
def composed(compose, theme="light", size=(13.0, 7.6)) -> Iterator[object]:
    with sheet(THEMES[theme], *size) as figure:
        compose(figure)
        figure.canvas.draw()
        yield figure


def texts(figure):
    return [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]


def words(figure):
    return [text.get_text() for text in texts(figure)]


def overlaps(figure):
    """Pairs of texts that touch, and texts that leave the sheet."""
    boxes = [(text.get_text(), text.get_window_extent()) for text in texts(figure)]
    pairs = [
        (a, b)
        for (a, box_a), (b, box_b) in itertools.combinations(boxes, 2)
        if box_a.padded(-1).overlaps(box_b.padded(-1))
    ]
    width, height = figure.bbox.width, figure.bbox.height
    outside = [(text, "the edge") for text, box in boxes
               if box.x0 < 0 or box.y0 < 0 or box.x1 > width or box.y1 > height]  # fmt: skip
    return pairs + outside


def texts_on_fills(axes):
    """Texts of a wheel that touch the filled part of a cell, all but those in its middle.

    Tints of whole cells do not count.
    """
    cells = [patch for patch in axes.patches if isinstance(patch, Wedge)]
    depth = max(cell.width for cell in cells)
    filled = [cell for cell in cells if cell.width < 0.99 * depth]
    shapes = [cell.get_transform().transform_path(cell.get_path()) for cell in filled]
    return [
        text.get_text()
        for text in axes.texts
        if getattr(text, "xy", None) != (0, 0)
        and any(shape.intersects_bbox(text.get_window_extent().padded(-1)) for shape in shapes)
    ]


def svg_words(path):
    return [element.text for element in ET.parse(path).iter(f"{SVG}text")]


def pixels(path):
    """``(height, width, 4)``, 0 to 255."""
    image = np.round(255 * imread(path)).astype(int)
    if image.shape[-1] == 3:
        image = np.concatenate([image, np.full_like(image[..., :1], 255)], axis=-1)
    return image
