"""Calibration: figures worked out by hand, a temperature that is known, and the command itself."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from keyscan.model.checkpoint import PACKAGED_CHECKPOINT, load_model
from keyscan.model.confidence import Temperature
from tests.second_generator import RATE, pieces
from tests.training.conftest import Command, write_labels
from training.calibrate import errors_left_out
from training.calibration import (
    Outputs,
    chance_calibration_error,
    expected_calibration_error,
    fit_shortest,
    fit_temperature,
    reliability,
)

CONFIDENCES = [0.95, 0.91, 0.93, 1.0, 0.55, 0.51, 0.1]
EXACT = [True, True, False, True, False, True, False]


def outputs(temperature: Temperature, frames: int, count: int, seed: int = 0) -> Outputs:
    """Logits of a model that is honest at ``temperature``: the true class is drawn from them."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (count, 24)) * temperature.at(frames)
    odds = np.exp(logits / temperature.at(frames))
    drawn = [rng.choice(24, p=row / row.sum()) for row in odds]
    return Outputs(logits, np.array(drawn), np.full(count, frames))


def test_the_reliability_table() -> None:
    table = reliability(CONFIDENCES, EXACT)
    assert [row.count for row in table] == [1, 0, 0, 0, 0, 2, 0, 0, 0, 4]
    assert [(row.low, row.high) for row in table][-1] == (0.9, 1.0)
    assert table[9].confidence == pytest.approx(0.9475)
    assert table[9].accuracy == pytest.approx(0.75)
    assert table[5].confidence == pytest.approx(0.53)
    assert table[5].accuracy == pytest.approx(0.5)
    assert math.isnan(table[3].accuracy)


def test_the_expected_calibration_error_is_the_mean_gap_of_the_bins() -> None:
    by_hand = (4 * (0.9475 - 0.75) + 2 * (0.53 - 0.5) + 1 * 0.1) / 7
    assert expected_calibration_error(CONFIDENCES, EXACT) == pytest.approx(by_hand)
    assert expected_calibration_error([1.0, 1.0], [True, True]) == 0
    assert expected_calibration_error([1.0, 1.0], [False, False]) == 1


def test_an_honest_model_errs_by_chance_the_less_the_more_it_answers() -> None:
    few, many = (chance_calibration_error([0.7] * count) for count in (10, 1000))
    # E|mean of n Bernoulli - p| of the normal law: sqrt(2 p (1 - p) / (pi n))
    assert few == pytest.approx(math.sqrt(2 * 0.21 / (math.pi * 10)), rel=0.1)
    assert many == pytest.approx(math.sqrt(2 * 0.21 / (math.pi * 1000)), rel=0.1)
    assert chance_calibration_error([1.0] * 5) == 0


@pytest.mark.parametrize(
    ("confidences", "exact"), [([], []), ([0.5], [True, False]), ([1.5], [True]), ([-0.1], [True])]
)
def test_what_is_no_confidence_is_refused(confidences: list[float], exact: list[bool]) -> None:
    with pytest.raises(ValueError, match="confidence"):
        expected_calibration_error(confidences, exact)


@pytest.mark.parametrize("true", [0.4, 1.0, 2.5])
def test_the_temperature_of_an_honest_model_is_found(true: float) -> None:
    whole = outputs(Temperature(true), 1000, 3000)
    none = [outputs(Temperature(true), 50, 0)]
    found = fit_temperature([whole], none)
    assert found.frames == 0
    assert found.long == pytest.approx(true, rel=0.05)
    assert whole.calibration_error(found) < 0.03
    assert fit_temperature([whole], none) == found


def test_short_excerpts_tell_how_the_temperature_falls_with_length() -> None:
    true = Temperature(0.5, 60.0)
    whole, excerpts = outputs(true, 1000, 3000), outputs(true, 60, 3000, seed=1)
    found = fit_temperature([whole], [excerpts])
    assert found.frames == pytest.approx(60, rel=0.2)
    assert found.at(1000) == pytest.approx(true.at(1000), rel=0.05)
    assert found.at(60) == pytest.approx(true.at(60), rel=0.05)


def test_a_large_set_has_no_more_weight_than_a_small_one() -> None:
    few, many = outputs(Temperature(0.5), 1000, 2000), outputs(Temperature(2.0), 1000, 2000, seed=1)
    alike = fit_temperature([few, many], [])
    assert fit_temperature([few, Outputs.joined([many] * 10)], []).long == pytest.approx(
        alike.long, rel=1e-3
    )
    assert fit_temperature([few], []).long < alike.long < fit_temperature([many], []).long


def test_a_set_is_judged_at_the_temperature_of_the_others() -> None:
    sharp, flat = Temperature(0.5, 0.0, 0.0), Temperature(2.0, 0.0, 0.0)
    sets = [outputs(sharp, 1000, 4000, seed=1), outputs(sharp, 1000, 4000, seed=2)]
    sets.append(outputs(flat, 1000, 4000, seed=3))
    none = Outputs(np.empty((0, 24)), np.empty(0, np.int64), np.empty(0, np.int64))
    first, second, odd = errors_left_out(sets, [none] * 3)
    assert first is not None
    assert second is not None
    assert odd is not None
    own = sets[2].calibration_error(fit_temperature(sets[2:], []))
    assert odd["whole"] > own + 0.05
    assert first.keys() == {"whole"}
    assert errors_left_out(sets[:1], [none]) == [None]


