"""What is asked of pictures: the texts on them, whether these overlap, the files themselves."""

from __future__ import annotations

import itertools
import math
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
from matplotlib.image import imread
from matplotlib.text import Text

from keyscan.analysis import Analysis, Segment, Timeline
from keyscan.keys import KEYS, KeyStyle
from keyscan.plot.picture import one_line, sheet
from keyscan.plot.theme import THEMES
from keyscan.plot.track import compose_track, draw_track
from keyscan.spectrogram.constant_q import FloatArray

SVG = "{http://www.w3.org/2000/svg}"


@dataclass(frozen=True)
class Drawn:
    """What ``draw_track`` takes."""

    name: str
    spectrogram: FloatArray
    duration: float
    estimate: Analysis

    def estimated(self, **changes):
        return replace(self, estimate=replace(self.estimate, **changes))

    def repeated(self, hours):
        """Hours of the same, with a timeline that fits."""
        frames = round(hours * 3600 * 5)
        times = math.ceil(frames / self.spectrogram.shape[1])
        spectrogram = np.tile(self.spectrogram, times)[:, :frames]
        return replace(self, spectrogram=spectrogram, duration=hours * 3600.0)

    def in_parts(self, count):
        """With a timeline of so many segments, long and short ones, in all keys."""
        lengths = np.array([(1.0, 0.2, 3.0, 0.6, 1.5)[i % 5] for i in range(count)])
        ends = np.cumsum(lengths) / lengths.sum() * self.duration
        segments = tuple(
            Segment(float(start), float(end), KEYS[(7 * i) % 24], 0.05 + 0.9 * (i % 7) / 6)
            for i, (start, end) in enumerate(itertools.pairwise([0.0, *ends]))
        )
        return self.estimated(timeline=Timeline(segments, segments[0], segments[-1]))

    def draw(self, path, theme="light", style=None):
        draw_track(path, self.name, self.spectrogram, self.duration, self.estimate, theme,
                   style or KeyStyle())  # fmt: skip
        return path

    def sheet(self, theme="light", style=None):
        """The figure before it is saved, with everything in its place."""
        style = style or KeyStyle()
        return composed(
            lambda figure: compose_track(
                figure, one_line(self.name), self.spectrogram, self.duration, self.estimate,
                THEMES[theme], style,
            ),
            theme,
        )  # fmt: skip


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


def svg_words(path):
    return [element.text for element in ET.parse(path).iter(f"{SVG}text")]


def pixels(path):
    """``(height, width, 4)``, 0 to 255."""
    image = np.round(255 * imread(path)).astype(int)
    if image.shape[-1] == 3:
        image = np.concatenate([image, np.full_like(image[..., :1], 255)], axis=-1)
    return image
