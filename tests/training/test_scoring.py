"""The MIREX score, against tables written by hand."""

from __future__ import annotations

import pytest

from keyscan.keys import Key
from training.scoring import Answer, bootstrap, recall_gap, score, score_modes

# reference, estimate, relation, weight with fifths both ways, weight with the fifth up only
TABLE = [
    ("C major", "C major", "exact", 1.0, 1.0),
    ("F# minor", "Gb minor", "exact", 1.0, 1.0),
    ("C major", "G major", "fifth_up", 0.5, 0.5),
    ("C major", "F major", "fifth_down", 0.5, 0.0),
    ("A minor", "E minor", "fifth_up", 0.5, 0.5),
    ("A minor", "D minor", "fifth_down", 0.5, 0.0),
    ("C major", "A minor", "relative", 0.3, 0.3),
    ("A minor", "C major", "relative", 0.3, 0.3),
    ("C major", "C minor", "parallel", 0.2, 0.2),
    ("A minor", "A major", "parallel", 0.2, 0.2),
    ("C major", "G minor", "other", 0.0, 0.0),
    ("C major", "D major", "other", 0.0, 0.0),
    ("A minor", "F major", "other", 0.0, 0.0),
    ("C major", "E minor", "other", 0.0, 0.0),
]


def answer(reference: str, estimate: str) -> Answer:
    return Answer(Key.parse(reference), Key.parse(estimate))


@pytest.mark.parametrize(("reference", "estimate", "relation", "weight", "up_only"), TABLE)
def test_one_answer(
    reference: str, estimate: str, relation: str, weight: float, up_only: float
) -> None:
    scores = score([answer(reference, estimate)])
    assert scores.shares == {
        name: float(name == relation)
        for name in ("exact", "fifth_up", "fifth_down", "relative", "parallel", "other")
    }
    assert scores.weighted.mean == pytest.approx(weight)
    assert scores.weighted_fifth_up_only.mean == pytest.approx(up_only)


def test_a_set_of_answers() -> None:
    scores = score([answer(reference, estimate) for reference, estimate, *_ in TABLE])
    assert scores.tracks == 14
    assert scores.exact.mean == pytest.approx(2 / 14)
    assert scores.weighted.mean == pytest.approx((2 + 4 * 0.5 + 2 * 0.3 + 2 * 0.2) / 14)
    assert scores.weighted_fifth_up_only.mean == pytest.approx((2 + 2 * 0.5 + 0.6 + 0.4) / 14)
    assert scores.shares["fifth_up"] == pytest.approx(2 / 14)


def test_the_modes_are_those_of_the_true_keys() -> None:
    modes = score_modes([answer(reference, estimate) for reference, estimate, *_ in TABLE])
    assert {mode: scores.tracks for mode, scores in modes.items()} == {"major": 8, "minor": 6}
    assert modes["major"].exact.mean == pytest.approx(1 / 8)
    assert modes["major"].weighted.mean == pytest.approx((1 + 2 * 0.5 + 0.3 + 0.2) / 8)
    assert modes["minor"].exact.mean == pytest.approx(1 / 6)
    assert modes["minor"].weighted_fifth_up_only.mean == pytest.approx((1 + 0.5 + 0.3 + 0.2) / 6)
    assert list(score_modes([answer("A minor", "C major")])) == ["minor"]


def test_the_recall_gap_is_that_of_the_true_modes() -> None:
    table = [answer("C", "C")] * 30 + [answer("C", "Am")] * 10 + [answer("Am", "Am")] * 50
    gap = recall_gap(table)
    assert gap is not None
    assert gap.mean == pytest.approx(0.75 - 1.0)
    # 1.96 * sqrt(0.75 * 0.25 / 40) either side: minor varies by nothing
    assert gap.low == pytest.approx(-0.25 - 0.134, abs=0.03)
    assert gap.high == pytest.approx(-0.25 + 0.134, abs=0.03)
    assert recall_gap(table[:40]) is None


def test_the_calibration_error_needs_a_confidence_for_every_answer() -> None:
    key, other = Key.parse("C"), Key.parse("G")
    sure = [Answer(key, key, 0.95), Answer(key, other, 0.95)]
    assert score(sure).calibration_error == pytest.approx(0.45)
    assert score([*sure, Answer(key, key)]).calibration_error is None


def test_the_interval_is_that_of_the_binomial() -> None:
    interval = bootstrap([1.0] * 60 + [0.0] * 40)
    # 0.6 +- 1.96 * sqrt(0.6 * 0.4 / 100)
    assert interval.mean == pytest.approx(0.6)
    assert interval.low == pytest.approx(0.504, abs=0.02)
    assert interval.high == pytest.approx(0.696, abs=0.02)
    assert bootstrap([1.0] * 60 + [0.0] * 40) == interval


def test_nothing_cannot_be_scored() -> None:
    with pytest.raises(ValueError, match="no answers"):
        score([])
