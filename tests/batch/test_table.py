"""The table for people."""

from __future__ import annotations

import re

import pytest

from keyscan.batch.documents import names_of, table
from keyscan.batch.results import analyses, withhold
from keyscan.errors import AnalysisWarning
from keyscan.keys import KeyStyle
from keyscan.output import columns
from keyscan.terminal import Paint
from tests.batch.results import analysed, failed

NAMES = ["/music/01 - Artist - Some Title (Original Mix).mp3", "/music/sub/音楽 🎵.flac"]


def rows(tracks, width=None, style=None):
    return list(table(analyses(tracks), style or KeyStyle(), width))


def titles(header):
    """The cells of a line, between which there are at least two spaces."""
    return re.split(r"  +", header)


def test_a_line_has_all_that_a_dj_needs():
    header, line = rows([analysed("/m/a.mp3", "8A", confidence=0.93, duration=303)])
    assert titles(header) == ["track", "Camelot", "key", "confidence", "2nd choice", "mixes with",
                              "cents", "length"]  # fmt: skip
    assert titles(line) == ["a.mp3", "8A", "A minor", "93%", "9A 7%", "8B 9A 7A 10A 3A", "+3",
                            "5:03"]  # fmt: skip


def test_open_key_and_one_spelling():
    style = KeyStyle("openkey", "flats")
    header, line = rows([analysed("/m/a.mp3", "11A", second="12A")], style=style)
    assert "Open Key" in header
    assert line.split()[1:4] == ["4m", "Gb", "minor"]
    assert "5m 10%" in line
    (both,) = rows([analysed("/m/a.mp3", "11A")])[1:]
    assert "F#/Gb minor" in both
    (both,) = rows([analysed("/m/a.mp3", "1A")])[1:]
    assert "Ab/G# minor" in both


def test_columns_line_up_whatever_the_names():
    lines = rows([analysed(name, "11A") for name in NAMES])
    at = columns(lines[0][: lines[0].index("Camelot")])
    for line in lines[1:]:
        assert columns(line[: line.index("11A")]) == at


@pytest.mark.parametrize(
    ("style", "code", "key"),
    [
        (KeyStyle("short"), "2A", "Ebm"),
        (KeyStyle("camelot-padded"), "02A", "D#/Eb minor"),
        (KeyStyle("musical", "usual"), "2A", "Eb minor"),
    ],
)
def test_notations(style, code, key):
    track = analysed("/m/a.mp3", "2A", parts=[(60, "2A")])
    _, line, part, *_ = rows([track], style=style)
    for text, name in ((line, "a.mp3"), (part, "0:00-1:00")):
        assert text.split()[: 2 + len(key.split())] == [name, code, *key.split()]


def test_a_key_that_is_withheld_is_unsure():
    track = analysed("/m/a.mp3", confidence=0.4, changes_key=True,
                     parts=[(60, "8A"), (60, None)])  # fmt: skip
    _, line, first, second, *_ = rows([withhold(track, 0.95)])
    assert line.split()[:6] == ["a.mp3", "-", "unsure", "40%", "-", "-"]
    assert first.split() == ["0:00-1:00", "-", "unsure", "90%"]
    assert second.split() == ["1:00-2:00", "-", "not", "tonal", "-"]


@pytest.mark.parametrize("width", [40, 50, 60, 72, 80, 100, 120, 200])
def test_no_line_is_wider_than_the_terminal(width):
    tracks = [analysed(f"/music/{'x' * 90}{n}.mp3", "11A", second="12B") for n in range(3)]
    lines = rows(tracks, width)
    assert max(map(columns, lines)) <= width
    assert all("11A" in line and "F#/Gb minor" in line for line in lines[1:])
    assert all(f"{n}.mp3" in line for n, line in enumerate(lines[1:]))


def test_the_least_important_columns_give_way_to_names_first():
    tracks = [analysed("/music/" + "x" * 60, "11A", second="12B")]
    kept = [titles(rows(tracks, width)[0])[2:] for width in (140, 98, 92, 80, 72, 60, 48, 40)]
    assert kept == [
        ["key", "confidence", "2nd choice", "mixes with", "cents", "length"],
        ["key", "confidence", "2nd choice", "mixes with", "length"],
        ["key", "confidence", "2nd choice", "mixes with"],
        ["key", "confidence", "mixes with"],
        ["key", "confidence"],
        ["key", "confidence"],
        ["key"],
        ["key"],
    ]


def test_the_keys_that_mix_and_a_name_of_use_fit_into_80_columns():
    damaged = (AnalysisWarning("truncated", "the file breaks off"),)
    tracks = [analysed(f"/music/{'x' * 90}.mp3", "11A", confidence=0.4, warnings=damaged,
                       changes_key=True, cached=True)]  # fmt: skip
    _, line, *_ = rows(tracks, 80)
    assert titles(line)[3:] == ["40%", "?!~c", "11B 12A 10A 1A 6A"]
    assert columns(titles(line)[0]) >= 20


