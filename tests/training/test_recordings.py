"""Recordings become a corpus: real files, the real front end, real checkpoints as teachers."""

from __future__ import annotations

import csv
import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from keyscan.keys import Key
from keyscan.model.checkpoint import PACKAGED_CHECKPOINT
from keyscan.spectrogram.constant_q import N_BINS
from keyscan.spectrogram.features import extract_features
from tests.cadences import RATE, cadences
from tests.training.conftest import Command
from training.recordings import label, summary
from training.shards import MARGIN_BINS, WIDE_BINS, Corpus, CorpusError, shard_path
from training.teachers import Rules, hear

RULES = Rules(seconds=6.0, per_track=4, shortest=24.0)
E_MINOR, C_MAJOR = Key.parse("E minor"), Key.parse("C major")


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clear key, twice, a track that modulates, noise, silence, damage and a jingle."""
    folder = tmp_path_factory.mktemp("music")
    (folder / "deep").mkdir()
    clear = cadences(E_MINOR, 28)
    soundfile.write(folder / "deep" / "e minor.flac", clear, RATE)
    soundfile.write(folder / "e minor again.ogg", 0.5 * clear, RATE)
    (folder / "the same bytes.flac").write_bytes((folder / "deep" / "e minor.flac").read_bytes())
    changing = np.concatenate([cadences(C_MAJOR, 24), cadences(Key.parse("F# major"), 8)])
    soundfile.write(folder / "modulates.wav", changing, RATE)
    noise = np.random.default_rng(1).uniform(-0.5, 0.5, 28 * RATE)
    soundfile.write(folder / "noise.wav", noise, RATE)
    soundfile.write(folder / "silence.wav", np.zeros(28 * RATE), RATE)
    soundfile.write(folder / "jingle.wav", cadences(C_MAJOR, 4), RATE)
    (folder / "damaged.mp3").write_bytes(b"ID3 and then nothing that is sound" * 99)
    (folder / "notes.txt").write_text("no audio by its name")
    return folder


@pytest.fixture(scope="module")
def corpus(music: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("corpus")
    label([music], out, [PACKAGED_CHECKPOINT], rules=RULES, jobs=2)
    return out


def rows(corpus: Path) -> dict[str, dict[str, str]]:
    with (corpus / "tracks.tsv").open(encoding="utf-8", newline="") as file:
        return {Path(row["file"]).name: row for row in csv.DictReader(file, delimiter="\t")}


def contents(corpus: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in corpus.iterdir() if path.is_file()}


def test_all_excerpts_of_a_track_have_its_target(corpus: Path) -> None:
    kept = {n: r for n, r in rows(corpus).items() if r["outcome"] == "kept"}
    stored = Corpus([corpus])
    assert len(stored) == sum(int(row["excerpts"]) for row in kept.values()) == 12
    for start in range(0, 12, 4):
        assert (stored.targets[start : start + 4] == stored.targets[start]).all()
    assert (stored.targets.argmax(1) == stored.keys).all()
    assert stored.spectrogram(0).shape == (WIDE_BINS, RULES.frames)
    assert stored.settings[0]["recordings"] == 7
    assert stored.settings[0]["folders"] == 1
    assert stored.settings[0]["temperature"] == RULES.temperature


def test_the_target_of_a_clear_key_is_sharp_and_that_of_noise_is_flat(corpus: Path) -> None:
    found = rows(corpus)
    for name, key in (("modulates.wav", "C major"), ("noise.wav", None)):
        row = found[name]
        assert row["outcome"] == "kept"
        assert key is None or row["key"] == key
    clear = next(r for r in found.values() if r["key"] == "E minor" and r["outcome"] == "kept")
    assert float(clear["probability"]) > 0.9
    assert float(found["noise.wav"]["probability"]) < 0.5


def test_a_lower_temperature_makes_sharper_targets(music: Path) -> None:
    path, teachers = music / "noise.wav", (PACKAGED_CHECKPOINT,)
    flat, sharp = (
        hear(path, teachers, replace(RULES, temperature=temperature)).target
        for temperature in (2.0, 0.2)
    )
    assert flat.argmax() == sharp.argmax()
    assert flat.max() < sharp.max()


def test_silence_around_the_music_changes_nothing(music: Path, tmp_path: Path) -> None:
    """Nor do its excerpts contain it."""
    samples = cadences(E_MINOR, 28)
    silence = np.zeros(20 * RATE, np.float32)
    soundfile.write(tmp_path / "padded.wav", np.concatenate([silence, samples, silence]), RATE)
    padded = hear(tmp_path / "padded.wav", (PACKAGED_CHECKPOINT,), RULES)
    bare = hear(music / "deep" / "e minor.flac", (PACKAGED_CHECKPOINT,), RULES)
    assert np.abs(padded.target - bare.target).max() < 0.02
    assert len(padded.excerpts) == 4
    assert padded.excerpts.max(axis=1).min() > 0.01
    jingle = np.concatenate([silence, cadences(C_MAJOR, 12), silence])
    soundfile.write(tmp_path / "jingle.wav", jingle, RATE)
    problem = hear(tmp_path / "jingle.wav", (PACKAGED_CHECKPOINT,), RULES).problem
    assert problem[0] == "too_short"


def test_what_cannot_be_used_is_left_out_and_said(corpus: Path, music: Path) -> None:
    found = rows(corpus)
    assert found["jingle.wav"]["outcome"] == "too_short"
    assert found["damaged.mp3"]["outcome"] == "failed"
    assert found["damaged.mp3"]["problem"]
    assert found["silence.wav"]["outcome"] == "failed"
    assert found["silence.wav"]["problem"].startswith("silent: ")
    verdicts = label([music], corpus, [PACKAGED_CHECKPOINT], rules=RULES)
    text = summary(verdicts)
    assert text.startswith("7 files: ")
    assert f"failed: {music.name}/damaged.mp3: " in text
    assert "12 excerpts of 3 tracks" in text


def test_copies_count_once(corpus: Path) -> None:
    """Of equal bytes one is read; an encoding of the same music at half the level is a copy."""
    names = rows(corpus).keys()
    assert ("e minor.flac" in names) != ("the same bytes.flac" in names)
    outcomes = [
        rows(corpus)[name]["outcome"] for name in names if "minor" in name or "same" in name
    ]
    assert sorted(outcomes) == ["copy", "kept"]


def test_the_analysers_part_is_what_the_analyser_sees(music: Path) -> None:
    heard = hear(music / "deep" / "e minor.flac", (PACKAGED_CHECKPOINT,), RULES)
    whole = extract_features(music / "deep" / "e minor.flac").spectrogram
    first = int(0.5 * whole.shape[1] / 4 - RULES.frames / 2)
    expected = whole[:, first : first + RULES.frames]
    seen = heard.excerpts[0, MARGIN_BINS : MARGIN_BINS + N_BINS].astype(np.float32)
    assert np.abs(seen - expected).mean() < 0.01 * expected.mean()


def test_teachers_that_disagree_give_a_target_between_theirs(music: Path, tmp_path: Path) -> None:
    """The second teacher calls the first one's minor major, and its major minor."""
    checkpoint = torch.load(PACKAGED_CHECKPOINT, weights_only=True)
    weights = checkpoint["state_dict"]
    for name in weights:
        if name.endswith(("logits.weight", "logits.bias")):
            weights[name] = weights[name].flip(0)
    torch.save(checkpoint, tmp_path / "contrary.pt")
    teachers = PACKAGED_CHECKPOINT, tmp_path / "contrary.pt"
    path = music / "deep" / "e minor.flac"
    one, other = (hear(path, (teacher,), RULES).target for teacher in teachers)
    both = hear(path, teachers, RULES).target
    assert one.argmax() == E_MINOR.class_id != other.argmax()
    assert np.abs(both - (one + other) / 2).max() < 0.001
    assert 0.4 < both[E_MINOR.class_id] < 0.6


