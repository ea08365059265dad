"""Training: transposition moves target and music together; a resumed run ends where it should."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from keyscan.keys import KEYS, Key
from keyscan.model.checkpoint import load_model
from keyscan.model.network import NetworkSettings
from tests.training.conftest import Command
from training.augment import augment
from training.average import average
from training.batches import batches, make_batch
from training.datasets import DatasetError, Track, TrackSet
from training.settings import TrainingSettings
from training.shards import (
    MARGIN_BINS,
    WIDE_BINS,
    Corpus,
    open_corpus,
    write_shard,
    write_shards,
)
from training.synth import synthesise
from training.train import train
from training.trainer import Trainer, has_bfloat16, load_state

TINY = TrainingSettings(seed=3, epochs=2, epoch_size=16, batch=4, shortest=3.0, longest=4.0)
SMALL = NetworkSettings(stem=4, pitch=4, ring=6, head=6)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    synthesise(folder, count=6, seed=2, jobs=1, seconds=5.0, shard_size=6)
    return folder


def weights(path: Path) -> dict[str, torch.Tensor]:
    loaded = torch.load(path, weights_only=True)
    state: dict[str, torch.Tensor] = loaded["state_dict"]
    return state


def test_a_batch_is_transposed_together_with_its_targets(tmp_path: Path) -> None:
    """One bin sounds in each excerpt: that of its tonic. It has to move as the target does."""
    keys = [Key(tonic, "minor") for tonic in range(12)]
    wide = np.zeros((12, WIDE_BINS, 30), np.float16)
    for row, key in enumerate(keys):
        wide[row, MARGIN_BINS + 24 + 2 * key.tonic] = 1
    open_corpus(tmp_path, {})
    write_shard(tmp_path, 0, wide, np.array([key.class_id for key in keys], np.int8))
    corpus, rng = Corpus([tmp_path]), np.random.default_rng(0)
    seen = set()
    for _ in range(20):
        spectrograms, targets = make_batch([(corpus, index) for index in range(12)], TINY, rng)
        assert targets.shape == (12, 24)
        assert (targets.sum(1) == 1).all()
        assert spectrograms.shape[:2] == (12, 105)
        assert 15 <= spectrograms.shape[2] <= 20
        for spectrogram, label in zip(spectrograms, targets.argmax(1).tolist(), strict=True):
            assert (int(spectrogram[:, 0].argmax()) // 2) % 12 == KEYS[label].tonic
            assert KEYS[label].mode == "minor"
            seen.add(label)
    assert len(seen) == 12


def test_a_soft_target_is_transposed_together_with_the_music(tmp_path: Path) -> None:
    """The bin that sounds is that of the more probable tonic; the other key is its relative."""
    wide = np.zeros((1, WIDE_BINS, 30), np.float16)
    wide[0, MARGIN_BINS + 24] = 1
    c_major, a_minor = Key(0, "major"), Key(9, "minor")
    target = np.zeros(24, np.float16)
    target[[c_major.class_id, a_minor.class_id]] = 0.75, 0.25
    open_corpus(tmp_path, {})
    write_shards(tmp_path, [(wide[0], target)], 4)
    corpus, rng = Corpus([tmp_path]), np.random.default_rng(0)
    assert corpus.keys.tolist() == [c_major.class_id]
    seen = set()
    for _ in range(40):
        spectrograms, targets = make_batch([(corpus, 0)], TINY, rng)
        tonic = (int(spectrograms[0, :, 0].argmax()) // 2) % 12
        expected = torch.zeros(24)
        expected[c_major.transposed(tonic).class_id] = 0.75
        expected[a_minor.transposed(tonic).class_id] = 0.25
        assert torch.equal(targets[0], expected)
        seen.add(tonic)
    assert len(seen) == 12


def test_soft_targets_are_learned_as_they_are(tmp_path: Path) -> None:
    """A network that favours a mode has, on a target half in each, a loss between the modes'."""
    open_corpus(tmp_path, {})
    both = np.zeros(24, np.float16)
    both[[Key(0, "major").class_id, Key(0, "minor").class_id]] = 0.5
    write_shards(tmp_path, [(np.ones((WIDE_BINS, 20), np.float16), both)] * 4, 4)
    settings = replace(TINY, label_smoothing=0.0, learning_rate=1e-6)
    trainer = Trainer(SMALL, settings, Corpus([tmp_path]), "cpu")
    torch.nn.init.zeros_(trainer.network.logits.weight)
    with torch.no_grad():
        trainer.network.logits.bias.copy_(torch.tensor([3.0, -3.0]))
    loss, _ = trainer.run_epoch()
    assert loss == pytest.approx(np.log(12 * np.exp(3) + 12 * np.exp(-3)), abs=0.01)


