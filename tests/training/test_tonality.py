"""Tonality: a regression with a known answer, and the commands on a corpus of a few excerpts."""

from __future__ import annotations

import math
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from keyscan.errors import ModelError
from keyscan.model.checkpoint import PACKAGED_CHECKPOINT, load_model
from keyscan.model.confidence import Tonality
from keyscan.model.network import KeyNet
from tests.second_generator import RATE, pieces
from tests.training.conftest import Command, write_labels
from training.music.sampled import FloatArray, SoundBankError
from training.music.timbres import SAMPLE_RATE
from training.shards import CorpusError, open_corpus
from training.synth import make_shard
from training.tonality.clarity import fit_clarity
from training.tonality.fit import Material, fit, teach
from training.tonality.sounds import NonTonalError

needs_espeak = pytest.mark.skipif(
    shutil.which("espeak-ng") is None, reason="apt-get install espeak-ng"
)
EXCERPTS, NEGATIVES = 12, 8


def clouds(separation: float, count: int = 400) -> tuple[FloatArray, FloatArray]:
    """Two normal clouds in six dimensions, of which the fourth never changes; scales differ."""
    scale = np.array([1, 100, 0.01, 0, 1, 1])
    centre, offset = scale * [separation, separation, 0, 0, 0, 0], np.array([5, -300, 1, 7, 0, 0])
    rng = np.random.default_rng(0)
    tonal, other = (rng.normal(size=(count, 6)) * scale + offset for _ in range(2))
    return (tonal + centre).astype(np.float32), other.astype(np.float32)


def test_the_regression_finds_the_direction_and_the_middle() -> None:
    tonal, other = clouds(2.0, 2000)
    tonality = fit(tonal, other, odds=1.0)
    # Two normal clouds with one spread: the log odds are linear, steepest between the centres.
    slopes = np.array(tonality.weights) * [1, 100, 0.01, 0, 1, 1]
    assert slopes[:2] == pytest.approx([slopes[0]] * 2, rel=0.25)
    assert abs(slopes[2:]).max() < 0.2 * slopes[0]
    assert tonality.weights[3] == 0
    middle = (tonal.mean(0) + other.mean(0)) / 2
    assert tonality.probability(middle, 0.0) == pytest.approx(0.5, abs=0.15)
    assert np.mean(tonality.log_odds(tonal) > 0) > 0.9
    assert np.mean(tonality.log_odds(other) < 0) > 0.9


def test_each_side_has_half_of_the_weight_however_many_it_has() -> None:
    tonal, other = clouds(1.0)
    middle = (tonal.mean(0) + other.mean(0)) / 2
    assert fit(tonal, other[:100], odds=1.0).probability(middle, 0.0) == pytest.approx(0.5, abs=0.1)


def test_odds_shift_the_decision_and_nothing_else() -> None:
    tonal, other = clouds(1.0)
    even, more = fit(tonal, other, odds=1.0), fit(tonal, other, odds=20.0)
    assert more.weights == even.weights
    assert more.bias - even.bias == pytest.approx(math.log(20))


def test_one_side_alone_is_refused() -> None:
    tonal, other = clouds(1.0)
    for sides in ((tonal, other[:0]), (tonal[:0], other)):
        with pytest.raises(ValueError, match="tracks with a key and tracks without"):
            fit(*sides)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    settings = {"seed": 3, "count": EXCERPTS, "seconds": 12.0, "shard": EXCERPTS}
    open_corpus(folder, settings)
    make_shard(folder, None, (), 3, EXCERPTS, 12.0, EXCERPTS, 0)
    return folder


def options(corpus: Path, bank: Path, out: Path, *more: str | Path) -> list[str | Path]:
    few = ["--excerpts", str(EXCERPTS), "--negatives", str(NEGATIVES)]
    return ["--corpus", corpus, "--bank", bank, "--out", out, *few, *more]


