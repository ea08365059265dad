"""Options that make nothing, or make no sense, are refused before anything is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.training.conftest import Command

REFUSED = [
    ("synth", "--jobs 0", "--jobs: "),
    ("synth", "--count 0", "--count: "),
    ("synth", "--count -3", "--count: "),
    ("synth", "--seconds nan", "--seconds: "),
    ("synth", "--seed -1", "--seed: "),
    ("modulations.make", "--count 0", "--count: at least 1"),
    ("recordings", ". --temperature 0", "--temperature: from 0.01 to 100"),
    ("recordings", ". --temperature nan", "--temperature: from 0.01 to 100"),
    ("recordings", ". --shortest 5", "--shortest: at least the length of an excerpt"),
    ("recordings", ". --jobs 0", "--jobs: at least 1"),
    ("labelled", ". --folds 1", "--folds: at least 2"),
    ("labelled", ". --per-track 0", "--per-track: at least 1"),
    ("labelled", ". --seconds 1", "--seconds: at least 1.5"),
    ("labelled", ". --seconds nan", "--seconds: at least 1.5"),
    ("labelled", ". --jobs 0", "--jobs: at least 1"),
    ("train", "--corpus . --epoch-size 10", "--epoch-size: at least a batch (64)"),
    ("train", "--corpus . --batch 0", "--batch: at least 1"),
    ("train", "--corpus . --epochs 0", "--epochs: at least 1"),
    ("train", "--corpus . --shortest 30", "--longest: at least shortest"),
    ("train", "--corpus . --learning-rate nan", "--learning-rate: must be positive"),
    ("tonality.fit", "--corpus . --bank . --odds 0", "--odds: "),
    ("tonality.fit", "--corpus . --bank . --negatives 0", "--negatives: "),
    ("tonality.fit", "--corpus . --bank . --seed -1", "--seed: "),
    ("tonality.clarity", "--bank . --tracks 0", "--tracks: at least 1"),
    ("tonality.clarity", "--bank . --seed -1", "--seed: at least 0"),
]


@pytest.mark.parametrize(("name", "options", "message"), REFUSED)
def test_it_is_refused(
    name: str, options: str, message: str, tmp_path: Path, command: Command
) -> None:
    run = command(name, *options.split(), "--out", tmp_path / "out")
    assert run.returncode == 2
    assert message in run.stderr
    assert not (tmp_path / "out").exists()
