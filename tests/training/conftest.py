"""What the tests of training share."""

from __future__ import annotations

import importlib
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest
import soundfile
import torch

from tests.second_generator import RATE, pieces
from training.music.sampled import Instrument, bank_path
from training.music.timbres import SAMPLE_RATE
from training.soundbank import Recording, write_header, write_instrument

Command = Callable[..., CompletedProcess[str]]
SOUNDFONT = Path("/usr/share/sounds/sf2/TimGM6mb.sf2")
needs_mma = pytest.mark.skipif(shutil.which("mma") is None, reason="apt-get install mma")
needs_sound = pytest.mark.skipif(
    shutil.which("fluidsynth") is None or not SOUNDFONT.is_file(),
    reason="apt-get install fluidsynth timgm6mb-soundfont",
)


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run ``training.NAME`` with these arguments in this process, which has torch already."""

    def run(name: str, *arguments: str | Path) -> CompletedProcess[str]:
        argv = [f"training.{name}", *map(str, arguments)]
        monkeypatch.setattr(sys, "argv", argv)
        capsys.readouterr()
        status: str | int | None = 0
        try:
            importlib.import_module(f"training.{name}").main()
        except SystemExit as stopped:
            status = stopped.code
        output = capsys.readouterr()
        if isinstance(status, str):  # as the interpreter does
            return CompletedProcess(argv, 1, output.out, f"{output.err}{status}\n")
        return CompletedProcess(argv, status or 0, output.out, output.err)

    return run


def write_labels(folder: Path, *rows: str) -> None:
    """Write ``labels.tsv``; a row is a file's name, a tab and its key."""
    (folder / "labels.tsv").write_text("\n".join(["file\tkey", *rows, ""]), encoding="utf-8")


@pytest.fixture
def flawed_set(tmp_path: Path) -> Path:
    """Three recordings: a hymn in C major, a file that is no music, and one that is not there."""
    piece = next(piece for piece in pieces() if piece.style == "chorale")
    soundfile.write(tmp_path / "hymn.flac", piece.render(), RATE)
    (tmp_path / "broken.mp3").write_bytes(b"no music")
    write_labels(tmp_path, "hymn.flac\tC major", "broken.mp3\tC major", "gone.wav\tC major")
    return tmp_path


@pytest.fixture(scope="session")
def kit_bank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sound bank of one drum kit."""
    folder = tmp_path_factory.mktemp("bank")
    write_header(folder)
    noise = np.random.default_rng(0).standard_normal((4, SAMPLE_RATE))
    fade = np.exp(-np.arange(SAMPLE_RATE) / (0.05 * SAMPLE_RATE))
    shots = [
        Recording(note, 110, (0.2 * row * fade).astype(np.float32), np.zeros(0, np.float32))
        for note, row in zip((36, 38, 42, 45), noise, strict=True)
    ]
    write_instrument(bank_path(folder, "kit", Instrument("bursts", 0)), shots)
    return folder


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """The bits of a training depend on the number of threads; small networks gain nothing."""
    torch.set_num_threads(1)