def test_augmentation_keeps_shape_and_keeps_most_of_the_music() -> None:
    spectrograms = torch.rand(16, 105, 40, generator=torch.Generator().manual_seed(1)) * 2
    first, again = (augment(spectrograms, torch.Generator().manual_seed(5)) for _ in range(2))
    assert torch.equal(first, again)
    assert first.shape == spectrograms.shape
    assert torch.isfinite(first).all()
    assert not torch.equal(first, augment(spectrograms, torch.Generator().manual_seed(6)))
    assert (first > 0).float().mean() > 0.8


def test_batches_depend_on_seed_and_epoch_only(folder: Path) -> None:
    corpus = Corpus([folder])
    once, again = (list(batches(corpus, TINY, 1)) for _ in range(2))
    assert len(once) == 4
    for (spectrograms, targets), (others, other_targets) in zip(once, again, strict=True):
        assert torch.equal(spectrograms, others)
        assert torch.equal(targets, other_targets)
    other_epoch = next(iter(batches(corpus, TINY, 0)))
    assert not torch.equal(once[0][0], other_epoch[0])


def test_recordings_have_their_share_of_every_batch_and_both_modes_alike(
    folder: Path, tmp_path: Path
) -> None:
    """Nine minor recordings and one major one, each full of one magnitude that tells it."""
    open_corpus(tmp_path, {})
    keys = [Key(0, "minor").class_id] * 9 + [Key(0, "major").class_id]
    write_shard(tmp_path, 0, np.full((10, WIDE_BINS, 20), 9, np.float16), np.array(keys, np.int8))
    settings = replace(TINY, epoch_size=400, batch=8, recorded=0.5)
    modes: list[str] = []
    for _, targets in batches(Corpus([folder]), settings, 0, Corpus([tmp_path])):
        assert len(targets) == 8
        modes += [KEYS[label].mode for label in targets[4:].argmax(1).tolist()]
    assert len(modes) == 200
    assert 70 < modes.count("major") < 130


def test_a_resumed_run_ends_with_the_weights_of_an_uninterrupted_one(
    folder: Path, tmp_path: Path
) -> None:
    corpus = Corpus([folder])
    train(Trainer(SMALL, TINY, corpus, "cpu"), tmp_path / "whole", [], None)

    stopped = Trainer(SMALL, TINY, corpus, "cpu")
    stopped.run_epoch()
    torch.save(stopped.state(), tmp_path / "last.pt")
    resumed = Trainer(SMALL, TINY, corpus, "cpu")
    resumed.resume(load_state(tmp_path / "last.pt"))
    assert resumed.epoch == 1
    train(resumed, tmp_path / "resumed", [], None)

    whole = weights(tmp_path / "whole" / "epoch-02.pt")
    for name, value in weights(tmp_path / "resumed" / "epoch-02.pt").items():
        assert torch.equal(value, whole[name]), name
    first = weights(tmp_path / "whole" / "epoch-01.pt")
    assert any(not torch.equal(whole[name], first[name]) for name in whole)


