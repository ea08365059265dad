"""Timelines are scored as by hand: boundaries within 3 seconds, and the time in the right key."""

from __future__ import annotations

from pathlib import Path

import pytest

from keyscan.analysis import Segment
from keyscan.keys import Key
from tests.training.conftest import Command
from training.modulations.make import write_track
from training.modulations.scoring import joined, score_track, summarise
from training.shards import open_corpus

C, A, G, E_FLAT = Key(0, "major"), Key(9, "minor"), Key(7, "major"), Key(3, "major")


def timeline(*parts: tuple[float, Key], start: float = 0.0) -> list[Segment]:
    """From (end, key) pairs."""
    segments: list[Segment] = []
    for end, key in parts:
        segments.append(Segment(segments[-1].end if segments else start, end, key, 1.0))
    return segments


def test_a_timeline_like_the_truth_is_right() -> None:
    truth = timeline((40.0, C), (100.0, G))
    scores = score_track(truth, truth)
    assert scores.boundaries is not None
    assert (scores.boundaries.precision, scores.boundaries.recall, scores.boundaries.f) == (1, 1, 1)
    assert (scores.exact, scores.weighted, scores.changes, scores.surplus) == (1, 1, 1, 0)


def test_boundaries_count_within_three_seconds_and_once() -> None:
    truth = timeline((40.0, C), (70.0, G), (100.0, C))
    # 42.9 is near 40; 44 is not; 70 is missed, and 68 and 71 are both near it: one of them counts.
    found = timeline((42.9, C), (44.0, A), (68.0, G), (71.0, A), (100.0, C))
    boundaries = score_track(truth, found).boundaries
    assert boundaries is not None
    assert boundaries.precision == pytest.approx(2 / 4)
    assert boundaries.recall == pytest.approx(2 / 2)
    assert boundaries.f == pytest.approx(2 / 3)
    late = score_track(truth, timeline((43.1, C), (100.0, G))).boundaries
    assert late is not None
    assert (late.precision, late.recall, late.f) == (0, 0, 0)


def test_time_is_weighed_by_its_length_and_by_mirex() -> None:
    truth = timeline((40.0, C), (100.0, E_FLAT))
    # 30 s right, 10 s relative (0.3), 40 s right, 20 s a third off.
    found = timeline((30.0, C), (40.0, A), (80.0, E_FLAT), (100.0, C))
    scores = score_track(truth, found)
    assert scores.exact == pytest.approx(0.7)
    assert scores.weighted == pytest.approx(0.73)
    assert (scores.changes, scores.surplus) == (3, 2)


def test_in_a_track_in_one_key_changes_are_false_alarms() -> None:
    scores = score_track(timeline((100.0, C)), timeline((50.0, C), (60.0, G), (100.0, C)))
    assert scores.boundaries is None
    assert (scores.changes, scores.surplus) == (2, 2)
    assert scores.exact == pytest.approx(0.9)
    assert scores.weighted == pytest.approx(0.95)


def test_one_key_for_a_track_that_changes_finds_no_boundary() -> None:
    scores = score_track(timeline((50.0, C), (100.0, G)), timeline((100.0, C)))
    assert scores.boundaries is not None
    assert scores.boundaries.f == 0
    assert (scores.exact, scores.surplus) == (0.5, -1)


def test_the_last_frames_belong_to_the_last_key() -> None:
    truth = timeline((50.0, C), (100.3, G))
    assert score_track(truth, timeline((50.0, C), (99.8, G))).exact == 1
    assert score_track(truth, timeline((50.0, C), (100.4, G))).exact == 1
    assert score_track(truth, timeline((50.0, C), (100.3, G), (100.6, A))).changes == 1


def test_neighbours_in_one_key_are_one_segment() -> None:
    parts = timeline((10.0, C), (20.0, C), (30.0, G), (40.0, C))
    assert joined(parts) == timeline((20.0, C), (30.0, G), (40.0, C))


def test_what_is_no_timeline_is_refused() -> None:
    truth = timeline((50.0, C))
    for wrong in ([], timeline((50.0, C), start=1.0), [*truth, Segment(51.0, 60.0, G, 1.0)]):
        with pytest.raises(ValueError, match="a timeline"):
            score_track(truth, wrong)


def test_means_are_over_tracks_and_boundaries_over_those_that_have_any() -> None:
    changing = timeline((50.0, C), (100.0, G))
    constant = timeline((100.0, C))
    scores = [
        score_track(changing, changing),
        score_track(changing, timeline((20.0, C), (100.0, G))),
        score_track(constant, timeline((50.0, C), (100.0, G))),
    ]
    summary = summarise(scores)
    assert summary.tracks == 3
    assert summary.f is not None
    assert summary.f.mean == pytest.approx(0.5)
    assert summary.exact.mean == pytest.approx((1 + 0.7 + 0.5) / 3)
    assert summary.exact.low <= summary.exact.mean <= summary.exact.high
    assert summary.changes.mean == 1
    assert summary.as_many.mean == pytest.approx(2 / 3)
    assert summarise(scores[2:]).f is None


def test_the_table_compares_change_costs_on_tracks_of_each_kind(
    tmp_path: Path, command: Command
) -> None:
    open_corpus(tmp_path, {"seed": 5})
    for index in range(4):
        write_track(tmp_path, None, 5, index)
    run = command("modulations.evaluate", tmp_path, "--change-cost", "6", "1000", "--tracks")
    assert run.returncode == 0, run.stderr
    tables = run.stdout.split("\n\n")
    assert f"{tmp_path.name} (4 tracks" in tables[0]
    assert tables[0].count("truth") == 4
    rows = {line[:18].strip(): line[18:] for line in tables[0].splitlines() if line[:2] == "  "}
    changes = {name: float(row.split("]")[-3].split()[0]) for name, row in rows.items() if name}
    assert changes["whole track"] == changes["change cost 1000"] == 0
    assert changes["block by block"] > changes["change cost 6"] > 0
    exact = {name: float(row.split("]")[3].split()[0]) for name, row in rows.items() if name}
    assert exact["true boundaries"] > exact["whole track"] > 5
    assert exact["change cost 6"] > exact["whole track"]


def test_a_change_cost_is_a_number(command: Command) -> None:
    for wrong in ("-1", "nan", "inf", "dear"):
        run = command("modulations.evaluate", "x", f"--change-cost={wrong}")
        assert run.returncode == 2
        assert "--change-cost" in run.stderr


def test_a_folder_that_is_no_set_is_named(tmp_path: Path, command: Command) -> None:
    run = command("modulations.evaluate", tmp_path)
    assert run.returncode == 1
    assert run.stderr.startswith("training.modulations.evaluate: ")
    assert "not a corpus" in run.stderr