def test_answers_that_are_all_right_have_no_temperature() -> None:
    logits = np.eye(24)[:5] * 3
    whole = Outputs(logits, np.arange(5), np.full(5, 500))
    with pytest.raises(ValueError, match="right and wrong answers"):
        fit_temperature([whole], [outputs(Temperature(), 50, 0)])
    with pytest.raises(ValueError, match="right and wrong answers"):
        fit_temperature([whole], [outputs(Temperature(), 50, 40)])
    with pytest.raises(ValueError, match="no recordings"):
        fit_temperature([outputs(Temperature(), 50, 0)], [whole])
    with pytest.raises(ValueError, match="not finite"):
        Outputs(logits * math.nan, np.arange(5), np.full(5, 500))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight pieces, two of them with a wrong label: confidence must come down."""
    folder = tmp_path_factory.mktemp("labelled")
    rows = []
    for number, piece in enumerate(list(pieces())[:8]):
        soundfile.write(folder / f"{number}.wav", piece.render(), RATE)
        key = "C major" if number in (3, 5) else piece.key.name("flats")
        rows.append(f"{number}.wav\t{key}")
    write_labels(folder, *rows)
    return folder


def test_the_command_adds_a_temperature_and_changes_nothing_else(
    folder: Path, tmp_path: Path, command: Command
) -> None:
    outs = [tmp_path / "a.pt", tmp_path / "b.pt"]
    run = command("calibrate", PACKAGED_CHECKPOINT, folder, "--out", outs[0])
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith("8 recordings: temperature ")
    # again, from the result: what is there already plays no part
    assert command("calibrate", outs[0], "--out", outs[1], folder).returncode == 0
    assert outs[0].read_bytes() == outs[1].read_bytes()
    assert not list(tmp_path.glob("*.part"))
    before, after = (torch.load(path, weights_only=True) for path in (PACKAGED_CHECKPOINT, outs[0]))
    added = {"temperature", "temperature_frames", "temperature_shortest", "calibration"}
    assert set(after) == set(before) | added
    for name in set(before) - added - {"state_dict"}:
        assert after[name] == before[name]
    for name, value in before["state_dict"].items():
        assert torch.equal(after["state_dict"][name], value), name
    calibration = after["calibration"]
    assert calibration["sets"] == [{"name": folder.name, "tracks": 8, "left_out": None}]
    assert calibration["after"]["whole"]["nll"] <= calibration["before"]["whole"]["nll"]
    assert load_model(outs[0]).temperature.long == after["temperature"]


def test_the_temperature_of_short_tracks_alone(
    folder: Path, tmp_path: Path, command: Command
) -> None:
    out = tmp_path / "short.pt"
    run = command("calibrate", PACKAGED_CHECKPOINT, folder, "--short-only", "--out", out)
    assert run.returncode == 0, run.stderr
    before, after = (torch.load(path, weights_only=True) for path in (PACKAGED_CHECKPOINT, out))
    for name in set(before) - {"temperature_shortest", "calibration_short", "state_dict"}:
        assert after[name] == before[name]
    short = after["calibration_short"]
    assert short["after"]["short"]["nll"] <= short["before"]["short"]["nll"]


def test_short_tracks_are_fitted_as_they_were_made() -> None:
    for shortest in (8.0, 25.0):
        true = Temperature(0.4, 80.0, shortest)
        parts = [outputs(true, frames, 3000, frames) for frames in (6, 12, 30)]
        short = Outputs(
            np.concatenate([part.logits for part in parts]),
            np.concatenate([part.classes for part in parts]),
            np.concatenate([part.frames for part in parts]),
        )
        found = fit_shortest(Temperature(0.4, 80.0), short)
        assert found.shortest == pytest.approx(shortest, rel=0.2)
        assert (found.long, found.frames) == (0.4, 80.0)
    with pytest.raises(ValueError, match="no short excerpts"):
        fit_shortest(Temperature(), outputs(Temperature(), 50, 0))


def test_what_cannot_be_calibrated_is_one_line(
    folder: Path, tmp_path: Path, command: Command
) -> None:
    write_labels(tmp_path, "gone.wav\tC major")
    out = tmp_path / "out.pt"
    for arguments, message in (
        ((PACKAGED_CHECKPOINT, tmp_path), "none of its audio is there"),
        ((folder / "labels.tsv", folder), "not a PyTorch file"),
    ):
        run = command("calibrate", *arguments, "--out", out)
        assert run.returncode == 1
        assert run.stderr.splitlines()[-1].startswith("training.calibrate:")
        assert message in run.stderr
        assert not out.exists()
    assert command("calibrate", PACKAGED_CHECKPOINT, "--out", out).returncode == 2


def test_a_recording_that_cannot_be_analysed_is_named_and_left_out(
    folder: Path, tmp_path: Path, command: Command
) -> None:
    soundfile.write(tmp_path / "short.wav", np.zeros(RATE // 2), RATE)
    out = tmp_path / "out.pt"
    write_labels(tmp_path, "short.wav\tC major")
    run = command("calibrate", PACKAGED_CHECKPOINT, folder, tmp_path, "--out", out)
    assert run.returncode == 1
    assert "short.wav: " in run.stderr
    for path in folder.glob("*.wav"):
        (tmp_path / path.name).symlink_to(path)
    own = (folder / "labels.tsv").read_text("utf-8")
    (tmp_path / "labels.tsv").write_text(own + "short.wav\tC major\n", encoding="utf-8")
    run = command("calibrate", PACKAGED_CHECKPOINT, tmp_path, "--out", out)
    assert run.returncode == 0, run.stderr
    assert "short.wav: " in run.stderr
    assert run.stdout.startswith("8 recordings: temperature ")
