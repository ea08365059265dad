"""Rules for stretches are compared on recordings with and without keys."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import soundfile

from examples.track import SAMPLE_RATE, render_track
from keyscan.keys import Key
from keyscan.model.stretches import CERTAIN, DISSENTERS
from tests.training.conftest import Command


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A steady track, a restless one and a short one with keys; a steady one without."""
    known, unknown = tmp_path_factory.mktemp("known"), tmp_path_factory.mktemp("unknown")

    def write(path: Path, *keys: str, seconds: float = 105.0) -> None:
        pieces = [render_track(Key.parse(key), seconds / len(keys)) for key in keys]
        soundfile.write(path, np.concatenate(pieces), SAMPLE_RATE)

    write(known / "steady.flac", "A minor")
    write(known / "restless.flac", "C minor", "E major", "Bb minor", "D major", "F# minor")
    write(known / "short.flac", "A minor", seconds=20.0)
    labels = "file\tkey\nsteady.flac\tA minor\nrestless.flac\tC minor\nshort.flac\tA minor\n"
    (known / "labels.tsv").write_text(labels)
    write(unknown / "other.flac", "B minor")
    (unknown / "broken.mp3").write_text("no music")
    return known, unknown


def test_tables_of_each_set_and_of_all(folders: tuple[Path, Path], command: Command) -> None:
    known, unknown = folders
    done = command("stretches", known, "--unlabelled", unknown)
    assert done.returncode == 0, done.stderr
    titles = re.findall(r"^## (.*)$", done.stdout, re.MULTILINE)
    assert titles == [
        f"{known.name}: 2 recordings", f"{unknown.name}, without keys: 1 recordings",
        "all: 3 recordings",
    ]  # fmt: skip
    of_known, of_unknown, of_all = done.stdout.split("## ")[1:]
    rule = rf"\| {CERTAIN:g} \| {DISSENTERS}: in use \| (\d+) \| (\d+) of (\d+) \|"
    assert re.findall(rule, of_known) == [("50", "0", "2")]
    assert re.findall(rule, of_unknown) == [("100", "0", "1")]
    assert re.findall(rule, of_all) == [("67", "0", "3")]
    assert re.search(r"whole: exact \d of 2, calibration error", of_known)
    assert "exact" not in of_unknown
    assert "of 2" in of_all


def test_without_a_recording_of_that_length(
    folders: tuple[Path, Path], command: Command, tmp_path: Path
) -> None:
    (tmp_path / "labels.tsv").write_text("file\tkey\nshort.flac\tA minor\n")
    (tmp_path / "short.flac").symlink_to(folders[0] / "short.flac")
    done = command("stretches", tmp_path)
    assert done.returncode == 1
    assert "no recording has the length for stretches" in done.stderr
