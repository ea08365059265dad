"""Evaluation from end to end: real files, the real front end, the committed checkpoint."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from examples.track import SAMPLE_RATE, render_track, write_audio
from keyscan.keys import Key
from keyscan.spectrogram.constant_q import FILTER_BANK_PATH
from tests.cadences import RATE, cadences
from tests.training.conftest import Command, write_labels
from training.datasets import (
    DatasetError,
    Track,
    load_spectrogram,
    read_folder,
    read_votes,
)
from training.evaluate import reliability_table, report
from training.scoring import Answer
from training.sources import read_giantsteps


def table_rows(text: str) -> dict[str, list[str]]:
    """The cells of the only table in ``text``, by the name of the row; "" is the header."""
    lines = text.splitlines()
    header = next(line for line in lines if "all tracks (" in line)
    starts = [header.index(title) for title in ("all tracks", "major", "minor")]
    ends = [*starts[1:], None]
    rows = {}
    for line in lines[lines.index(header) :]:
        if not line or line.startswith("  recall: "):
            break
        cells = zip(starts, ends, strict=True)
        rows[line[: starts[0]].strip()] = [line[start:end].strip() for start, end in cells]
    return rows


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cadences")
    soundfile.write(folder / "g.wav", cadences(Key(7, "major"), 16), RATE)
    soundfile.write(folder / "c sharp.flac", cadences(Key(1, "minor"), 16), RATE)
    soundfile.write(folder / "mislabelled.wav", cadences(Key(0, "major"), 16), RATE)
    rows = "g.wav\tG major", "c sharp.flac\tDb minor", "mislabelled.wav\tF major"
    write_labels(folder, *rows, "gone.wav\tC major")
    return folder


def test_a_folder_is_scored_and_missing_audio_is_said(folder: Path, command: Command) -> None:
    run = command("evaluate", folder, "--tracks")
    assert run.returncode == 0, run.stderr
    rows = table_rows(run.stdout)
    assert f"{folder.name}\tg.wav\tG major\tG major\texact" in run.stdout
    assert f"{folder.name}\tmislabelled.wav\tF major\tC major\tfifth_up" in run.stdout
    assert rows[""] == ["all tracks (3)", "major (2)", "minor (1)"]
    assert [cell.split()[0] for cell in rows["exact"]] == ["66.7", "50.0", "100.0"]
    assert rows["fifth up"] == ["33.3", "50.0", "0.0"]
    assert rows["relative"] == ["0.0", "0.0", "0.0"]
    assert [cell.split()[0] for cell in rows["MIREX weighted"]] == ["83.3", "75.0", "100.0"]
    assert 0 < float(rows["expected calibration error"][0]) < 100
    assert "confidence     tracks    mean confidence    exact" not in run.stdout
    assert "audio missing 1, failed 0" in run.stdout
    assert f"no such file: {folder / 'gone.wav'}" in run.stderr


def test_a_giantsteps_checkout_with_its_mp3s_is_scored(tmp_path: Path, command: Command) -> None:
    """Laid out and named as the dataset is: ``ID.LOFI.mp3``, ``annotations/key/ID.LOFI.key``."""
    (tmp_path / "audio").mkdir()
    annotations = tmp_path / "annotations" / "key"
    annotations.mkdir(parents=True)
    for stem, key in (("10089", Key(2, "minor")), ("3044", Key(9, "major"))):
        path = tmp_path / "audio" / f"{stem}.LOFI.mp3"
        write_audio(path, render_track(key, seconds=12.0), SAMPLE_RATE)
        (annotations / f"{stem}.LOFI.key").write_text(key.name("flats"), encoding="utf-8")
    for stem, text in (("1002", "F# minor\n"), ("1003", "-")):
        (annotations / f"{stem}.LOFI.key").write_text(text, encoding="utf-8")
    tracks = read_giantsteps(tmp_path)
    assert [(t.path.name, t.key) for t in tracks.tracks] == [
        ("10089.LOFI.mp3", Key(2, "minor")),
        ("3044.LOFI.mp3", Key(9, "major")),
    ]
    assert [path.name for path in tracks.missing] == ["1002.LOFI.mp3"]
    run = command("evaluate", "--giantsteps", tmp_path)
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith("giantsteps\n")
    rows = table_rows(run.stdout)
    assert rows[""] == ["all tracks (2)", "major (1)", "minor (1)"]
    assert rows["exact"] == ["100.0 [100.0, 100.0]"] * 3
    assert "audio missing 1, failed 0" in run.stdout
    elsewhere = read_giantsteps(tmp_path, tmp_path / "nowhere")
    assert (len(elsewhere.tracks), len(elsewhere.missing)) == (0, 3)


def test_votes_are_filtered_by_agreement_and_cut(tmp_path: Path) -> None:
    path = tmp_path / "audio" / "pack" / "music" / "a.wav"
    path.parent.mkdir(parents=True)
    soundfile.write(path, cadences(Key(0, "major"), 16), RATE)
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


def test_a_table_from_a_spreadsheet_is_read_as_it_stands(tmp_path: Path) -> None:
    """A byte order mark, CRLF, and quotes that belong to the file's name."""
    names = ['"Quoted" Song.wav', 'half a "quote.wav', "plain.wav"]
    for name in names:
        (tmp_path / name).write_bytes(b"")
    lines = ["file\tkey", *(f"{name}\tA minor" for name in names), ""]
    (tmp_path / "labels.tsv").write_bytes("\r\n".join(lines).encode("utf-8-sig"))
    tracks = read_folder(tmp_path)
    assert [track.path.name for track in tracks.tracks] == names
    assert tracks.missing == ()


