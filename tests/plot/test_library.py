"""A library's picture: its counts, that they can be read, and its file."""

from __future__ import annotations

import re

import numpy as np
import pytest

from keyscan.batch.results import withhold
from keyscan.errors import AnalysisError
from keyscan.keys import KEYS, KeyStyle
from keyscan.plot.library import Census, compose_library, draw_library
from keyscan.plot.sheet import one_line
from keyscan.plot.theme import THEMES, channels
from tests.batch.results import analysed
from tests.plot.pictures import composed, overlaps, pixels, svg_words, texts_on_fills, words


def sheet(analyses, failures, name="Music", theme="light", style=None):
    facts = one_line(name), Census.of(analyses, failures), THEMES[theme], style or KeyStyle()
    return composed(lambda figure: compose_library(figure, *facts), theme, (12.0, 7.6))


SMALL = [
    *[analysed(f"{i}.mp3", "8A", confidence=0.9) for i in range(6)],
    *[analysed(f"{i}.ogg", "8A", confidence=0.3) for i in range(2)],
    *[analysed(f"{i}.wav", "9B", confidence=0.5) for i in range(4)],
    analysed("drums.wav", "1A", confidence=0.05, tonal=False),
]
FAILURES = ["unsupported_format", "unsupported_format", "silent"]


def large():
    """12,340 tracks in all keys, likely and doubtful ones, with some that failed in ten ways."""
    some = [analysed("x.mp3", key.camelot, confidence=c) for key in KEYS for c in (0.4, 0.9)]
    tracks = [track for i, track in enumerate(some) for _ in range(1 + (37 * i) % 500)]
    codes = [f"unsupported_format_{i % 10}" for i in range(340)]
    return (tracks * 2)[:12_000], codes


def test_the_counts_are_those_of_the_tracks():
    census = Census.of(SMALL, FAILURES)
    assert (census.total, census.not_tonal) == (16, 1)
    assert {key.camelot: count for key, count in census.keys.items()} == {"8A": 8, "9B": 4}
    with sheet(SMALL, FAILURES) as figure:
        shown = words(figure)
        head = figure.texts[1].get_text()
    assert re.split(r"\s{2,}", head) == ["16 tracks", "12 with a key"]
    assert {"10 (62%)", "2 (12%)", "1 (6%)", "3 (19%)", "unsupported_format", "silent"} <= set(
        shown
    )
    assert {"8 (67%)", "4 (33%)", "A minor", "G major"} <= set(shown)


def test_failures_are_listed_by_code_however_many_and_none_is_cut():
    """The most common first, each with its count."""
    codes = sorted({error.code for error in subclasses(AnalysisError)})
    failures = [code for number, code in enumerate(codes, 1) for _ in range(number)]
    with sheet(SMALL, failures) as figure:
        assert overlaps(figure) == []
        texts = [text.get_text() for text in figure.axes[1].texts]
        shown = words(figure)
    assert len(codes) > 15
    assert [text for text in texts if text in codes] == codes[::-1]
    counts = [text.split()[0] for text in texts if re.fullmatch(r"\d+ \([<>]?\d+%\)", text)]
    assert counts[-len(codes) :] == [str(number) for number in range(len(codes), 0, -1)]
    assert not [text for text in shown if "…" in text]
    assert "8 (67%)" in shown  # the keys are below


def subclasses(error):
    return [error, *(deeper for lower in error.__subclasses__() for deeper in subclasses(lower))]


def test_keys_that_are_withheld_are_counted_apart():
    tracks = [withhold(track, 0.4) for track in SMALL]
    census = Census.of(tracks, FAILURES)
    assert (census.total, census.unsure, census.not_tonal) == (16, 2, 1)
    assert {key.camelot: count for key, count in census.keys.items()} == {"8A": 6, "9B": 4}
    with sheet(tracks, FAILURES) as figure:
        assert {"unsure", "below --min-confidence", "2 (12%)"} <= set(words(figure))
        assert overlaps(figure) == []


def test_a_cell_is_filled_by_its_count_and_hatched_where_it_is_doubtful():
    with sheet(SMALL, FAILURES) as figure:
        wedges = [patch for patch in figure.axes[0].patches if patch.width < 0.339]
        gauge = max(patch.width for patch in wedges) / 0.75  # of which 8A has three quarters
        filled = {
            (patch.get_hatch(), round(patch.width / gauge, 2), round(patch.theta1 + 14.3) % 360)
            for patch in wedges
        }
    at_eight, at_nine = (90 - 30 * 8) % 360, (90 - 30 * 9) % 360
    assert filled == {(None, 0.75, at_eight), ("////", 0.25, at_eight), (None, 0.5, at_nine)}


LIBRARIES = {
    "small": (SMALL, FAILURES),
    "large": large(),
    "none": ([], []),
    "one": ([analysed("a.mp3", "12B")], []),
    "all failed": ([], ["decoder_crashed"] * 12_345),
    "doubtful": ([analysed("a.mp3", "3A", confidence=0.2)] * 1000, []),
}


@pytest.mark.parametrize("style", [KeyStyle(), KeyStyle("openkey", "sharps")], ids=["", "openkey"])
@pytest.mark.parametrize("case", LIBRARIES)
def test_no_text_touches_another_or_leaves_the_sheet(case, style):
    with sheet(*LIBRARIES[case], "A folder with a long name " * 10, style=style) as figure:
        assert overlaps(figure) == []
        assert texts_on_fills(figure.axes[0]) == []
        shown = words(figure)
    assert set(map(style.code, KEYS)) <= set(shown)


@pytest.mark.parametrize("theme", THEMES)
def test_files(tmp_path, theme):
    picture, drawing = tmp_path / "keys.png", tmp_path / "keys.svg"
    for path in (picture, drawing):
        draw_library(path, "Müsic 音楽", SMALL, FAILURES, theme)
    image = pixels(picture)
    assert image.shape == (1140, 1800, 4)
    background = np.round(255 * np.array(channels(THEMES[theme].background)))
    assert (image[0, 0, :3] == background).all()
    colour = np.round(255 * np.array(channels(THEMES[theme].colour(KEYS[7]))))
    assert (image[..., :3] == colour).all(axis=-1).sum() > 5000
    assert {"Müsic 音楽", "8A", "16 tracks\u2003\u200312 with a key"} <= set(svg_words(drawing))
    assert drawing.stat().st_size < 200_000
