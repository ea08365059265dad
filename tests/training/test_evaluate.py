"""Evaluation from end to end: real files, the real front end, the committed checkpoint."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from keyscan.keys import Key
from training.datasets import DatasetError, read_folder, read_giantsteps, read_votes
from training.evaluate import report
from training.scoring import Answer

RATE = 22050


def write_cadences(path: Path, tonic: int, minor: bool) -> None:
    """I-IV-V-I twice, in plain chords with a bass, 16 seconds."""
    chords = [(0, minor), (5, minor), (7, False), (0, minor)] * 2
    t = np.arange(2 * RATE) / RATE
    parts = []
    for root, is_minor in chords:
        pitches = [36 + (tonic + root) % 12]
        pitches += [60 + (tonic + root + third) % 12 for third in (0, 3 if is_minor else 4, 7)]
        tone = sum(
            np.sin(2 * np.pi * n * 440 * 2 ** ((pitch - 69) / 12) * t) / n**2
            for pitch in pitches
            for n in range(1, 6)
        )
        parts.append(tone * np.exp(-t / 1.5))
    samples = np.concatenate(parts)
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples / np.abs(samples).max() * 0.7, RATE)


def evaluate(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "training.evaluate", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=200)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cadences")
    write_cadences(folder / "g.wav", 7, minor=False)
    write_cadences(folder / "c sharp.flac", 1, minor=True)
    write_cadences(folder / "mislabelled.wav", 0, minor=False)
    lines = ["file\tkey", "g.wav\tG major", "c sharp.flac\tDb minor", "mislabelled.wav\tF major"]
    lines.append("gone.wav\tC major")
    (folder / "labels.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def test_a_folder_is_scored_and_missing_audio_is_said(folder: Path) -> None:
    run = evaluate(str(folder), "--tracks")
    assert run.returncode == 0, run.stderr
    lines = {
        " ".join(line.split()[:-1]): line.split()[-1] for line in run.stdout.splitlines() if line
    }
    assert f"{folder.name}\tg.wav\tG major\tG major\texact" in run.stdout
    assert f"{folder.name}\tmislabelled.wav\tF major\tC major\tfifth_up" in run.stdout
    assert "exact 66.7 [" in " ".join(run.stdout.split())
    assert lines["fifth up"] == "33.3"
    assert lines["relative"] == "0.0"
    assert "MIREX weighted 83.3 [" in " ".join(run.stdout.split())
    assert "minor (1): exact 100.0" in run.stdout
    assert "major (2): exact 50.0" in run.stdout
    assert "audio missing 1, failed 0" in run.stdout
    assert f"no such file: {folder / 'gone.wav'}" in run.stderr
    assert "Traceback" not in run.stderr


def test_a_giantsteps_checkout_is_scored(tmp_path: Path) -> None:
    write_cadences(tmp_path / "audio" / "1001.LOFI.wav", 2, minor=True)
    annotations = tmp_path / "annotations" / "key"
    annotations.mkdir(parents=True)
    for stem, text in (("1001", "D minor"), ("1002", "F# minor\n"), ("1003", "-")):
        (annotations / f"{stem}.LOFI.key").write_text(text, encoding="utf-8")
    tracks = read_giantsteps(tmp_path)
    assert [(t.path.name, t.key) for t in tracks.tracks] == [("1001.LOFI.wav", Key(2, "minor"))]
    assert [path.name for path in tracks.missing] == ["1002.LOFI.mp3"]
    run = evaluate("--giantsteps", str(tmp_path))
    assert run.returncode == 0, run.stderr
    assert "giantsteps (1 tracks)" in run.stdout
    assert "exact 100.0 [100.0, 100.0]" in " ".join(run.stdout.split())
    assert "audio missing 1" in run.stdout
    elsewhere = read_giantsteps(tmp_path, tmp_path / "nowhere")
    assert (len(elsewhere.tracks), len(elsewhere.missing)) == (0, 2)


def test_votes_are_filtered_by_agreement_and_cut(tmp_path: Path) -> None:
    write_cadences(tmp_path / "audio" / "pack" / "music" / "a.wav", 0, minor=False)
    header = "package\tpath_end\tstart_s\tlength_s\tagree\tkey"
    table = tmp_path / "votes.tsv"
    rows = ["pack\tmusic/a.wav\t2\t8\t5\tC major", "pack\tmusic/a.wav\t2\t8\t3\tA minor"]
    table.write_text("\n".join([header, *rows]), encoding="utf-8")
    tracks = read_votes(table, tmp_path / "audio", agree=4)
    assert [(t.start, t.length, t.key) for t in tracks.tracks] == [(2.0, 8.0, Key(0, "major"))]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("file\tkey\na.wav\tH major\n", r"labels\.tsv:2: not a key: 'H major'"),
        ("name\tkey\na.wav\tC\n", r"labels\.tsv: no column file"),
        ("file\tkey\na.wav\n", r"labels\.tsv:2: too few columns"),
    ],
)
def test_a_wrong_table_is_an_error_that_names_the_line(
    table: str, message: str, tmp_path: Path
) -> None:
    (tmp_path / "labels.tsv").write_text(table, encoding="utf-8")
    with pytest.raises(DatasetError, match=message):
        read_folder(tmp_path)


def test_a_folder_without_labels_is_an_error_without_a_traceback(tmp_path: Path) -> None:
    run = evaluate(str(tmp_path))
    assert run.returncode == 1
    assert run.stderr.startswith("training.evaluate:")
    assert "labels.tsv" in run.stderr
    assert "Traceback" not in run.stderr


def test_the_report_has_every_relation() -> None:
    answers = [Answer(Key.parse("C major"), Key.parse(e)) for e in ("C", "F", "G", "Am", "Cm", "D")]
    text = " ".join(report("x", answers).split())
    for part in ("exact 16.7", "fifth up 16.7", "fifth down 16.7", "relative 16.7"):
        assert part in text
    assert "parallel 16.7 other 16.7 MIREX weighted 41.7" in text
    assert "MIREX weighted, 5th up only 33.3" in text
