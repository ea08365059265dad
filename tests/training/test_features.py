"""Sets of wide spectrograms are written, read and evaluated like the recordings they come from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from keyscan.keys import Key
from keyscan.model.checkpoint import PACKAGED_CHECKPOINT
from keyscan.spectrogram.constant_q import N_BINS, constant_q
from keyscan.spectrogram.features import extract_features
from tests.cadences import RATE, cadences
from tests.training.conftest import Command
from training.datasets import DatasetError, Track, load_spectrogram, read_features
from training.features import Labelled, read_array, write_features
from training.shards import WIDE_BINS, wide_bank

KEYS = [Key(7, "major"), Key(1, "minor"), Key(9, "minor")]


def wide(key: Key, seconds: float = 16) -> Labelled:
    samples = cadences(key, seconds, wide_bank().sample_rate)
    spectrogram = constant_q(samples, wide_bank()).astype(np.float16)
    return Labelled(spectrogram, key, seconds, f"cadence in\t{key.name('flats')}\n")


@pytest.fixture
def features(tmp_path: Path) -> Path:
    write_features(tmp_path / "set.npz", map(wide, KEYS))
    return tmp_path / "set.npz"


def table(features: Path, *lines: str) -> None:
    features.with_suffix(".tsv").write_text("".join(f"{line}\n" for line in lines), "utf-8")


def test_a_set_is_read_as_it_was_written(features: Path) -> None:
    tracks = read_features(features).tracks
    assert [track.key for track in tracks] == KEYS
    assert [track.name for track in tracks] == [
        f"{number:03d} cadence in {key.name('flats')}" for number, key in enumerate(KEYS)
    ]
    for track, key in zip(tracks, KEYS, strict=True):
        assert np.array_equal(read_array(features, track.member or ""), wide(key).spectrogram)
    lines = features.with_suffix(".tsv").read_text("utf-8").splitlines()
    assert lines[:2] == ["id\tkey\tseconds\ttitle", "000\tG major\t16.0\tcadence in G major"]


def test_the_same_recordings_give_the_same_bytes(features: Path, tmp_path: Path) -> None:
    write_features(tmp_path / "again.npz", map(wide, KEYS))
    assert (tmp_path / "again.npz").read_bytes() == features.read_bytes()


def test_the_analysers_bins_are_those_of_the_audio(features: Path, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", cadences(KEYS[0], 16), RATE)
    expected = extract_features(tmp_path / "a.wav").spectrogram
    track = read_features(features).tracks[0]
    found = load_spectrogram(track)
    assert found.shape == expected.shape == (N_BINS, expected.shape[1])
    assert np.abs(found - expected).mean() < 0.02 * expected.mean()
    part = Track(track.path, track.key, start=2.0, length=8.0, member=track.member)
    assert np.array_equal(load_spectrogram(part), found[:, 10:50])


def test_evaluate_takes_sets_beside_folders(features: Path, command: Command) -> None:
    run = command("evaluate", "--features", features, features, "--tracks")
    assert run.returncode == 0, run.stderr
    assert "set\t001 cadence in Db minor\tC# minor\tC# minor\texact" in run.stdout
    assert run.stdout.count("all tracks (3)") == 2
    assert "all tracks (6)" in run.stdout


def test_calibrate_and_the_tonality_evaluation_take_them_too(
    features: Path, tmp_path: Path, command: Command
) -> None:
    """A temperature can be fitted to right and wrong answers: one of the keys is wrong."""
    table(features, "id\tkey", "000\tG major", "001\tC# minor", "002\tC major")
    out = tmp_path / "calibrated.pt"
    run = command("calibrate", PACKAGED_CHECKPOINT, "--features", features, "--out", out)
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith("3 recordings: temperature ")
    run = command("tonality.evaluate", "--features", features, "--tracks")
    assert run.returncode == 0, run.stderr
    assert run.stdout.count("set\t00") == 3


def test_commands_that_need_audio_do_not(features: Path, command: Command) -> None:
    for name in ("stability", "detuning.evaluate"):
        assert command(name, "--features", features).returncode == 2


def test_a_table_that_does_not_fit_is_an_error_that_names_the_line(features: Path) -> None:
    header = "id\tkey\tseconds\ttitle"
    for lines, message in {
        (header, "003\tC\t1\ta"): r"set\.tsv:2: set\.npz has no array '003'",
        (header, "000\tC\t1\ta", "000\tC\t1\ta"): r"set\.tsv:3: the id '000' again",
        (header, "000\tH minor\t1\ta"): r"set\.tsv:2: not a key: 'H minor'",
        (header, "000"): r"set\.tsv:2: too few columns",
        ("id\ttitle", "000\ta"): r"set\.tsv: no column key",
    }.items():
        table(features, *lines)
        with pytest.raises(DatasetError, match=message):
            read_features(features)
    table(features, "id\tkey", "002\tA minor")
    assert [track.name for track in read_features(features).tracks] == ["002"]


def test_missing_and_damaged_files_are_one_line(features: Path, command: Command) -> None:
    whole = features.read_bytes()

    def error() -> str:
        run = command("evaluate", "--features", features)
        assert run.returncode == 1
        assert len(run.stderr.splitlines()) == 1
        return run.stderr

    features.write_bytes(whole[: len(whole) // 2])
    assert f"training.evaluate: {features}: cannot be read: " in error()
    flipped = bytearray(whole)
    flipped[1000] ^= 255
    features.write_bytes(flipped)
    assert f"training.evaluate: {features}: array '000' cannot be read: " in error()
    features.unlink()
    assert f"training.evaluate: {features}: cannot be read: " in error()
    features.write_bytes(whole)
    features.with_suffix(".tsv").unlink()
    assert f"training.evaluate: {features.with_suffix('.tsv')}: cannot be read: " in error()


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.ones((N_BINS, 50), np.float16), rf"the shape \({N_BINS}, 50\), not \({WIDE_BINS} bins"),
        (np.ones((WIDE_BINS, 0), np.float16), "the shape"),
        (np.ones(WIDE_BINS, np.float16), "the shape"),
        (np.full((WIDE_BINS, 50), np.inf, np.float16), "does not hold finite magnitudes"),
        (np.ones((WIDE_BINS, 50), np.complex64), "does not hold finite magnitudes"),
        (np.full((WIDE_BINS, 50), None), "cannot be read"),
    ],
)
def test_an_array_that_is_no_wide_spectrogram_is_an_error(
    array: NDArray[Any], message: str, features: Path, command: Command
) -> None:
    arrays = {"000": array}
    np.savez(features, **arrays)  # type: ignore[arg-type]
    table(features, "id\tkey", "000\tA minor")
    with pytest.raises(DatasetError, match=rf"set\.npz: array '000' .*{message}"):
        load_spectrogram(read_features(features).tracks[0])
    assert command("evaluate", "--features", features).returncode == 1
