"""Checkpoints that were trained apart are joined, and answer with the mean of their logits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from keyscan.errors import ModelError
from keyscan.model.checkpoint import load_model
from keyscan.model.network import NetworkSettings
from tests.training.conftest import Command
from training.average import average
from training.checkpoints import read_checkpoint
from training.settings import TrainingSettings
from training.shards import Corpus
from training.synth import synthesise
from training.train import Trainer, train

TINY = TrainingSettings(seed=3, epochs=1, epoch_size=8, batch=4, shortest=3.0, longest=4.0)
SMALL = NetworkSettings(stem=4, pitch=4, ring=6, head=6)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    folder = tmp_path_factory.mktemp("corpus")
    synthesise(folder, count=6, seed=2, jobs=1, seconds=5.0, shard_size=6)
    return Corpus([folder])


@pytest.fixture(scope="module")
def apart(corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three checkpoints of untrained networks with different weights."""
    folder = tmp_path_factory.mktemp("apart")
    paths = [folder / f"{seed}.pt" for seed in (1, 2, 3)]
    for seed, path in enumerate(paths):
        settings = TrainingSettings(seed=seed, epoch_size=8, batch=4)
        checkpoint = Trainer(SMALL, settings, corpus, "cpu").checkpoint({})
        torch.save(checkpoint | {"temperature": 0.5}, path)
    return paths


def test_an_ensemble_answers_with_the_mean_of_its_members_logits(
    apart: list[Path], tmp_path: Path, command: Command
) -> None:
    joined = tmp_path / "joined.pt"
    done = command("ensemble", *apart, "--out", joined)
    assert done.returncode == 0, done.stderr
    model, members = load_model(joined), [load_model(path) for path in apart]
    assert model.info.parameters == sum(member.info.parameters for member in members)
    assert model.temperature.long == 1.0  # those of the members do not hold for their mean
    long = 2000  # frames: more than the model reads at once
    for frames in (20, 64, 333, long):
        spectrogram = np.random.default_rng(frames).random((105, frames), np.float32) * 2
        each = np.array([member.logits(spectrogram) for member in members])
        found = model(model.to_input(spectrogram))
        assert np.ptp(each, axis=0).max() > 1e-4  # the members differ
        assert np.abs(found.logits - each.mean(0)).max() < 1e-5
        assert found.embedding is not None
        assert found.embedding.shape == (3 * 2 * SMALL.ring,)
        blocks = model.classify(found.blocks)
        assert blocks.shape == (-(-max(frames, 50) // 16), 24)


def test_training_continues_from_an_ensemble(
    apart: list[Path], corpus: Corpus, tmp_path: Path, command: Command
) -> None:
    joined = tmp_path / "joined.pt"
    assert command("ensemble", *apart[:2], "--out", joined).returncode == 0
    start = read_checkpoint(joined)
    trainer = Trainer(start.architecture, TINY, corpus, "cpu", start=start)
    train(trainer, tmp_path, [], None)
    tuned = read_checkpoint(tmp_path / "epoch-01.pt")
    assert tuned.members == 2
    before, after = start.content["state_dict"], tuned.content["state_dict"]
    moved = {name for name in before if not torch.equal(before[name].float(), after[name].float())}
    assert {"members.0.stem.conv.weight", "members.1.stem.conv.weight"} <= moved
    assert load_model(tmp_path / "epoch-01.pt").info.settings["training"]["start"] == start.sha256


def test_what_cannot_be_joined_is_named(
    apart: list[Path], corpus: Corpus, tmp_path: Path, command: Command
) -> None:
    joined, wide = tmp_path / "joined.pt", tmp_path / "wide.pt"
    assert command("ensemble", *apart[:2], "--out", joined).returncode == 0
    torch.save(Trainer(NetworkSettings(stem=6), TINY, corpus, "cpu").checkpoint({}), wide)
    for paths, text in (
        (apart[:1], "at least two"),
        ([apart[0], joined], f"{joined}: already an ensemble"),
        ([apart[0], wide], f"{wide}: another architecture"),
        ([apart[0], tmp_path / "none.pt"], "none.pt"),
    ):
        failed = command("ensemble", *paths, "--out", tmp_path / "new.pt")
        assert failed.returncode == 1
        assert failed.stderr.startswith("training.ensemble: ")
        assert text in failed.stderr
    assert not (tmp_path / "new.pt").exists()
    with pytest.raises(ValueError, match="one run"):
        average([joined, joined])


@pytest.mark.parametrize("members", [0, 1.5, "two", 3])
def test_a_wrong_number_of_members_is_refused(
    apart: list[Path], tmp_path: Path, command: Command, members: object
) -> None:
    joined = tmp_path / "joined.pt"
    assert command("ensemble", *apart[:2], "--out", joined).returncode == 0
    content = torch.load(joined, weights_only=True)
    torch.save(content | {"members": members}, joined)
    with pytest.raises(ModelError, match=r"damaged checkpoint|lacks the parameter"):
        load_model(joined)
