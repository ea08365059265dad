"""Recordings with known keys become a corpus, or folds: real files in the layouts of sources."""

from __future__ import annotations

import csv
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
import torch
from numpy.typing import NDArray

from keyscan.keys import KEYS, Key
from keyscan.model.checkpoint import PACKAGED_CHECKPOINT, load_model
from keyscan.model.confidence import Temperature
from keyscan.model.network import NetworkSettings
from tests.audio_files import FORMATS
from tests.cadences import RATE, cadences
from tests.training.conftest import Command, write_labels
from training.datasets import DatasetError, read_features
from training.excerpts import cut_excerpts, frames_of, wide_spectrogram
from training.features import Labelled, read_array, write_features
from training.heard import hear
from training.labelled import Cut, Row, label, summary
from training.music.excerpt import make_excerpt
from training.music.timbres import SAMPLE_RATE
from training.processes import ProcessDied, run_all
from training.settings import TrainingSettings
from training.shards import WIDE_BINS, Corpus, CorpusError
from training.sources import read_source
from training.synth import synthesise
from training.trainer import Trainer

CUT = Cut(seconds=6.0, per_track=2)
SECONDS = 14.0


def music(number: int, seconds: float = SECONDS) -> tuple[NDArray[np.float32], str]:
    """A synthetic excerpt at 22,050 Hz, and its key."""
    excerpt = make_excerpt(5, number, seconds)
    samples = soxr.resample(excerpt.samples, SAMPLE_RATE, RATE, "HQ").astype(np.float32)
    return samples / max(1.0, np.abs(samples).max()), excerpt.key.name("flats")


def write_mp3(path: Path, samples: NDArray[np.float32]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    FORMATS["mp3"].write(path, np.stack([samples, samples], axis=1), RATE)


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A source of each kind. Number 0 is in two of them, 1 has two keys, 7 is a clip of 4 s."""
    root = tmp_path_factory.mktemp("sources")
    own = root / "own"
    (own / "deep").mkdir(parents=True)
    rows = []
    for number, name in ((0, "deep/0.flac"), (1, "1.wav"), (2, "2.flac"), (7, "7.wav")):
        samples, key = music(number, 4.0 if number == 7 else SECONDS)
        soundfile.write(own / name, samples, RATE)
        rows.append(f"{name}\t{key}")
    soundfile.write(own / "blip.wav", cadences(KEYS[0], 1), RATE)
    soundfile.write(own / "silence.wav", np.zeros(5 * RATE), RATE)
    (own / "damaged.mp3").write_bytes(b"ID3 and then nothing that is sound" * 99)
    bad = "blip.wav", "silence.wav", "damaged.mp3", "gone.wav"
    write_labels(own, *rows, *(f"{name}\tC" for name in bad))

    giantsteps = root / "giantsteps"
    (giantsteps / "annotations" / "key").mkdir(parents=True)
    for number in (1, 3):
        samples, key = music(number)
        write_mp3(giantsteps / "audio" / f"{number}.LOFI.mp3", samples)
        if number == 1:
            key = Key.parse(key).transposed(7).name("sharps")
        (giantsteps / "annotations" / "key" / f"{number}.LOFI.key").write_text(key, "utf-8")

    mtg = root / "mtg"
    table = ["ID\tMANUAL KEY\tC"]
    for number in (0, 4):
        samples, key = music(number)
        write_mp3(mtg / "audio" / f"{number}.LOFI.mp3", 0.5 * samples)
        table.append(f"{number}\t{key}\t2")
    (mtg / "annotations").mkdir()
    table += ["8\tC minor\t1", "9\tC minor / F minor\t2", ""]
    (mtg / "annotations" / "annotations.txt").write_text("\n".join(table), "utf-8")

    fma = root / "fma"
    samples, key = music(5)
    write_mp3(fma / "fma_large" / "000" / "000005.mp3", samples)
    lines = [",key_and_mode,track_id,spotify_uri", f"0,{key},5,", "1,A minor,6,", ""]
    (fma / "fmakv2.csv").write_text("\n".join(lines), "utf-8")

    samples, key = music(6)
    soundfile.write(root / "6.wav", samples, RATE)
    wide, seconds = wide_spectrogram(root / "6.wav")
    given = Labelled(wide.astype(np.float16), Key.parse(key), seconds, "the sixth")
    write_features(root / "given.npz", [given])
    return [own, giantsteps, mtg, fma, root / "given.npz"]


@pytest.fixture(scope="module")
def made(sources: list[Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Row]]:
    out = tmp_path_factory.mktemp("made") / "folds"
    return out, label([read_source(path) for path in sources], out, folds=2, cut=CUT, jobs=2)


def contents(folder: Path) -> dict[str, bytes]:
    """The corpora and the sets, without the heard recordings and the table of the outcomes."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.parent.name != "tracks" and path.name != "tracks.tsv"
    }