def test_marks_and_warnings_break_between_words():
    damaged = (AnalysisWarning("truncated", "12.3 of 60 seconds are there, the rest is missing"),)
    lines = rows([analysed("/m/a.mp3", warnings=damaged)], 44)
    assert lines[2:] == [
        "    ! 12.3 of 60 seconds are there, the rest",
        "        is missing",
        "",
        "! a warning: see the line beneath",
    ]


def test_colours_change_no_width():
    tracks = [analysed("/m/a.mp3", "11A"), analysed("/m/b.mp3", confidence=0.4),
              analysed("/m/drums.wav", tonal=False)]  # fmt: skip
    plain = rows(tracks, 100)
    painted = list(table(analyses(tracks), KeyStyle(), 100, Paint(on=True)))
    assert [re.sub(r"\x1b\[[\d;]*m", "", line) for line in painted] == plain
    assert "\x1b[38;5;68m11A" in painted[1]
    assert "\x1b[33m       40%\x1b[0m" in painted[2]
    assert "\x1b[2mnot tonal" in painted[3]
    assert painted[0].startswith("\x1b[1mtrack")


@pytest.mark.parametrize(
    ("confidence", "cents", "expected"),
    [(0.84496, -8.53, ["84%", "-8"]), (0.992, 0.04, [">99%", "0"]), (0.99998, 0.04, [">99%", "0"]),
     (0.99, 0.54, ["99%", "0"])],
)  # fmt: skip
def test_numbers_are_rounded(confidence, cents, expected):
    (line,) = rows([analysed("/m/a.mp3", confidence=confidence, tuning_cents=cents)])[1:]
    assert [cell for cell in line.split() if cell in expected] == expected


def test_without_a_terminal_nothing_is_cut():
    name = "x" * 300 + ".mp3"
    assert rows([analysed(f"/music/{name}")])[1].startswith(f"{name}  8A")


def test_doubtful_damaged_and_cached_tracks_are_marked_and_explained():
    damaged = (AnalysisWarning("truncated", "the file breaks off"),)
    lines = rows([
        analysed("/m/a.mp3", confidence=0.4, warnings=damaged, cached=True),
        analysed("/m/b.mp3"),
    ])  # fmt: skip
    assert lines[1].split()[5] == "?!c"
    assert lines[2] == "    ! the file breaks off"
    assert lines[3].split()[5] == "9A"
    assert [line[0] for line in lines[5:]] == ["?", "!", "c"]


def test_drums_have_no_key():
    header, line = rows([analysed("/m/drums.wav", tonal=False, confidence=0.1)])
    assert "not tonal" in line
    assert not any(text in line for text in ("8A", "?", "%"))
    assert header


def test_a_track_that_changes_key_is_marked():
    lines = rows([analysed("/m/a.mp3", changes_key=True), analysed("/m/b.mp3")])
    assert lines[1].split()[5] == "~"
    assert lines[-1] == "~ changes key: this is the key of the longest time"


def test_failures_have_no_line():
    lines = rows([failed("/m/a.mp3"), analysed("/m/b.mp3")])
    assert len(lines) == 2
    assert rows([failed("/m/a.mp3")]) == []


def test_the_timeline_follows_its_track():
    lines = rows([analysed("/m/a.mp3", parts=[(62, "8A"), (100, "10B")])])
    assert [line.split() for line in lines[2:]] == [
        ["0:00-1:02", "8A", "A", "minor", "90%"],
        ["1:02-2:42", "10B", "D", "major", "90%"],
        ["intro", "8A", "A", "minor", "90%"],
        ["outro", "10B", "D", "major", "90%"],
    ]


def test_a_part_without_music_has_no_key():
    lines = rows([analysed("/m/a.mp3", parts=[(40, None), (100, "10B")])])
    assert lines[2].split() == ["0:00-0:40", "-", "not", "tonal", "-"]
    assert lines[3].split() == ["0:40-2:20", "10B", "D", "major", "90%"]


def test_names_are_relative_to_the_common_folder(monkeypatch, tmp_path):
    assert names_of(NAMES) == ["01 - Artist - Some Title (Original Mix).mp3", "sub/音楽 🎵.flac"]
    assert names_of(NAMES[1:]) == ["音楽 🎵.flac"]
    monkeypatch.chdir(tmp_path)
    assert names_of(["a.mp3", "../b.mp3"]) == [f"{tmp_path.name}/a.mp3", "b.mp3"]


def test_names_steer_no_terminal():
    text = "\n".join(rows([analysed("/m/\x1b]0;owned\x07\n.mp3"), analysed("/m/caf\udce9.mp3")]))
    assert r"\x1b]0;owned\x07\x0a.mp3" in text
    assert r"caf\xe9.mp3" in text
    assert "\x1b" not in text
