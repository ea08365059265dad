"""The colours: every key has its own, and text can be read on all of them."""

from __future__ import annotations

import colorsys

import numpy as np
import pytest

from keyscan.keys import KEYS
from keyscan.plot.theme import THEMES, channels, mixed

READABLE = 4.5  # WCAG 2.2, level AA
themes = pytest.mark.parametrize("theme", THEMES.values(), ids=list(THEMES))


def contrast(one, other):
    """The contrast ratio of two colours, 1 to 21, after WCAG 2.2."""

    def luminance(colour):
        linear = np.array([c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
                           for c in channels(colour)])  # fmt: skip
        return linear @ (0.2126, 0.7152, 0.0722)

    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [("#000000", "#ffffff", 21), ("#767676", "#ffffff", 4.54), ("#ff0000", "#0000ff", 2.15)],
)
def test_contrast(one, other, ratio):
    assert contrast(one, other) == pytest.approx(ratio, abs=0.01)
    assert contrast(other, one) == contrast(one, other)


def test_mixed():
    assert mixed("#000000", "#ff8000", 0.5) == "#804000"
    assert mixed("#123456", "#abcdef", 0) == "#123456"
    assert mixed("#123456", "#abcdef", 1) == "#abcdef"


@themes
def test_text_can_be_read_on_all_that_it_stands_on(theme):
    assert contrast(theme.text, theme.background) > 7
    assert contrast(theme.muted, theme.background) > READABLE
    assert contrast(theme.text, theme.tint(theme.muted)) > READABLE
    for key in KEYS:
        colour = theme.colour(key)
        grounds = [theme.fainter(colour, tenth / 10) for tenth in range(11)]
        hatched = theme.hatched(colour)
        grounds += [theme.tint(colour), hatched["facecolor"], hatched["edgecolor"]]
        for ground in grounds:
            assert contrast(theme.text, ground) > READABLE, (key, ground)


@themes
def test_every_key_has_a_colour_of_its_own_and_numbers_go_around_the_rainbow(theme):
    assert len({theme.colour(key) for key in KEYS}) == 24
    for ring in (KEYS[:12], KEYS[12:]):
        hues = [colorsys.rgb_to_hls(*channels(theme.colour(key)))[0] for key in ring]
        steps = [(hue - after) % 1 for hue, after in zip(hues, hues[1:] + hues[:1], strict=True)]
        assert sum(steps) == pytest.approx(1)
        assert min(steps) > 0.02


@themes
def test_minor_is_darker_than_its_relative_major(theme):
    for minor, major in zip(KEYS[:12], KEYS[12:], strict=True):
        dark, light = (contrast(theme.colour(key), "#000000") for key in (minor, major))
        assert dark < light