def test_bfloat16_is_used_where_the_processor_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Elsewhere it is emulated, many times slower."""
    for found, fast in (({"avx512_bf16": True}, True), ({"amx_bf16": True}, True),
                        ({"avx2": True, "avx512_bf16": False}, False), ({}, False)):  # fmt: skip
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda found=found: found)
        assert has_bfloat16("cpu") == fast
        assert has_bfloat16("cuda")


def test_a_run_is_not_resumed_with_other_settings(folder: Path) -> None:
    corpus = Corpus([folder])
    state = Trainer(SMALL, TINY, corpus, "cpu").state()
    other = replace(TINY, seed=4)
    with pytest.raises(ValueError, match="begun with other settings"):
        Trainer(SMALL, other, corpus, "cpu").resume(state)
    twice = Corpus([folder, folder])
    with pytest.raises(ValueError, match="begun with other corpora"):
        Trainer(SMALL, TINY, twice, "cpu").resume(state)


def test_a_damaged_state_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "last.pt"
    path.write_bytes(b"half a file")
    with pytest.raises(ValueError, match=r"last\.pt: damaged"):
        load_state(path)
    torch.save({"state_dict": {}}, path)
    with pytest.raises(ValueError, match="not the state of a training run"):
        load_state(path)


@pytest.mark.parametrize("part", ["network", "optimiser", "schedule", "epoch", "torch_rng"])
def test_a_state_with_garbage_in_it_is_an_error(folder: Path, part: str) -> None:
    trainer = Trainer(SMALL, TINY, Corpus([folder]), "cpu")
    state = trainer.state()
    with pytest.raises(ValueError, match="damaged state"):
        trainer.resume({name: value for name, value in state.items() if name != part})
    with pytest.raises(ValueError, match="damaged state"):
        trainer.resume(state | {part: None})


def test_resuming_from_another_program_s_file_is_one_line(
    folder: Path, tmp_path: Path, command: Command
) -> None:
    torch.save({"optimiser": {}, "model": {}}, tmp_path / "last.pt")
    run = command("train", "--corpus", folder, "--out", tmp_path, "--resume")
    assert run.returncode == 1
    assert run.stderr.startswith("training.train:")
    assert len(run.stderr.splitlines()) == 1


def test_a_run_is_not_begun_where_it_cannot_be_written_or_watched(
    folder: Path, tmp_path: Path
) -> None:
    trainer = Trainer(SMALL, TINY, Corpus([folder]), "cpu")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError, match="file"):
        train(trainer, tmp_path / "file", [], None)
    absent = TrackSet("dev", (), (tmp_path / "gone.wav",))
    with pytest.raises(DatasetError, match="dev: none of its audio is there"):
        train(trainer, tmp_path / "run", [absent], None)
    damaged = TrackSet("dev", (Track(tmp_path / "file", Key(0, "major")),))
    with pytest.raises(DatasetError, match="dev: "):
        train(trainer, tmp_path / "run", [damaged], None)
    assert trainer.epoch == 0


def test_the_command_writes_a_checkpoint_that_the_analyser_loads(
    folder: Path, tmp_path: Path, command: Command
) -> None:
    few = "--epochs", "1", "--epoch-size", "4", "--batch", "2"
    run = command("train", "--corpus", folder, "--out", tmp_path / "run", *few)
    assert run.returncode == 0, run.stderr
    model = load_model(tmp_path / "run" / "epoch-01.pt")
    assert model.info.settings["training"]["corpora"][0]["seed"] == 2
    assert model.logits(np.ones((105, 20), np.float32)).shape == (24,)
    again = command("train", "--corpus", folder, "--out", tmp_path / "run", *few)
    assert again.returncode == 2
    assert "holds a run: --resume continues it" in again.stderr
    wrong = command("train", "--corpus", tmp_path, "--out", tmp_path)
    assert wrong.returncode == 1
    assert wrong.stderr.startswith("training.train:")


def test_neighbouring_epochs_are_averaged_and_runs_are_not_mixed(
    folder: Path, tmp_path: Path
) -> None:
    corpus = Corpus([folder])
    train(Trainer(SMALL, TINY, corpus, "cpu"), tmp_path, [], None)
    paths = [tmp_path / "epoch-01.pt", tmp_path / "epoch-02.pt"]
    averaged = average(paths)
    torch.save(averaged, tmp_path / "averaged.pt")
    assert load_model(tmp_path / "averaged.pt").info.settings["training"]["epoch"] == [1, 2]
    first, second = (weights(path) for path in paths)
    for name, value in averaged["state_dict"].items():
        if value.is_floating_point():
            assert torch.allclose(value, (first[name] + second[name]) / 2, atol=1e-6), name
    other = Trainer(SMALL, replace(TINY, seed=4), corpus, "cpu")
    torch.save(other.checkpoint({}), tmp_path / "other.pt")
    with pytest.raises(ValueError, match="one run"):
        average([paths[0], tmp_path / "other.pt"])