def test_what_is_held_out_is_not_used(music: Path, corpus: Path, tmp_path: Path) -> None:
    """Not even another encoding of it."""
    soundfile.write(tmp_path / "yardstick.ogg", 0.8 * cadences(E_MINOR, 28), RATE)
    out = tmp_path / "corpus"
    verdicts = label([music], out, [PACKAGED_CHECKPOINT], held_out=[tmp_path], rules=RULES)
    outcomes = {Path(recording.name).name: verdict.outcome for recording, verdict in verdicts}
    assert sorted(outcomes.values()) == [
        *["failed"] * 2,
        *["held out"] * 2,
        *["kept"] * 2,
        "too_short",
    ]
    assert outcomes["e minor again.ogg"] == "held out"
    assert len(Corpus([out])) == 8


def test_resuming_makes_what_an_uninterrupted_run_makes(
    music: Path, corpus: Path, tmp_path: Path
) -> None:
    whole = contents(corpus)
    tracks = sorted((corpus / "tracks").iterdir())
    untouched = tracks[0].stat().st_mtime_ns
    tracks[-1].unlink()
    shard_path(corpus, 0).unlink()
    label([music], corpus, [PACKAGED_CHECKPOINT], rules=RULES)
    assert contents(corpus) == whole
    assert tracks[0].stat().st_mtime_ns == untouched


def test_other_settings_or_damage_are_refused(music: Path, corpus: Path) -> None:
    with pytest.raises(CorpusError, match="other settings"):
        label(
            [music], corpus, [PACKAGED_CHECKPOINT], rules=Rules(**asdict(RULES) | {"per_track": 3})
        )
    path = sorted((corpus / "tracks").iterdir())[0]
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CorpusError, match=r"npz: damaged"):
        label([music], corpus, [PACKAGED_CHECKPOINT], rules=RULES)
    path.write_bytes(whole)


def test_the_command(music: Path, tmp_path: Path, command: Command) -> None:
    folder = tmp_path / "few"
    folder.mkdir()
    (folder / "e minor.flac").write_bytes((music / "deep" / "e minor.flac").read_bytes())
    options = "--jobs", "1", "--seconds", "6", "--shortest", "24"
    run = command("recordings", folder, "--out", tmp_path / "corpus", *options)
    assert run.returncode == 0, run.stderr
    assert "1 of 1: few/e minor.flac" in run.stdout
    assert "4 excerpts of 1 tracks, 0 major, 1 minor" in run.stdout
    settings = json.loads((tmp_path / "corpus" / "settings.json").read_text())
    assert len(settings["teachers"][0]) == 64
    assert str(tmp_path) not in json.dumps(settings)


def test_what_is_not_there_is_named(music: Path, tmp_path: Path, command: Command) -> None:
    for option, said in (("--teachers", "cannot be read"), ("--held-out", "no such folder")):
        run = command("recordings", music, "--out", tmp_path / "corpus", option, "nowhere")
        assert run.returncode == 1
        assert run.stderr.startswith(f"training.recordings: nowhere: {said}")
        assert not (tmp_path / "corpus").exists()