def outcomes(rows: list[Row]) -> dict[str, str]:
    return {f"{row.source}/{Path(row.file).name}": row.outcome for row in rows}


def test_every_recording_has_an_outcome(made: tuple[Path, list[Row]]) -> None:
    out, rows = made
    found = outcomes(rows)
    assert sorted((found.pop("own/0.flac"), found.pop("giantsteps-mtg/0.LOFI.mp3"))) == [
        "copy",
        "kept",
    ]
    assert found == {
        "own/1.wav": "keys differ",
        "giantsteps/1.LOFI.mp3": "keys differ",
        "own/2.flac": "kept",
        "own/7.wav": "kept",
        "own/blip.wav": "too short",
        "own/silence.wav": "silent",
        "own/damaged.mp3": "failed",
        "own/gone.wav": "no audio",
        "giantsteps/3.LOFI.mp3": "kept",
        "giantsteps-mtg/4.LOFI.mp3": "kept",
        "giantsteps-mtg/8.LOFI": "confidence 1",
        "giantsteps-mtg/9.LOFI": "no single key",
        "fmakv2/000005.mp3": "kept",
        "fmakv2/000006.mp3": "no audio",
        "given/given.npz:000": "kept",
    }
    with (out / "tracks.tsv").open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file, delimiter="\t"))
    assert len(table) == len(rows)
    kept = [row for row in table if row["outcome"] == "kept"]
    assert {row["fold"] for row in kept} == {"0", "1"}
    assert all(row["excerpts"] in ("1", "2") for row in kept)


def test_the_summary_counts_and_says_why(made: tuple[Path, list[Row]]) -> None:
    _, rows = made
    text = summary(rows)
    assert "own: 8 labels: " in text
    assert "fmakv2: 2 labels: 1 kept, 1 no audio" in text
    kept = [row for row in rows if row.outcome == "kept"]
    modes = [row.key.mode for row in kept if row.key]
    counts = f"7 recordings, {modes.count('major')} major, {modes.count('minor')} minor"
    assert f"kept: {counts}, 0.02 hours, 13 excerpts" in text
    assert "fold 0: 4 recordings" in text
    assert "fold 1: 3 recordings" in text
    assert "damaged.mp3: " in text
    (copy,) = (row for row in rows if row.outcome == "copy")
    assert copy.problem in {f"of {row.file}" for row in kept}
    assert "keys differ: " in text


def test_the_folds_are_disjoint_and_hold_all(made: tuple[Path, list[Row]]) -> None:
    out, rows = made
    titles = []
    for fold in (0, 1):
        corpus = Corpus([out / f"fold-{fold}"])
        tracks = read_features(out / f"fold-{fold}.npz").tracks
        kept = [row for row in rows if row.fold == fold]
        assert sorted(corpus.keys.tolist()) == sorted(
            row.key.class_id for row in kept if row.key for _ in range(row.excerpts)
        )
        assert [track.key for track in tracks] == [row.key for row in kept]
        assert corpus.settings[0]["fold"] == fold
        for index in range(len(corpus)):
            assert corpus.spectrogram(index).shape == (WIDE_BINS, frames_of(CUT.seconds))
        for track in tracks:
            assert read_array(track.path, track.member or "").shape[0] == WIDE_BINS
        titles += [track.title for track in tracks]
    assert sorted(titles) in (
        ["0", "000005", "2", "3.LOFI", "4.LOFI", "7", "the sixth"],
        ["0.LOFI", "000005", "2", "3.LOFI", "4.LOFI", "7", "the sixth"],
    )