def test_the_cache_knows_the_file_its_part_and_the_filter_bank(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, cache = tmp_path / "a.wav", tmp_path / "cache"
    soundfile.write(path, cadences(Key(0, "major"), 16), RATE)
    track = Track(path, Key(0, "major"))
    first = load_spectrogram(track, cache)
    assert np.array_equal(load_spectrogram(track, cache), first)
    assert len(list(cache.iterdir())) == 1

    part = load_spectrogram(replace(track, start=2.0, length=8.0), cache)
    assert np.array_equal(part, first[:, 10:50])

    # Other music of the same size under the same name.
    soundfile.write(path, cadences(Key(5, "minor"), 16), RATE)
    os.utime(path, ns=(1, 1))
    other = load_spectrogram(track, cache)
    assert not np.array_equal(other, first)
    assert np.array_equal(other, load_spectrogram(track))

    bank = tmp_path / "bank.npz"
    bank.write_bytes(FILTER_BANK_PATH.read_bytes() + b"another")
    monkeypatch.setattr("training.datasets.FILTER_BANK_PATH", bank)
    before = len(list(cache.iterdir()))
    load_spectrogram(track, cache)
    assert len(list(cache.iterdir())) == before + 1


def test_a_cache_that_cannot_be_written_is_one_line(folder: Path, command: Command) -> None:
    run = command("evaluate", folder, "--cache", folder / "g.wav")
    assert run.returncode == 1
    assert "training.evaluate:" in run.stderr
    assert "g.wav" in run.stderr


def test_a_folder_without_labels_is_one_line(tmp_path: Path, command: Command) -> None:
    run = command("evaluate", tmp_path)
    assert run.returncode == 1
    assert run.stderr.startswith("training.evaluate:")
    assert "labels.tsv" in run.stderr


def test_the_report_has_every_row_for_each_mode() -> None:
    pairs = [("C", e) for e in ("C", "F", "G", "Am", "Cm", "D")]
    pairs += [("Am", "Am"), ("Am", "Am"), ("Am", "Em"), ("Am", "C")]
    answers = [Answer(Key.parse(reference), Key.parse(e)) for reference, e in pairs]
    text = report("some folder", answers)
    assert text.startswith("some folder\n")
    rows = table_rows(text)
    assert "\n  recall: major 16.7, minor 50.0, major minus minor -33.3 points [" in text
    assert rows.pop("") == ["all tracks (10)", "major (6)", "minor (4)"]
    assert rows.pop("expected calibration error") == ["-", "-", "-"]
    means = {name: [float(cell.split()[0]) for cell in cells] for name, cells in rows.items()}
    assert means == {
        "exact": [30.0, 16.7, 50.0],
        "fifth up": [20.0, 16.7, 25.0],
        "fifth down": [10.0, 16.7, 0.0],
        "relative": [20.0, 16.7, 25.0],
        "parallel": [10.0, 16.7, 0.0],
        "other": [10.0, 16.7, 0.0],
        "MIREX weighted": [53.0, 41.7, 70.0],
        "MIREX weighted, fifth up only": [48.0, 33.3, 70.0],
    }
    with_interval = {name for name, cells in rows.items() if all("[" in cell for cell in cells)}
    assert with_interval == {"exact", "MIREX weighted", "MIREX weighted, fifth up only"}
    for name in with_interval:
        for mean, cell in zip(means[name], rows[name], strict=True):
            low, high = (float(end) for end in cell.split(" ", 1)[1].strip("[]").split(","))
            assert low < mean < high, cell


def test_the_reliability_table_has_a_line_for_each_tenth() -> None:
    key, other = Key.parse("C"), Key.parse("G")
    answers = [Answer(key, key, 0.96), Answer(key, other, 0.92), Answer(key, key, 0.5)]
    lines = reliability_table(answers).splitlines()
    assert len(lines) == 12
    assert lines[10].split() == ["90", "-", "100", "2", "94.0", "50.0"]
    assert lines[5].split() == ["40", "-", "50", "1", "50.0", "100.0"]
    assert lines[1].split() == ["0", "-", "10", "0", "-"]
    # (2 * |94 - 50| + |50 - 100|) / 3
    assert lines[11].startswith("  expected calibration error 46.0; by chance if calibrated ")
    assert reliability_table([Answer(key, key)]) == "  no confidences\n"


def test_the_command_prints_reliability_by_set_and_over_all(folder: Path, command: Command) -> None:
    run = command("evaluate", folder, "--reliability", folder)
    assert run.returncode == 0, run.stderr
    assert run.stdout.count("confidence     tracks    mean confidence    exact") == 3


def test_the_report_fits_a_terminal_and_says_which_mode_is_absent() -> None:
    answers = [Answer(Key.parse("Am"), Key.parse("Am"))] * 12345
    text = report("x", answers)
    rows = table_rows(text)
    assert rows[""] == ["all tracks (12345)", "major (0)", "minor (12345)"]
    assert rows["exact"] == ["100.0 [100.0, 100.0]", "-", "100.0 [100.0, 100.0]"]
    assert "fifth up only 100.0 [" in " ".join(text.split())
    assert max(map(len, text.splitlines())) <= 100
    assert report("x", []) == "x: no answers\n"
