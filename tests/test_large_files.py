"""Files beyond 2 and 4 GiB, sparse on the disk: the right key, in flat memory."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest
import soundfile

from examples.track import SAMPLE_RATE, render_track
from keyscan.audio.riff import LostSize, read_wav
from keyscan.audio.source import SourceFile
from keyscan.keys import Key
from tests.audio_files import FORMATS, Samples
from tests.server_process import ServerProcess, request, wait_for
from tests.sparse_files import (
    BYTES_PER_SECOND,
    GIB,
    write_behind_chunk,
    write_behind_tags,
    write_m4a,
    write_through_libsndfile,
    write_wav,
)

SECONDS = 8.0
MORE_MEMORY = 150 << 20  # bytes above a file of seconds
BEYOND_4_GIB, BEYOND_2_GIB = 4 * GIB + (1 << 26), 2 * GIB + (1 << 26)


@pytest.fixture(scope="module")
def music() -> Samples:
    """Eight seconds in A minor, 8A."""
    return render_track(Key.parse("A minor"), SECONDS)


@pytest.fixture(autouse=True)
def sparse(tmp_path: Path) -> Iterator[None]:
    """Only where holes cost nothing; and pytest is left no gigabytes to keep."""
    probe = tmp_path / "probe"
    try:
        with probe.open("wb") as file:
            file.truncate(1 << 40)
        if probe.stat().st_blocks > 1000:
            pytest.skip("this file system fills holes")
    except (OSError, AttributeError) as error:
        pytest.skip(f"no large files here: {error}")
    probe.unlink()
    yield
    for path in tmp_path.iterdir():
        path.unlink()


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    with ServerProcess("-w", "1") as process:
        yield process


def workers_peak(server: ServerProcess) -> int:
    """The most memory that the worker has had so far, in bytes (Linux)."""
    (worker,) = server.worker_pids()
    status = Path(f"/proc/{worker}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) << 10


LARGE: dict[str, tuple[Callable[[Path, Samples, int], object], int]] = {
    # libsndfile lets the size of a WAV go round at 4 GiB, as many recorders do
    "wav gone round": (partial(write_through_libsndfile, kind="WAV"), BEYOND_4_GIB),
    "rf64": (partial(write_through_libsndfile, kind="RF64"), BEYOND_4_GIB),
    "au": (partial(write_through_libsndfile, kind="AU"), BEYOND_2_GIB),
}


@pytest.mark.parametrize("name", LARGE)
def test_gigabytes_of_silence_and_then_music(
    server: ServerProcess, music: Samples, tmp_path: Path, name: str
) -> None:
    path, (write, size) = tmp_path / "large", LARGE[name]
    soundfile.write(path, music, SAMPLE_RATE, format="WAV")
    assert server.ask(request("small", path))["camelot"] == "8A"
    before = workers_peak(server)
    write(path, music, size)
    assert path.stat().st_size == pytest.approx(size, rel=0.001)
    server.send(request("large", path))
    reply = server.receive()
    assert (reply["id"], reply["camelot"], reply["warnings"]) == ("large", "8A", [])
    assert reply["duration"] == pytest.approx(size / BYTES_PER_SECOND, abs=0.1)
    assert workers_peak(server) < before + MORE_MEMORY


FAR: dict[str, tuple[Callable[[Path, Samples, int], object], int]] = {
    "mp3 behind tags": (partial(write_behind_tags, name="mp3"), BEYOND_4_GIB),
    "flac behind tags": (partial(write_behind_tags, name="flac"), BEYOND_4_GIB),
    "wav behind tags": (partial(write_behind_tags, name="wav"), BEYOND_2_GIB),
    "m4a behind tags": (partial(write_behind_tags, name="m4a"), BEYOND_4_GIB),
    "wav behind a chunk": (partial(write_behind_chunk, name="wav"), 3 * GIB),
    "aiff behind a chunk": (partial(write_behind_chunk, name="aiff"), 3 * GIB),
    "m4a with 64-bit offsets": (write_m4a, 5 * GIB),
    "m4a of a terabyte": (write_m4a, 1 << 40),
}


@pytest.mark.parametrize("name", FAR)
def test_music_that_begins_behind_gigabytes_of_something_else(
    server: ServerProcess, music: Samples, tmp_path: Path, name: str
) -> None:
    write, size = FAR[name]
    write(tmp_path / "far", music, size)
    assert (tmp_path / "far").stat().st_size >= size
    reply = server.ask(request("far", tmp_path / "far"))
    assert (reply["id"], reply["camelot"], reply["warnings"]) == ("far", "8A", [])
    assert reply["duration"] == pytest.approx(SECONDS, abs=0.1)


def test_a_terabyte_of_nothing(server: ServerProcess, tmp_path: Path) -> None:
    with (tmp_path / "hole.mp3").open("wb") as file:
        file.truncate(1 << 40)
    assert server.ask(request(1, tmp_path / "hole.mp3"))["code"] == "unsupported_format"


def test_a_terabyte_that_is_not_there(
    server: ServerProcess, music: Samples, tmp_path: Path
) -> None:
    path = tmp_path / "claim.wav"
    FORMATS["rf64"].write(path, music, SAMPLE_RATE)
    data = bytearray(path.read_bytes())
    at = data.index(b"ds64") + 8
    data[at : at + 24] = struct.pack("<QQQ", 1 << 40, 1 << 40, 1 << 38)
    path.write_bytes(data)
    reply = server.ask(request(1, path))
    assert (reply["camelot"], reply["duration"]) == ("8A", SECONDS)
    assert [warning["code"] for warning in reply["warnings"]] == ["truncated"]


def test_a_terabyte_of_silence_is_given_up(music: Samples, tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    write_through_libsndfile(path, music, 1 << 40, "RF64")
    with ServerProcess("-w", "1", "--timeout", "4") as server:
        server.send(request(1, path))
        wait_for(lambda: server.ask({"type": "ping"})["running"] == 1)
        (worker,) = server.worker_pids()
        reply = server.receive()
        assert (reply["id"], reply["code"]) == (1, "timeout")
        wait_for(lambda: not psutil.pid_exists(worker))


ODD_TAIL = b"LIST\x0e\0\0\0INFOISFT\2\0\0\0ab" + b"id3 \3\0\0\0abc"


@pytest.mark.parametrize(
    ("size", "stated", "tail", "mended"),
    [
        (5 * GIB, None, b"", True),
        (9 * GIB, None, b"", True),
        (5 * GIB, None, ODD_TAIL + b"\0", True),
        (5 * GIB, None, ODD_TAIL, True),  # the byte that pads is forgotten by many
        (5 * GIB, 0xFFFFFFFF, b"", True),
        (5 * GIB, 0xFFFFFFFF - 36, b"", True),
        (3 * GIB, 0x7FFFF000, b"", True),  # what SoX writes into a pipe
        (3 * GIB, 0xFFFFFFFF, b"", False),  # all that there is, to libsndfile too
        (3 * GIB, None, b"", False),
        (3 * GIB, None, ODD_TAIL, False),
        (5 * GIB, 44_100, b"", False),  # nothing speaks for the rest being sound
        (5 * GIB, None, b"\0" * 100, False),
        (5 * GIB, None, b"LIST\xff\xff\xff\x7f", False),
        (5 * GIB, 0, b"", False),  # libsndfile takes it all
    ],
)
def test_sizes_that_32_bits_could_not_hold(
    music: Samples, tmp_path: Path, size: int, stated: int | None, tail: bytes, mended: bool
) -> None:
    size -= (size - 44) % 256
    path = tmp_path / "large.wav"
    end = write_wav(
        path, music[:10], size, (size - 44) % (1 << 32) if stated is None else stated, tail
    )
    assert end == size
    with SourceFile(os.fspath(path)) as source:
        assert read_wav(source).lost_size == (LostSize(40, end) if mended else None)