def test_the_order_of_the_sources_does_not_matter(
    sources: list[Path], made: tuple[Path, list[Row]], tmp_path: Path
) -> None:
    """The heard recordings are taken from the first run, so that the test is fast."""
    out, _ = made
    shutil.copytree(out / "tracks", tmp_path / "tracks")
    label([read_source(path) for path in reversed(sources)], tmp_path, folds=2, cut=CUT)
    assert contents(tmp_path) == contents(out)


def test_resuming_makes_what_an_uninterrupted_run_makes(
    sources: list[Path], made: tuple[Path, list[Row]], tmp_path: Path
) -> None:
    out, _ = made
    resumed = tmp_path / "folds"
    shutil.copytree(out, resumed)
    tracks = sorted((resumed / "tracks").iterdir())
    os.utime(tracks[0], ns=(1, 1))
    tracks[-1].unlink()
    shutil.rmtree(resumed / "fold-1")
    (resumed / "fold-0.npz").unlink()
    label([read_source(path) for path in sources], resumed, folds=2, cut=CUT)
    assert contents(resumed) == contents(out)
    assert tracks[0].stat().st_mtime_ns == 1


def test_other_settings_or_damage_are_refused(
    sources: list[Path], made: tuple[Path, list[Row]], tmp_path: Path
) -> None:
    out, _ = made
    read = [read_source(path) for path in sources]
    with pytest.raises(CorpusError, match=r"other settings: folds 2, not 3 .*tracks may be moved"):
        label(read, out, folds=3, cut=CUT)
    with pytest.raises(CorpusError, match="other settings"):
        label(read[1:], out, folds=2, cut=CUT)
    shutil.copytree(out / "tracks", tmp_path / "tracks")
    path = next((tmp_path / "tracks").iterdir())
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(CorpusError, match=r"npz: damaged, remove it"):
        label(read, tmp_path, folds=2, cut=CUT)


def test_too_few_recordings_for_the_folds_are_an_error(
    sources: list[Path], made: tuple[Path, list[Row]], tmp_path: Path
) -> None:
    shutil.copytree(made[0] / "tracks", tmp_path / "tracks")
    with pytest.raises(CorpusError, match=r"1 usable recordings, at least 2 needed: .*tracks\.tsv"):
        label([read_source(sources[3])], tmp_path, folds=2, cut=CUT)
    rows = label([read_source(sources[3])], tmp_path, cut=CUT)  # in the same folder
    assert [row.outcome for row in rows] == ["kept", "no audio"]


def test_a_short_clip_is_repeated_and_a_long_one_is_spread() -> None:
    frames = np.arange(1, 8, dtype=np.float32)
    wide = np.tile(frames, (WIDE_BINS, 1))
    (loop,) = cut_excerpts(wide, 17, most=4)
    assert loop[0].tolist() == [*frames, *frames, 1, 2, 3]
    assert [cut[5].tolist() for cut in cut_excerpts(wide, 2, most=9)] == [[1, 2], [3, 4], [5, 6]]
    assert len(cut_excerpts(wide, 2, most=2)) == 2


def test_a_process_that_dies_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ProcessDied, match=r"probably at a\.mp3: remove it, and run"):
        run_all(os._exit, [("a.mp3", (3,))], total=1, jobs=1)


def test_what_is_heard_of_a_damaged_set_is_an_error(tmp_path: Path) -> None:
    narrow = Labelled(np.ones((105, 50), np.float16), KEYS[0], 10.0, "")
    write_features(tmp_path / "narrow.npz", [narrow])
    (track,) = read_features(tmp_path / "narrow.npz").tracks
    with pytest.raises(DatasetError, match="shape"):
        hear(track)


def test_the_command_without_folds_makes_one_corpus(
    sources: list[Path], made: tuple[Path, list[Row]], tmp_path: Path, command: Command
) -> None:
    shutil.copytree(made[0] / "tracks", tmp_path / "tracks")
    options = "--seconds", "6", "--per-track", "2", "--jobs", "1"
    run = command("labelled", *sources, "--out", tmp_path, *options)
    assert run.returncode == 0, run.stderr
    assert "kept: 7 recordings" in run.stdout
    assert len(Corpus([tmp_path])) == 13
    settings = json.loads((tmp_path / "settings.json").read_text("utf-8"))
    assert settings["labelled"] == 13
    assert str(sources[0].parent) not in json.dumps(settings)


