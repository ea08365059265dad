"""Corpora on disk: what an interruption leaves behind is finished, not started over."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from keyscan.spectrogram.constant_q import load_filter_bank
from tests.server_process import wait_for
from tests.training.conftest import Command
from training.shards import (
    FRAMES_PER_SECOND,
    MARGIN_BINS,
    WIDE_BINS,
    Corpus,
    CorpusError,
    shard_path,
    wide_bank,
)
from training.synth import make_shard, synthesise


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    synthesise(folder, count=5, seed=9, jobs=2, seconds=4.0, shard_size=2)
    return folder


def test_a_corpus_holds_spectrograms_and_keys(whole: Path) -> None:
    corpus = Corpus([whole])
    assert len(corpus) == 5
    assert corpus.keys.dtype == np.int8
    for index in range(5):
        spectrogram = corpus.spectrogram(index)
        assert spectrogram.dtype == np.float16
        assert spectrogram.shape[0] == WIDE_BINS
        assert spectrogram.shape[1] >= 15
        assert spectrogram.max() > 0
    with pytest.raises(IndexError):
        corpus.spectrogram(5)


def test_the_wide_bank_is_the_analysers_with_a_margin() -> None:
    wide, analyser = wide_bank(), load_filter_bank()
    octaves = MARGIN_BINS / analyser.bins_per_octave
    assert wide.fmin * 2**octaves == pytest.approx(analyser.fmin)
    assert wide.n_bins == WIDE_BINS == analyser.n_bins + 2 * MARGIN_BINS
    assert wide.bins_per_octave == analyser.bins_per_octave
    frames_per_second = analyser.sample_rate / analyser.hop_length
    assert wide.sample_rate / wide.hop_length == FRAMES_PER_SECOND == frames_per_second


def test_resuming_makes_what_an_uninterrupted_run_makes(whole: Path, tmp_path: Path) -> None:
    synthesise(tmp_path, count=5, seed=9, jobs=1, seconds=4.0, shard_size=2)
    shard_path(tmp_path, 1).unlink()
    (tmp_path / "shard-00002.npy.part").write_bytes(b"half")
    shard_path(tmp_path, 2).unlink()
    untouched = shard_path(tmp_path, 0).stat().st_mtime_ns
    synthesise(tmp_path, count=5, seed=9, jobs=1, seconds=4.0, shard_size=2)
    assert contents(tmp_path) == contents(whole)
    assert shard_path(tmp_path, 0).stat().st_mtime_ns == untouched


def test_one_shard_can_be_made_again(whole: Path, tmp_path: Path) -> None:
    assert make_shard(tmp_path, None, (), 9, 5, 4.0, 2, 2) == 1
    assert shard_path(tmp_path, 2).read_bytes() == shard_path(whole, 2).read_bytes()


def test_another_seed_in_the_same_folder_is_refused(whole: Path) -> None:
    with pytest.raises(CorpusError, match=r"settings\.json: begun with other settings"):
        synthesise(whole, count=5, seed=10, jobs=1, seconds=4.0, shard_size=2)


def test_what_is_no_corpus_is_refused(tmp_path: Path, whole: Path) -> None:
    with pytest.raises(CorpusError, match="not a corpus"):
        Corpus([tmp_path])
    (tmp_path / "settings.json").write_text("{}")
    with pytest.raises(CorpusError, match="no shards"):
        Corpus([tmp_path])
    shard_path(tmp_path, 0).write_bytes(shard_path(whole, 0).read_bytes()[:100])
    (tmp_path / "shard-00000.keys.npy").write_bytes((whole / "shard-00000.keys.npy").read_bytes())
    with pytest.raises(CorpusError, match=r"shard-00000\.npy: damaged"):
        Corpus([tmp_path])


def test_the_command_says_how_far_it_is_when_piped(tmp_path: Path, command: Command) -> None:
    out = "--out", tmp_path / "corpus"
    run = command("synth", *out, "--count", "2", "--seconds", "4", "--jobs", "1", "--seed", "5")
    assert run.returncode == 0, run.stderr
    assert "2 excerpts in" in run.stdout
    assert len(Corpus([tmp_path / "corpus"])) == 2
    again = command("synth", *out, "--seed", "6")
    assert again.returncode == 1
    assert again.stderr.startswith("training.synth:")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_all_processes_without_a_traceback(number: int, tmp_path: Path) -> None:
    """Ctrl-C reaches all processes of the command, SIGTERM the first one only."""
    out = tmp_path / "corpus"
    options = "--out", str(out), "--count", "100000", "--jobs", "2"
    command = [sys.executable, "-m", "training.synth", *options]
    run = subprocess.Popen(command, stdout=-1, stderr=-1, start_new_session=True)
    wait_for(lambda: len(group(run.pid)) >= 4)  # with one that tracks resources
    time.sleep(0.5)  # while processes start, Ctrl-C is ignored
    (os.killpg if number == signal.SIGINT else os.kill)(run.pid, number)
    _, errors = run.communicate(timeout=60)
    assert run.returncode == 128 + number
    assert b"Traceback" not in errors
    wait_for(lambda: not group(run.pid))


def group(number: int) -> list[str]:
    """The processes of a group, by Linux's ``/proc/PID/stat``."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:  # it has just ended
            continue
        if int(fields[2]) == number and fields[0] != "Z":
            found.append(path.parent.name)
    return found


@pytest.mark.parametrize(("module", "name"), [("synth", "corpus"), ("filterbank", "bank.npz")])
def test_a_place_that_cannot_be_written_is_one_line(module: str, name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    command = [sys.executable, "-m", f"training.{module}", "--out", str(tmp_path / "file" / name)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert run.returncode == 1
    assert run.stdout == ""
    assert run.stderr.startswith(f"training.{module}:")
    assert len(run.stderr.splitlines()) == 1
