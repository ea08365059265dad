"""A track's picture: its contents, that it can be read, and its file."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.text import Text

from keyscan.analysis import Timeline
from keyscan.keys import KEYS, Key, KeyStyle
from keyscan.plot.theme import THEMES, channels
from keyscan.plot.track import bin_of, chroma, draw_track, fewer_columns
from keyscan.spectrogram.constant_q import constant_q, load_filter_bank
from tests.plot.pictures import (
    SVG,
    drawn,
    in_parts,
    overlaps,
    pixels,
    repeated,
    svg_words,
    texts_on_fills,
    words,
)

GAUGE = 0.34 * 0.36  # how long a certain key is on the wheel, whose radius is 1


def test_the_head_has_name_key_confidence_tuning_and_length(song):
    with drawn(song) as figure:
        head = [text.get_text() for text in figure.texts]
    assert head[0] == "Song.flac"
    assert head[1].startswith("11A · 4m · F# minor/Gb minor")
    assert "confidence 9" in head[1] or "confidence >99%" in head[1]
    assert re.search(r"tuning (0|[+−]\d) cents? \(A = 440 Hz\)", head[1])
    assert head[1].endswith("0:30")


def test_all_24_keys_are_on_the_wheel_and_the_best_one_in_its_middle(song):
    with drawn(song) as figure:
        shown = words(figure)
    assert {key.camelot for key in KEYS} <= set(shown)
    assert shown.count("11A") >= 3  # on the wheel, in its middle, in the list


def test_a_probability_is_as_long_on_the_wheel_as_it_is_large(song):
    shares = [0.0] * 24
    shares[Key.parse("A minor").class_id], shares[Key.parse("C major").class_id] = 0.25, 0.75
    track = replace(song, probabilities=tuple(shares), key=Key.parse("C major"))
    with drawn(track) as figure:
        filled = {
            patch.get_facecolor(): patch.width / GAUGE
            for axes in figure.axes
            for patch in axes.patches
            if type(patch).__name__ == "Wedge" and 0 < patch.width < 0.33
        }
        shown = words(figure)
    theme = THEMES["light"]
    assert filled == {
        (*channels(theme.colour(key)), 1.0): pytest.approx(shares[key.class_id], abs=0.01)
        for key in (Key.parse("A minor"), Key.parse("C major"))
    }
    assert {"75%", "25%"} <= set(shown)


def test_a_modulation_is_a_band_of_two_colours_from_end_to_end(modulating):
    with drawn(modulating) as figure:
        band = figure.axes[2]
        parts = [(patch.get_x(), patch.get_x() + patch.get_width()) for patch in band.patches]
        shown = [text.get_text() for text in band.texts]
        limits = band.get_xlim()
    segments = modulating.timeline.segments
    assert [segment.key.camelot for segment in segments] == ["8B", "12B"]
    assert parts == [(segment.start, segment.end) for segment in segments]
    assert [text for text in shown if text in ("8B", "12B")] == ["8B", "12B"]
    assert any(re.fullmatch(r"begins in 8B \(.+%\), ends in 12B \(.+%\)", t) for t in shown)
    assert limits == (0, modulating.duration)


def test_the_less_sure_part_is_the_fainter(song):
    with drawn(in_parts(song, 10)) as figure:
        colours = [patch.get_facecolor()[:3] for patch in figure.axes[2].patches]
    segments = in_parts(song, 10).timeline.segments
    theme = THEMES["light"]
    whites = [
        np.linalg.norm(np.subtract((1, 1, 1), colour))
        / np.linalg.norm(np.subtract((1, 1, 1), channels(theme.colour(segment.key))))
        for colour, segment in zip(colours, segments, strict=True)
    ]
    by_confidence = np.argsort([segment.confidence for segment in segments], kind="stable")
    assert np.all(np.diff(np.array(whites)[by_confidence]) > -0.02)
    assert min(whites) > 0.2


def test_without_a_timeline_the_whole_track_is_in_one_key(song):
    with drawn(replace(song, timeline=None)) as figure:
        shown = words(figure)
        (patch,) = figure.axes[2].patches
    assert "Key of the whole track" in shown
    assert (patch.get_x(), patch.get_width()) == (0, song.duration)


def test_drums_have_no_key(drums):
    with drawn(replace(drums, tonal=False, timeline=None)) as figure:
        shown = words(figure)
        wedges = [p for axes in figure.axes for p in axes.patches if p.get_linewidth() == 2]
    assert any(text.startswith("not tonal: drums, speech or noise") for text in shown)
    assert shown.count("not tonal") == 2  # on the wheel, in the band
    assert "?" in shown
    assert not [text for text in shown if "%" in text]
    assert "Most probable keys" not in shown
    codes = [key.camelot for key in KEYS if shown.count(key.camelot) != 1]
    assert not codes  # each stands on the wheel alone
    assert not wedges  # the mark of the best key


def test_a_part_without_music_has_no_key(modulating):
    first, second = modulating.timeline.segments
    speech = replace(first, key=None, confidence=0.0)
    timeline = Timeline((speech, second), second, second)
    with drawn(replace(modulating, timeline=timeline)) as figure:
        band, shown = figure.axes[2], words(figure)
        patches = [patch.get_facecolor() for patch in band.patches]
        texts = [text.get_text() for text in band.texts]
    assert len(patches) == 2
    assert "not tonal" in texts
    assert not [text for text in texts if text == first.key.camelot]
    assert any(text.startswith("begins in 12B") for text in shown)


def test_a_doubtful_key_has_a_question_mark_wherever_it_stands_for_the_track(song):
    shares = [0.85 / 23] * 24
    shares[song.key.class_id] = 0.15
    with drawn(in_parts(replace(song, probabilities=tuple(shares)), 3)) as figure:
        head, shown = figure.texts[1].get_text(), words(figure)
        band = [text.get_text() for text in figure.axes[2].texts]
        sures = [segment.confidence for segment in in_parts(song, 3).timeline.segments]
    assert head.startswith("11A? · 4m · ")
    assert "confidence 15% (doubtful)" in head
    assert shown.count("11A?") == 1  # in the middle of the wheel
    marks = [text.endswith("?") for text in band if re.fullmatch(r"\d+[AB]\??", text)]
    assert marks == [sure < 0.5 for sure in sures] == [True, True, True]
    assert any(re.match(r"begins in \d+[AB]\? \(", text) for text in shown)


def test_a_sure_key_has_none(song):
    with drawn(song) as figure:
        assert not [text for text in words(figure) if "?" in text or "doubtful" in text]


@pytest.mark.parametrize(
    ("spelling", "black"),
    [
        ("both", {"C#/Db", "D#/Eb", "F#/Gb", "Ab/G#", "A#/Bb"}),
        ("sharps", {"C#", "D#", "F#", "G#", "A#"}),
        ("flats", {"Db", "Eb", "Gb", "Ab", "Bb"}),
    ],
)
def test_all_twelve_notes_are_named_as_the_keys_are(song, spelling, black):
    with drawn(song, style=KeyStyle(spelling=spelling)) as figure:
        labels = [label.get_text() for label in figure.axes[1].get_yticklabels()]
        shown = words(figure)
    assert (len(labels), labels[0], labels[9], labels[11]) == (12, "C", "A", "B")
    assert set(labels) == {*"CDEFGAB", *black}
    assert not [text for text in shown if "♯" in text or "♭" in text]


def test_a_change_of_key_is_told(song):
    for changes in (True, False):
        with drawn(replace(song, changes_key=changes)) as figure:
            assert ("changes key" in figure.texts[1].get_text()) is changes


@pytest.mark.parametrize(
    ("cents", "words_"),
    [
        (None, "tuning unknown"),
        (-47.2, "tuning −47 cents (half-way between two keys)"),
        (0.54, "tuning 0 cents (A = 440 Hz)"),
        (0.6, "tuning +1 cent (A = 440 Hz)"),
    ],
)
def test_tuning(song, cents, words_):
    with drawn(replace(song, tuning_cents=cents)) as figure:
        assert words_ in figure.texts[1].get_text()


def test_other_notation_and_spelling(song):
    with drawn(song, style=KeyStyle("openkey", "flats")) as figure:
        shown = words(figure)
        places = {text.get_text(): text.xy for text in figure.findobj(Text) if hasattr(text, "xy")}
    assert {key.open_key for key in KEYS} <= set(shown)
    assert "Gb minor" in shown
    assert "A: minor, B: major" not in shown
    assert places["12d"][0] == pytest.approx(0, abs=1e-9)  # twelve o'clock
    assert places["12d"][1] > 0


ALIKE = (0.045,) * 22 + (0.005,) * 2
EXTREMES = {
    "as it is": lambda song, drums: song,
    "not tonal": lambda song, drums: replace(drums, tonal=False),
    "no timeline": lambda song, drums: replace(song, timeline=None),
    "one part": lambda song, drums: in_parts(song, 1),
    "thirty parts": lambda song, drums: in_parts(song, 30),
    "two hours": lambda song, drums: in_parts(repeated(song, 2), 30),
    "three seconds": lambda song, drums: in_parts(
        replace(song, spectrogram=song.spectrogram[:, :13], duration=3.0), 3
    ),
    "all keys alike": lambda song, drums: replace(song, probabilities=ALIKE, tuning_cents=-47.0),
    "certain": lambda song, drums: replace(
        song, key=KEYS[23], probabilities=(0.0,) * 23 + (1.0,), tuning_cents=-47.0
    ),
    "every cell full": lambda song, drums: replace(song, probabilities=(0.995,) * 24),
    "a long name": lambda song, drums: replace(song, path="A very long name " * 20 + "(mix).flac"),
    "wide letters": lambda song, drums: replace(song, path=50 * "曲名" + ".flac"),
    "one word": lambda song, drums: replace(song, path=255 * "W"),
}


@pytest.mark.parametrize("case", EXTREMES)
def test_no_text_touches_another_or_leaves_the_sheet(case, song, drums):
    with drawn(EXTREMES[case](song, drums)) as figure:
        assert overlaps(figure) == []
        assert texts_on_fills(figure.axes[3]) == []


def test_overlaps_would_be_found(song):
    with drawn(song) as figure:
        figure.text(0.02, 0.945, "over the title")
        figure.text(0.99, 0.5, "over the edge")
        figure.canvas.draw()
        assert set(overlaps(figure)) == {
            ("Song.flac", "over the title"),
            ("over the edge", "the edge"),
        }


def test_parts_too_short_for_a_code_have_none_and_longer_ones_stand_upright(song):
    with drawn(in_parts(repeated(song, 2), 60)) as figure:
        band = figure.axes[2]
        codes = [text for text in band.texts if re.fullmatch(r"\d+[AB]\??", text.get_text())]
        assert 12 <= len(codes) < 60
        assert {text.get_rotation() for text in codes} == {0.0, 90.0}
        for text in codes:
            box = text.get_window_extent()
            assert any(
                part.get_window_extent().x0 <= box.x0 and box.x1 <= part.get_window_extent().x1
                for part in band.patches
            )


@pytest.mark.parametrize(
    ("hours", "last"), [(0.05, "3:00"), (0.5, "30:00"), (2, "2:00:00"), (9, "9:00:00")]
)
def test_times(song, hours, last):
    with drawn(repeated(song, hours)) as figure:
        labels = [label.get_text() for label in figure.axes[2].get_xticklabels()]
        times = [list(axes.get_xticks()) for axes in figure.axes[:3]]
    assert (labels[0], labels[-1]) == ("0:00", last)
    assert 4 <= len(labels) <= 11
    assert times[0] == times[1] == times[2]


def test_the_band_lies_below_what_sounds_at_that_time(modulating):
    """The loudest bins change where the key does."""
    with drawn(modulating) as figure:
        (image,) = figure.axes[0].images
        (notes,) = figure.axes[1].images
        boundary = figure.axes[2].patches[0].get_width()
        left, right, _, _ = image.get_extent()
        assert notes.get_extent()[:2] == [left, right]
        loud = np.asarray(notes.get_array())
    frame = round((boundary - left) / (right - left) * loud.shape[1])
    before, after = loud[:, :frame].mean(axis=1), loud[:, frame:].mean(axis=1)
    assert before[0] > after[0]  # C
    assert after[8] > before[8]  # G#


@pytest.mark.parametrize("theme", THEMES)
def test_png(tmp_path, modulating, theme):
    draw_track(tmp_path / "track.PNG", modulating, theme)
    image = pixels(tmp_path / "track.PNG")
    assert image.shape == (1140, 1950, 4)
    assert (image[..., 3] == 255).all()
    background = np.round(255 * np.array(channels(THEMES[theme].background)))
    for corner in (image[0, 0], image[0, -1], image[-1, 0], image[-1, -1]):
        assert (corner[:3] == background).all()
    spectrogram = image[220:640, 100:1280, :3] @ (1 << 16, 1 << 8, 1)
    assert len(np.unique(spectrogram)) > 150


@pytest.mark.parametrize("theme", THEMES)
def test_svg(tmp_path, modulating, theme):
    path = tmp_path / "track.svg"
    draw_track(path, modulating, theme)
    root = ET.parse(path).getroot()
    assert (root.tag, root.get("width"), root.get("height")) == (f"{SVG}svg", "936pt", "547.2pt")
    assert {"Modulation.flac", "8B", "12B", "C6", "1:00", "C major"} <= set(svg_words(path))
    assert len(list(root.iter(f"{SVG}image"))) == 2
    first = next(root.iter(f"{SVG}path"))
    assert f"fill: {THEMES[theme].background}" in first.get("style")
    assert path.stat().st_size < 1_000_000
    assert "dc:date" not in path.read_text(encoding="utf-8")


def test_a_day_is_no_more_than_a_song(tmp_path, song):
    day = in_parts(repeated(song, 24), 60)
    with drawn(day) as figure:
        assert overlaps(figure) == []
        assert figure.axes[2].get_xticklabels()[-1].get_text() == "24:00:00"
    draw_track(tmp_path / "day.svg", day)
    assert (tmp_path / "day.svg").stat().st_size < 1_000_000


STRANGE = [
    "$x^2$ & <b>A$AP<b> \"'.mp3",
    "日本語の曲名 한국어 中文.flac",
    "עברית العربية हिन्दी.ogg",
    "🎵🎶.m4a",
    "new\nline\ttab\x1b[31m\u202e.wav",
    "\udcff\udc80.wav",
    "\ufffe\uffff.wav",
    "",
]


@pytest.mark.parametrize("name", STRANGE)
def test_strange_names(tmp_path, song, name, recwarn, caplog, capfd):
    draw_track(tmp_path / "strange.svg", replace(song, path=name))
    shown = svg_words(tmp_path / "strange.svg")
    assert name in shown or not name or not name.isprintable()
    assert not recwarn.list
    assert not caplog.records
    assert capfd.readouterr() == ("", "")


def tone(frequency, seconds=4.0):
    rate = load_filter_bank().sample_rate
    samples = 0.5 * np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate)
    return constant_q(samples.astype(np.float32), load_filter_bank())


def test_few_columns_stay_as_they_are():
    image = np.random.default_rng(0).random((105, 50), np.float32)
    assert fewer_columns(image, 50) is image


def test_columns_are_means_over_time():
    image = np.random.default_rng(0).random((105, 1000), np.float32)
    expected = image.reshape(105, 100, 10).mean(axis=2)
    np.testing.assert_allclose(fewer_columns(image, 100), expected, rtol=1e-5)


def test_every_frame_counts_once_where_columns_do_not_fit():
    image = np.ones((3, 1001), np.float32)
    image[:, 500] = 1001
    fewer = fewer_columns(image, 64)
    assert fewer.shape == (3, 64)
    assert np.count_nonzero(fewer > 1.001) == 3
    assert fewer.min() == pytest.approx(1)


@pytest.mark.parametrize(("midi", "frequency"), [(45, 110.0), (69, 440.0), (74, 587.33)])
def test_a_note_is_at_the_bin_that_sounds(midi, frequency):
    loudest = tone(frequency).mean(axis=1).argmax()
    assert abs(loudest - bin_of(midi)) < 0.6


@pytest.mark.parametrize(("frequency", "note"), [(110.0, 9), (440.0, 9), (261.63, 0), (739.99, 6)])
def test_chroma_names_the_note_whatever_its_octave(frequency, note):
    notes = chroma(tone(frequency))[:, 5:-5]
    assert notes.shape[0] == 12
    assert (notes.argmax(axis=0) == note).all()
    np.testing.assert_allclose(notes.max(axis=0), 1, rtol=1e-5)


def test_chroma_looks_where_the_music_is_tuned():
    detuned = tone(440 * 2 ** (40 / 1200))
    neighbour = [chroma(detuned, cents)[10, 5:-5].mean() for cents in (0.0, 40.0)]
    assert neighbour[1] < 0.7 * neighbour[0]


def test_silence_has_no_chroma():
    assert not chroma(np.zeros((105, 7), np.float32)).any()