def test_what_is_not_a_source_is_one_line(tmp_path: Path, command: Command) -> None:
    (tmp_path / "empty").mkdir()
    write_labels(tmp_path, "a.wav\tH major")
    for source, message in {
        "gone": "gone: no such file or folder",
        "empty": "empty: none of these: a folder with labels.tsv; ",
        ".": "labels.tsv:2: not a key: 'H major'",
    }.items():
        run = command("labelled", tmp_path / source, "--out", tmp_path / "out")
        assert run.returncode == 1
        assert run.stderr.startswith("training.labelled: ")
        assert message in run.stderr
        assert not (tmp_path / "out").exists()


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small checkpoint, and beside it the corpus that it might come from."""
    folder = tmp_path_factory.mktemp("start")
    synthesise(folder / "corpus", count=6, seed=2, jobs=1, seconds=6.0, shard_size=6)
    small = NetworkSettings(stem=4, pitch=4, ring=6, head=6)
    trainer = Trainer(small, TrainingSettings(), Corpus([folder / "corpus"]), "cpu")
    temperature = Temperature(0.5, 40.0, 10.0).to_checkpoint()
    torch.save(trainer.checkpoint({}) | temperature, folder / "start.pt")
    return folder


def test_training_starts_from_a_checkpoint_and_is_judged_on_the_fold_left_out(
    made: tuple[Path, list[Row]], start: Path, tmp_path: Path, command: Command
) -> None:
    """The recipe of the README, but for its size. A rate near zero leaves the weights alone.

    With the temperature of the start, the answers before and after compare.
    """
    out, _ = made
    few = "--epochs", "1", "--epoch-size", "8", "--batch", "4", "--shortest", "3"
    recordings = "--recordings", out / "fold-1", "--recorded", "0.5"
    begin = "--corpus", start / "corpus", "--start", start / "start.pt"
    still = "--learning-rate", "1e-9"
    dev = "--dev", out / "fold-0.npz"
    run = command("train", *begin, *recordings, *few, *still, *dev, "--out", tmp_path / "run")
    assert run.returncode == 0, run.stderr
    assert 0 <= json.loads(run.stdout)["fold-0"]["exact"] <= 1
    checkpoint = tmp_path / "run" / "epoch-01.pt"
    assert load_model(checkpoint).temperature == Temperature(0.5, 40.0, 10.0)
    info = load_model(checkpoint).info
    assert info.settings["architecture"]["ring"] == 6
    assert info.settings["training"]["start"] == load_model(start / "start.pt").info.sha256
    assert info.settings["training"]["corpora"][1]["fold"] == 1
    trained, given = (
        torch.load(path, weights_only=True)["state_dict"]
        for path in (checkpoint, start / "start.pt")
    )
    for name, value in trained.items():
        if "running" not in name and value.is_floating_point():
            assert torch.allclose(value, given[name], atol=1e-6), name

    run = command("evaluate", "--features", out / "fold-0.npz", "--model", checkpoint)
    assert run.returncode == 0, run.stderr
    assert "all tracks (4)" in run.stdout


def test_a_run_is_resumed_with_its_start_only(
    start: Path, tmp_path: Path, command: Command
) -> None:
    few = "--epochs", "1", "--epoch-size", "4", "--batch", "4", "--shortest", "3"
    begin = "train", "--corpus", start / "corpus", *few, "--out", tmp_path
    assert command(*begin, "--start", start / "start.pt").returncode == 0
    assert command(*begin, "--start", start / "start.pt", "--resume").returncode == 0
    for other in ((), ("--start", PACKAGED_CHECKPOINT)):
        run = command(*begin, *other, "--resume")
        assert run.returncode == 1
        assert "begun with another --start" in run.stderr


def test_a_start_that_is_none_is_refused(start: Path, tmp_path: Path, command: Command) -> None:
    begin = "train", "--corpus", start / "corpus", "--out", tmp_path / "run", "--start"
    (tmp_path / "half.pt").write_bytes(PACKAGED_CHECKPOINT.read_bytes()[:1000])
    for path in (tmp_path / "half.pt", tmp_path / "gone.pt"):
        run = command(*begin, path)
        assert run.returncode == 1
        assert run.stderr.startswith(f"training.train: {path}: ")
    run = command(*begin, PACKAGED_CHECKPOINT, "--ring", "6")
    assert run.returncode == 2
    assert "--start has its own architecture" in run.stderr
    assert not (tmp_path / "run").exists()
