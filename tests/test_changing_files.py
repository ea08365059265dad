"""Files that grow, shrink, go, come, or do not answer between the request and the last byte."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import soundfile

from examples.track import SAMPLE_RATE, render_track
from keyscan.keys import Key
from tests.audio_files import FORMATS, Samples
from tests.server_process import PATIENCE, ServerProcess, request, wait_for
from tests.sparse_files import BYTES_PER_SECOND, write_wav
from tests.stalled_drive import StalledDrive

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
SECONDS = 8.0
SLOW_SIZE = 4_000_000 * 256 + 44  # bytes


@pytest.fixture(scope="module")
def music() -> Samples:
    """Eight seconds in A minor, 8A."""
    return render_track(Key.parse("A minor"), SECONDS)


@pytest.fixture(scope="module")
def good(music: Samples, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("good") / "good.flac"
    soundfile.write(path, music, SAMPLE_RATE)
    return path


@pytest.fixture
def slow(music: Samples, tmp_path: Path) -> Path:
    """Music and a hole: a WAV of 2 GB that takes seconds to decode."""
    path = tmp_path / "slow.wav"
    write_wav(path, music[: len(music) // 2], SLOW_SIZE, SLOW_SIZE - 44)
    return path


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    with ServerProcess("-w", "1") as process:
        yield process


def bytes_read(server: ServerProcess) -> int:
    """How much the worker has read in all."""
    (worker,) = server.worker_pids()
    counts = Path(f"/proc/{worker}/io").read_text()
    return int(counts.partition("rchar:")[2].split()[0])


def position(server: ServerProcess, path: Path) -> int:
    """How far a worker has come in the file that was at ``path``."""
    for pid in server.worker_pids():
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                if str(descriptor.readlink()).removesuffix(" (deleted)") == str(path):
                    info = Path(f"/proc/{pid}/fdinfo/{descriptor.name}").read_text()
                    return int(info.split()[1])
    return 0


def halve(path: Path) -> None:
    os.truncate(path, SLOW_SIZE // 2)


def empty(path: Path) -> None:
    os.truncate(path, 0)


def delete(path: Path) -> None:
    path.unlink()


def replace(path: Path) -> None:
    (path.parent / "new").write_text("no music")
    (path.parent / "new").replace(path)


@LINUX
@pytest.mark.parametrize(
    ("change", "cut"), [(halve, True), (empty, True), (delete, False), (replace, False)]
)
def test_a_file_that_changes_while_it_is_read(
    server: ServerProcess, slow: Path, change: Callable[[Path], None], cut: bool
) -> None:
    """Deleted and replaced files live on until the last reader has closed them."""
    whole = slow.stat().st_size / BYTES_PER_SECOND
    start = bytes_read(server)
    server.send(request(1, slow))
    wait_for(lambda: bytes_read(server) > start + 100_000_000)
    change(slow)
    reply = server.receive()
    assert (reply["id"], reply.get("camelot")) == (1, "8A"), reply
    assert [warning["code"] for warning in reply["warnings"]] == (["truncated"] if cut else [])
    assert (SECONDS / 2 < reply["duration"] < whole - 1) is cut
    assert (reply["duration"] == pytest.approx(whole, abs=0.01)) is not cut


def to_nothing(path: Path) -> None:
    path.unlink()


def to_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def to_a_fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def to_an_empty_file(path: Path) -> None:
    path.write_bytes(b"")


def to_half_a_header(path: Path) -> None:
    os.truncate(path, 20)


@LINUX
@pytest.mark.parametrize(
    ("change", "code"),
    [
        (to_nothing, "file_not_found"),
        (to_a_folder, "not_a_file"),
        (to_a_fifo, "not_a_file"),
        (to_an_empty_file, "empty_file"),
        (to_half_a_header, "decode_failed"),
    ],
)
def test_a_file_that_changes_while_it_waits(
    server: ServerProcess, slow: Path, good: Path, tmp_path: Path,
    change: Callable[[Path], None], code: str,
) -> None:  # fmt: skip
    path, late = tmp_path / "next.flac", tmp_path / "late.flac"
    path.write_bytes(good.read_bytes())
    for name, file in (("slow", slow), ("next", path), ("late", late)):
        server.send(request(name, file))
    wait_for(lambda: position(server, slow))
    change(path)
    os.link(good, late)  # was not there when it was asked for
    server.send({"type": "cancel", "id": "slow"})
    replies = {reply["id"]: reply for reply in (server.receive() for _ in range(4))}
    assert replies["next"]["code"] == code
    assert replies["late"]["camelot"] == "8A"


@pytest.mark.parametrize(
    "name", ["wav-streamed", "wav", "flac", "mp3", "aac", "ogg-vorbis", "mpegts", "m4a-fragmented"]
)
def test_a_file_that_is_being_written(
    server: ServerProcess, music: Samples, tmp_path: Path, name: str
) -> None:
    """What was there when the file was opened is analysed, and no end is waited for."""
    path, whole = tmp_path / f"growing{FORMATS[name].extension}", tmp_path / "whole"
    FORMATS[name].write(whole, music, SAMPLE_RATE)
    data = whole.read_bytes()
    half, enough = len(data) * 6 // 10, threading.Event()
    path.write_bytes(data[:half])

    def record() -> None:
        with path.open("ab") as file:
            for start in range(half, len(data), 199):  # never a whole frame at a time
                file.write(data[start : start + 199])
                file.flush()
                if enough.wait(0.001):
                    return

    recorder = threading.Thread(target=record)
    recorder.start()
    try:
        for number in range(3):
            reply = server.ask(request(number, path))
            assert (reply["id"], reply["camelot"]) == (number, "8A")
            assert reply["duration"] > 1.4
    finally:
        enough.set()
        recorder.join()


@pytest.fixture
def leased(good: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(good, tmp_path / "leased.flac"))


@pytest.fixture
def give_back(leased: Path) -> Iterator[Callable[[], None]]:
    """``leased``, taken by another program, which is asked for it before others may open it."""
    fcntl = pytest.importorskip("fcntl")
    before = signal.signal(signal.SIGIO, signal.SIG_IGN)  # how the system asks
    descriptor = os.open(leased, os.O_RDWR)
    try:
        try:
            fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        except OSError as error:
            pytest.skip(f"this file system has no leases: {error}")
        yield lambda: fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    finally:
        os.close(descriptor)
        signal.signal(signal.SIGIO, before)


@LINUX
def test_a_file_that_another_program_gives_back(
    leased: Path, give_back: Callable[[], None], good: Path
) -> None:
    """A Samba server leases what its clients have open."""
    with ServerProcess("-w", "2") as server:
        server.send(request("leased", leased))
        for number in range(5):
            reply = server.ask(request(number, good))
            assert (reply["id"], reply["camelot"]) == (number, "8A")
        give_back()
        reply = server.receive()
        assert (reply["id"], reply["camelot"]) == ("leased", "8A")


@LINUX
def test_a_file_that_another_program_does_not_give_back(
    leased: Path, give_back: Callable[[], None], good: Path
) -> None:
    with ServerProcess("-w", "2", "--timeout", "5") as server:
        server.send(request("leased", leased))
        reply = server.ask(request("meanwhile", good))
        assert (reply["id"], reply["camelot"]) == ("meanwhile", "8A")
        reply = server.receive()
        assert (reply["id"], reply["code"]) == ("leased", "timeout")
        for number in range(4):
            assert server.ask(request(number, good))["camelot"] == "8A"


@pytest.fixture
def drive(good: Path, tmp_path: Path) -> StalledDrive:
    """To be entered inside of a server's ``with``: who is stuck in it keeps the server's pipes."""
    (tmp_path / "drive").mkdir()
    files = dict.fromkeys(("good.flac", *STALLED), good.read_bytes())
    try:
        return StalledDrive(tmp_path / "drive", files, frozenset(STALLED))
    except OSError as error:
        pytest.skip(f"FUSE is not to be had: {error}")


STALLED = ("stalled 0.flac", "stalled 1.flac")


def stuck() -> list[int]:
    """Processes that no signal ends, as they wait in the kernel (Linux)."""
    states = {process.pid: process.info["status"] for process in psutil.process_iter(["status"])}
    return [pid for pid, status in states.items() if status == psutil.STATUS_DISK_SLEEP]


@LINUX
def test_a_drive_that_stalls(drive: StalledDrive, good: Path) -> None:
    """The workers cannot even be killed before the drive comes back."""
    with ServerProcess("-w", "2", "--timeout", "5") as server, drive:
        reply = server.ask(request("other file", drive.folder / "good.flac"))
        assert reply["camelot"] == "8A"
        for name in STALLED:
            server.send(request(name, drive.folder / name))
        assert drive.waiting.wait(PATIENCE)
        server.send(request("meanwhile", good))
        replies = [server.receive() for _ in range(3)]
        codes = {reply["id"]: reply["code"] for reply in replies}
        assert codes == {**dict.fromkeys(STALLED, "timeout"), "meanwhile": "ok"}
        for number in range(6):
            assert server.ask(request(number, good))["camelot"] == "8A"
        assert stuck(), "no process waits as hard as is meant here"
        assert server.process.stdin is not None
        server.process.stdin.close()
        assert server.process.wait(PATIENCE) == 0


@LINUX
def test_a_reset_while_a_drive_stalls(drive: StalledDrive, good: Path) -> None:
    with ServerProcess("-w", "1") as server, drive:
        server.send(request(1, drive.folder / STALLED[0]))
        assert drive.waiting.wait(PATIENCE)
        assert server.ask({"type": "reset"})["type"] == "reset_complete"
        assert server.receive()["type"] == "reset_idle"
        assert server.ask(request(1, good))["camelot"] == "8A"


@LINUX
def test_a_signal_while_a_drive_stalls(drive: StalledDrive) -> None:
    with ServerProcess("-w", "1") as server, drive:
        server.send(request(1, drive.folder / STALLED[0]))
        assert drive.waiting.wait(PATIENCE)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(PATIENCE) == 128 + signal.SIGTERM
