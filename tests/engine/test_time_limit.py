"""A long file has more time, and none for a length that it cannot have."""

from __future__ import annotations

import contextlib
import multiprocessing
import struct
import threading
import time
from pathlib import Path

import pytest

from keyscan.engine.supervisor import Watch
from keyscan.errors import AnalysisError, Cancelled, TimedOut
from keyscan.options import WorkerOptions
from keyscan.spectrogram.features import extract_features
from tests.audio_files import FORMATS, music, valid
from tests.crafted.claims import LENGTH_CLAIMS
from tests.server_process import ServerProcess
from tests.sparse_files import write_silent_wav


class Process:
    """What a watch sees and kills."""

    pid = None

    def __init__(self):
        self.killed = False

    def kill(self):
        self.killed = True


@pytest.fixture
def watched():
    """A watch over a file that has 10 seconds, its process, and the request to stop."""
    ours, theirs = multiprocessing.Pipe()
    process, cancelled = Process(), threading.Event()
    with ours, theirs:
        yield Watch(process, ours, WorkerOptions(timeout=10.0), cancelled), process, cancelled


@pytest.mark.parametrize(
    ("sound", "limit"), [(0, 10), (60, 10), (600, 10), (1200, 20), (10_800, 180), (86_400, 1440)]
)
def test_time_grows_with_the_sound_above_ten_minutes(watched, monkeypatch, sound, limit):
    watch, process, _ = watched
    start = time.monotonic()
    watch.opened(sound)
    monkeypatch.setattr(time, "monotonic", lambda: start + limit - 1)
    watch.look()
    assert not process.killed
    monkeypatch.setattr(time, "monotonic", lambda: start + limit + 1)
    watch.look()
    assert process.killed
    assert isinstance(watch.verdict, TimedOut)
    assert f"within {limit} seconds" in str(watch.verdict)


@pytest.mark.parametrize("opened_first", [True, False])
def test_a_cancelled_file_has_no_more_time_however_long_it_is(watched, monkeypatch, opened_first):
    watch, process, cancelled = watched
    start = time.monotonic()
    cancelled.set()
    if opened_first:
        watch.opened(36_000.0)
    watch.look()
    watch.opened(36_000.0)
    monkeypatch.setattr(time, "monotonic", lambda: start + 5)
    watch.look()
    assert process.killed
    assert isinstance(watch.verdict, Cancelled)


def seconds_told(path: Path) -> float:
    told: list[float] = []
    extract_features(path, opened=told.append)
    (seconds,) = told
    return seconds


@pytest.mark.parametrize("name", sorted(set(FORMATS) - {"wav-unclosed", "wav-streamed"}))
def test_every_format_tells_its_length(name, tmp_path):
    (tmp_path / "music").write_bytes(valid(name))
    assert seconds_told(tmp_path / "music") == pytest.approx(len(music()) / 44100, rel=0.3)


@pytest.mark.parametrize("claim", LENGTH_CLAIMS, ids=str)
def test_no_length_is_believed_that_the_bytes_cannot_hold(claim, tmp_path):
    data, told = claim.data(), [0.0]
    (tmp_path / "claim").write_bytes(data)
    with contextlib.suppress(AnalysisError):
        extract_features(tmp_path / "claim", opened=told.append)
    assert 0 <= told[-1] <= len(data) / 1000


def write_silence(path: Path, hours: int) -> None:
    """A sparse WAV of 8,000 samples a second."""
    size = 8000 * 3600 * hours * 2
    form = struct.pack("<HHIIHH", 1, 1, 8000, 16000, 2, 16)
    with path.open("wb") as file:
        file.write(struct.pack("<4sI4s4sI16s", b"RIFF", size + 36, b"WAVE", b"fmt ", 16, form))
        file.write(struct.pack("<4sI", b"data", size))
        file.truncate(size + 44)


@pytest.mark.parametrize(("hours", "believed"), [(10, 36_000.0), (24, 86_400.0), (25, 0.0)])
def test_a_length_beyond_a_day_is_not_believed(hours, believed, tmp_path):
    write_silence(tmp_path / "long", hours)
    told: list[float] = []
    with pytest.raises(Cancelled):
        extract_features(tmp_path / "long", should_stop=lambda: True, opened=told.append)
    assert told == [believed]


def test_a_long_file_has_its_time_in_the_server(tmp_path):
    """Twelve hours have 72 times as much, and as much more of the processor."""
    write_silence(tmp_path / "long", 12)
    with ServerProcess("-w", "1", "--timeout", "0.7") as server:
        reply = server.ask({"id": 1, "path": str(tmp_path / "long")})
    assert reply["code"] == "silent", reply


def test_the_server_says_how_long_the_limit_was(tmp_path):
    """Twenty minutes of 32 channels, which take seconds."""
    path = tmp_path / "long.wav"
    write_silent_wav(path, 32, 1200)
    with ServerProcess("-w", "1", "--timeout", "0.2") as server:
        reply = server.ask({"id": 1, "path": str(path)})
    assert reply["code"] == "timeout"
    assert "within 0.4 seconds" in reply["error"]
