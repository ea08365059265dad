"""A media file never makes the decoder open another file or the network, nor does a path.

The system itself is asked: strace writes down what the server and its workers open.
"""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import av
import pytest

from examples.track import SAMPLE_RATE, render_track
from keyscan.keys import Key
from tests.audio_files import FORMATS
from tests.crafted.references import PLAYLISTS, TARGETS, binary_references, named
from tests.crafted.watching import calls, may_trace, tracing
from tests.server_process import ServerProcess, request

# What a process reads of the system about itself, and PyAV's modules for streams of other kinds.
HARMLESS = ("/proc/", str(Path(av.__file__).parent))
NETWORK = ("socket", "connect", "bind", "sendto")
CANARY_KEY, TRACK_KEY = Key.parse("E major"), Key.parse("A minor")

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or not may_trace(),
    reason="apt-get install strace, where it may be used",
)


@pytest.fixture(scope="module")
def canary(tmp_path_factory):
    """Music in a key of its own, which only those who open it can know."""
    path = tmp_path_factory.mktemp("canary") / "canary.wav"
    FORMATS["wav"].write(path, render_track(CANARY_KEY, 8.0), SAMPLE_RATE)
    return path


@pytest.fixture(scope="module")
def port():
    """A server that notices any look at its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        yield listener.getsockname()[1]
        with pytest.raises(BlockingIOError):
            listener.accept()


class Watched:
    """The server under strace, after its first file."""

    def __init__(self, folder):
        self.log = folder / "calls"
        self.process = ServerProcess("-w", "1", prefix=tracing(self.log))

    def answer(self, path, file=None):
        """The reply to a request for ``path``; only that or ``file`` may be opened for it."""
        start = self.log.stat().st_size
        reply = self.process.ask(request("watched", path))
        assert self.process.ask({"type": "ping"})["type"] == "pong"  # all is written down by now
        for call in calls(self.log, start):
            assert call.name not in NETWORK, call.text
            for opened in call.paths:
                assert opened == str(file or path) or opened.startswith(HARMLESS), call.text
        return reply


@pytest.fixture(scope="module")
def watched(tmp_path_factory, canary):
    folder = tmp_path_factory.mktemp("watched")
    watched = Watched(folder)
    with watched.process:
        start = watched.log.stat().st_size
        reply = watched.process.ask(request("first", canary))
        assert reply["camelot"] == CANARY_KEY.camelot
        assert any(str(canary) in call.paths for call in calls(watched.log, start))
        yield watched


@pytest.mark.parametrize("target", TARGETS)
def test_playlists(watched, canary, port, target, tmp_path):
    for name, text in PLAYLISTS.items():
        path = canary.parent / f"{name}.mp3"  # next to it, for names without a folder
        path.write_text(text.format(target=named(target, canary, port)))
        assert watched.answer(path)["code"] == "unsupported_format", name
        path.unlink()


def test_movies_whose_sound_lies_in_another_file(watched, canary):
    for name, data in binary_references(canary):
        path = canary.parent / f"{name}.mov"
        path.write_bytes(data)
        assert watched.answer(path)["status"] == "error", name
        path.unlink()


@pytest.mark.parametrize("target", sorted(TARGETS.keys() - {"path", "file"}))
def test_a_path_is_a_path_and_no_address(watched, canary, port, target):
    assert watched.answer(named(target, canary, port))["code"] == "file_not_found"


def test_the_url_of_a_file_opens_that_file_only(watched, canary, port):
    reply = watched.answer(named("file", canary, port), canary)
    assert reply["camelot"] == CANARY_KEY.camelot


@pytest.mark.parametrize("name", ["/dev/stdin", "/dev/fd/0", "/proc/self/fd/0", "/dev/tty"])
def test_a_path_is_no_stream_of_ours(watched, name):
    reply = watched.process.ask(request("watched", name))
    assert reply["code"] in ("not_a_file", "file_not_found")


@pytest.mark.parametrize(
    "name",
    [
        *("concat:canary.wav|canary.wav", "file:canary.wav", "http:", "data:audio,", "pipe:0"),
        *("subfile,,start,0,end,0,,:canary.wav", "%03d.wav", "*.wav", "-", "canary.wav\n"),
    ],
)
@pytest.mark.parametrize("link", [False, True], ids=["file", "link"])
def test_a_file_may_be_named_like_an_address(watched, canary, name, link, tmp_path):
    """It is the file of that name that is analysed, and not what FFmpeg would make of it."""
    track = tmp_path / "track.wav"
    FORMATS["wav"].write(track, render_track(TRACK_KEY, 4.0), SAMPLE_RATE)
    (tmp_path / "canary.wav").write_bytes(canary.read_bytes())
    path = tmp_path / name
    path.symlink_to(track) if link else track.rename(path)
    assert watched.answer(path)["camelot"] == TRACK_KEY.camelot
