"""The order of results, and their summary: counts, failures, keys."""

from __future__ import annotations

import re

import pytest

from keyscan.batch.results import ordered, summarize, summary_lines, withhold
from keyscan.errors import AnalysisWarning, DecodeFailed, Silent, TimedOut, TooShort
from keyscan.keys import KeyStyle
from keyscan.terminal import Paint
from tests.batch.results import analysed, failed


def lines(tracks, *shown, files=None, seconds=2.0, leave_out_cached=False, notation="camelot"):
    """``shown`` are the width and the paint."""
    files = len(tracks) if files is None else files
    summary = summarize(tracks, files=files, seconds=seconds, leave_out_cached=leave_out_cached)
    return list(summary_lines(summary, KeyStyle(notation), *shown))


def test_everything_is_counted():
    tracks = [analysed("a"), analysed("b", cached=True), analysed("c", tonal=False),
              failed("d"), failed("e", Silent("s")), failed("f", Silent("s"))]  # fmt: skip
    first, second, *rest = lines(tracks, files=10)
    assert first == ("10 files: 2 analysed, 1 from the cache, 3 failed, 4 not reached "
                     "(2.0 s, 3.0 files a second)")  # fmt: skip
    assert second == "failed: 2 silent, 1 file_not_found"
    assert rest == ["keys:", "   8A 2 ##", "  not tonal (drums, speech, noise): 1"]


def test_files_that_are_left_out_are_counted():
    first = lines([analysed("a"), analysed("b", cached=True)], leave_out_cached=True)[0]
    assert first.startswith("2 files: 1 analysed, 1 from the cache, not listed (")


def test_what_was_not_looked_at_is_counted():
    skipped = {"repeated": 1, "other_files": 1200, "hidden": 2, "system_folders": 0}
    summary = summarize(
        [analysed("a")], files=1, seconds=2.0, leave_out_cached=False, skipped=skipped
    )
    assert list(summary_lines(summary, KeyStyle())) == [
        "1 file: 1 analysed (2.0 s, 0.5 files a second)",
        "left out: 1,200 other files, 2 hidden files and folders, 1 file found again",
    ]
    assert summary.fields()["skipped"] == {"other_files": 1200, "hidden": 2, "repeated": 1}


def test_what_to_look_at_is_named():
    damaged = AnalysisWarning("truncated", "m")
    tracks = [analysed("sure"), analysed("a\x1b", confidence=0.49), analysed("drums", tonal=False),
              analysed("x/b", confidence=0.3, warnings=(damaged,)), failed("gone"),
              analysed("c", confidence=0.3), analysed("d", confidence=0.3)]  # fmt: skip
    assert lines(tracks)[2:4] == [
        r"look at 4 doubtful keys (?): a\x1b, x/b, c, 1 more",
        "look at 1 file with a warning (!): x/b",
    ]
    summary = summarize(tracks, files=7, seconds=2.0, leave_out_cached=False).fields()
    assert (summary["doubtful"], summary["warned"], summary["unsure"]) == (4, 1, 0)


def test_keys_that_are_withheld_are_counted_and_not_shown():
    given = [("a", 0.4), ("b", 0.59), ("c", 0.6), ("d", 0.9)]
    tracks = [analysed(name, confidence=confidence) for name, confidence in given]
    tracks = [withhold(track, 0.6) for track in [*tracks, analysed("drums", tonal=False)]]
    assert [track.has_key for track in tracks] == [False, False, True, True, False]
    assert lines([*tracks, withhold(failed("x"), 0.6)])[2:] == [
        "keys:", "   8A 2 ##", "  not tonal (drums, speech, noise): 1",
        "  unsure (below --min-confidence): 2",
    ]  # fmt: skip
    assert [track.path for track in ordered(tracks, "key")] == ["c", "d", "a", "b", "drums"]
    assert [withhold(track, 0.0) for track in tracks[2:]] == tracks[2:]


def test_no_warning_names_a_key_that_is_withheld():
    warnings = (AnalysisWarning("phase", "the channels cancel each other"),
                AnalysisWarning("between_keys", "half-way between this key and 3A"))  # fmt: skip
    track = analysed("a", confidence=0.4, warnings=warnings)
    assert withhold(track, 0.4).warnings == warnings
    messages = [(warning.code, warning.message) for warning in withhold(track, 0.5).warnings]
    assert messages == [
        ("phase", "the channels cancel each other"),
        ("between_keys", "the music is tuned half-way between two keys"),
    ]


def test_one_file_needs_no_histogram():
    assert lines([analysed("a")]) == ["1 file: 1 analysed (2.0 s, 0.5 files a second)"]


def test_the_keys_stand_in_camelot_order_with_bars_in_proportion():
    tracks = [analysed("x", key) for key in ["10B"] * 48 + ["2A"] * 24 + ["10A"]]
    assert lines(tracks)[1:] == [
        "keys:",
        "   2A 24 ############",
        "  10A  1 #                         10B 48 ########################",
    ]


@pytest.mark.parametrize("width", [30, 40, 60, 80, 120])
def test_a_terminal_breaks_no_word(width):
    keys = ["10B"] * 4000 + ["10A"] * 30 + ["2A"]
    tracks = [*(analysed("x", key) for key in keys), analysed("drums", tonal=False),
              failed("d"), *[failed("e", Silent("s"))] * 3, failed("f", TooShort("s")),
              failed("g", DecodeFailed("s")), failed("h", TimedOut("s"))]  # fmt: skip
    whole, shown = lines(tracks, files=9999), lines(tracks, width, files=9999)
    assert max(map(len, shown)) <= width
    assert re.sub("#+", "#", " ".join(shown)).split() == re.sub("#+", "#", " ".join(whole)).split()
    assert any("10A    30 #" in line and "10B 4,000 ##" in line for line in shown)


def test_colours():
    tracks = [analysed("a"), analysed("b", "11B"), failed("c")]
    plain, painted = lines(tracks), lines(tracks, None, Paint(on=True))
    assert [re.sub(r"\x1b\[[\d;]*m", "", line) for line in painted] == plain
    assert "\x1b[31mfailed: 1 file_not_found\x1b[0m" in painted
    assert "  \x1b[38;5;133m 8A 1 #\x1b[0m" in painted


def test_open_key():
    assert lines([analysed("a", "8A")] * 2, notation="openkey")[2] == "   1m 2 ##"


def test_long_runs_and_no_time_at_all():
    assert "(5:12 min, " in lines([analysed("a")], seconds=312)[0]
    assert "(1:02:03 h, " in lines([analysed("a")], seconds=3723)[0]
    assert "(0.0 s, 0.0 files a second)" in lines([failed("a")], seconds=0.0)[0]


def test_orders():
    tracks = [failed("x"), analysed("10A", "10A"), analysed("drums", tonal=False),
              analysed("2B", "2B"), analysed("2A", "2A"), analysed("9A", "9A")]  # fmt: skip
    assert ordered(tracks, "given") == tracks
    assert [t.path for t in ordered(tracks, "key")] == ["2A", "2B", "9A", "10A", "drums", "x"]
    mixed = [track.path for track in ordered(tracks, "mix")]
    assert mixed[-2:] == ["drums", "x"]
    assert abs(mixed.index("2A") - mixed.index("2B")) == 1
    assert abs(mixed.index("9A") - mixed.index("10A")) == 1