@pytest.fixture(scope="module")
def taught(corpus: Path, kit_bank: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("taught") / "taught.pt"
    arguments = options(corpus, kit_bank, out, "--odds", "3")
    command = [sys.executable, "-m", "training.tonality.fit", *arguments]
    found = subprocess.run(command, capture_output=True, text=True, timeout=250)
    assert found.returncode == 0, found.stderr
    assert found.stdout.startswith(f"{EXCERPTS} excerpts of music, 0.0 % of them in no key")
    assert not list(out.parent.glob("*.part"))
    return out


def test_the_clarity_of_the_tuning_tells_what_the_embedding_does_not() -> None:
    rng = np.random.default_rng(0)
    tonal = np.column_stack([rng.normal(0, 1, 4000), rng.uniform(0.5, 0.9, 4000)])
    other = np.column_stack([rng.normal(-3, 1, 4000), rng.uniform(0.0, 0.4, 4000)])
    before = Tonality((1.0, -1.0), 0.3)
    after = fit_clarity(before, tonal, other)
    assert after.weights == before.weights
    assert after.clarity > 5
    wrong = [
        np.mean([(log_odds + after.clarity * clarity + after.bias - before.bias < 0) == in_a_key
                 for log_odds, clarity in rows])
        for rows, in_a_key in ((tonal, True), (other, False))
    ]  # fmt: skip
    assert max(wrong) < 0.03
    with pytest.raises(ValueError, match="tracks with a key and tracks without"):
        fit_clarity(before, tonal, other[:0])


@needs_espeak
def test_the_command_adds_the_clarity_and_changes_nothing_else(
    kit_bank: Path, tmp_path: Path, command: Command
) -> None:
    out = tmp_path / "out.pt"
    run = command("tonality.clarity", "--bank", kit_bank, "--tracks", "6", "--out", out)
    assert run.returncode == 0, run.stderr
    before, after = (torch.load(path, weights_only=True) for path in (PACKAGED_CHECKPOINT, out))
    assert set(after) == set(before)
    for name in set(before) - {"tonality", "clarity_fit", "state_dict"}:
        assert after[name] == before[name]
    assert after["tonality"]["weights"] == before["tonality"]["weights"]
    tonality = load_model(out).tonality
    assert tonality is not None
    assert tonality.clarity == after["tonality"]["clarity"]


@needs_espeak
def test_the_command_adds_tonality_and_changes_nothing_else(taught: Path, corpus: Path) -> None:
    before, after = (torch.load(path, weights_only=True) for path in (PACKAGED_CHECKPOINT, taught))
    added = {"tonality", "tonality_fit"}
    assert set(after) == set(before) | added
    for name in set(before) - added - {"state_dict"}:
        assert after[name] == before[name]
    assert list(after["state_dict"]) == list(before["state_dict"])
    for name, value in before["state_dict"].items():
        assert torch.equal(after["state_dict"][name], value), name
    fitted = after["tonality_fit"]
    assert (fitted["excerpts"], fitted["seed"], fitted["odds"]) == (EXCERPTS, 1, 3.0)
    assert sum(fitted["negatives"].values()) == NEGATIVES
    assert fitted["corpora"][0]["seed"] == 3
    tonality = load_model(taught).tonality
    assert tonality is not None
    assert list(tonality.weights) == after["tonality"]["weights"]
    assert tonality.bias == after["tonality"]["bias"]


@needs_espeak
def test_what_is_there_already_plays_no_part(taught: Path, corpus: Path, kit_bank: Path) -> None:
    first = Tonality.from_checkpoint(torch.load(taught, weights_only=True))
    material = Material([corpus], kit_bank, EXCERPTS, NEGATIVES)
    second = Tonality.from_checkpoint(teach(taught, material, odds=3.0))
    assert first is not None
    assert second is not None
    assert second.weights == pytest.approx(first.weights, rel=1e-4, abs=1e-6)
    assert second.bias == pytest.approx(first.bias, rel=1e-4)


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("music")
    rows = []
    for number, piece in enumerate(list(pieces())[:4]):
        soundfile.write(folder / f"{number}.wav", piece.render(), RATE)
        rows.append(f"{number}.wav\t{piece.key.name('flats')}")
    write_labels(folder, *rows)
    return folder


@needs_espeak
def test_a_few_tracks_tell_music_from_noise(
    taught: Path, music: Path, tmp_path: Path, command: Command
) -> None:
    noise = tmp_path / "noise"
    noise.mkdir()
    for number in range(3):
        white = np.random.default_rng(number).standard_normal(3 * SAMPLE_RATE)
        soundfile.write(noise / f"{number}.wav", 0.1 * white, SAMPLE_RATE)
    sets = [music, "--loops", noise, "--model", taught, "--odds", "3", "1e20", "1e-20", "--tracks"]
    run = command("tonality.evaluate", *sets)
    *tracks, fitted, all_music, no_music = run.stdout.strip().split("odds ")
    listed = [line.split("\t") for line in tracks[0].splitlines()]
    assert [row[:2] for row in listed[-3:]] == [["loops", f"noise/{n}"] for n in range(3)]
    assert len(listed) == 4 + 3
    assert all((float(row[2]) > 0.5) == (row[0] == music.name) for row in listed)
    for table, expected in ((fitted, (0, 100)), (all_music, (0, 0)), (no_music, (100, 100))):
        rows = [line.split() for line in table.splitlines()[1:] if line]
        assert [row[0] for row in rows] == [music.name, "loops"]
        assert [int(row[1]) for row in rows] == [4, 3]
        assert [float(row[2]) for row in rows] == list(expected)


def test_what_cannot_be_taught_is_told(
    corpus: Path, kit_bank: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keynet, nowhere = tmp_path / "keynet.pt", tmp_path / "nowhere"
    torch.save(KeyNet().state_dict(), keynet)
    material = Material([corpus], kit_bank, EXCERPTS, NEGATIVES)
    with pytest.raises(ModelError, match=r"not a checkpoint of training\.train"):
        teach(keynet, material)
    with pytest.raises(CorpusError, match="not a corpus"):
        teach(PACKAGED_CHECKPOINT, replace(material, corpora=[corpus, kit_bank]))
    with pytest.raises(SoundBankError, match="no sound bank"):
        teach(PACKAGED_CHECKPOINT, replace(material, bank=nowhere))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NonTonalError, match="apt-get install espeak-ng"):
        teach(PACKAGED_CHECKPOINT, material)


def test_an_error_is_one_line_and_leaves_nothing(
    corpus: Path, tmp_path: Path, command: Command
) -> None:
    run = command("tonality.fit", *options(corpus, tmp_path / "nowhere", tmp_path / "out.pt"))
    assert run.returncode == 1
    assert run.stderr.startswith("training.tonality.fit: ")
    assert "no sound bank" in run.stderr
    assert len(run.stderr.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_a_checkpoint_without_tonality_cannot_be_judged(
    music: Path, tmp_path: Path, command: Command
) -> None:
    torch.save(KeyNet().state_dict(), tmp_path / "keynet.pt")
    run = command("tonality.evaluate", music, "--model", tmp_path / "keynet.pt")
    assert run.returncode == 1
    assert run.stderr.startswith("training.tonality.evaluate: ")
    assert "no tonality" in run.stderr
