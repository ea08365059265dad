"""Ten tracks, a cache, and servers with it."""

from __future__ import annotations

import itertools

import pytest
import soundfile

from examples.track import SAMPLE_RATE, render_track
from keyscan.keys import Key
from tests.cached_server.asking import end
from tests.server_process import ServerProcess


@pytest.fixture(scope="module")
def music(tmp_path_factory):
    """Ten tracks of eight seconds, in ten minor keys, by Camelot."""
    folder = tmp_path_factory.mktemp("music")
    paths = {}
    for tonic in ("A", "E", "B", "F#", "C#", "G#", "D#", "Bb", "F", "C"):
        key = Key.parse(f"{tonic} minor")
        paths[key.camelot] = folder / f"{key.camelot}.flac"
        soundfile.write(paths[key.camelot], render_track(key, 8.0), SAMPLE_RATE)
    return paths


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A server for tests that leave it, and its cache, as they should be."""
    cache = tmp_path_factory.mktemp("shared") / "keys.sqlite"
    with ServerProcess("-w", "2", "--cache", str(cache)) as server:
        yield server
        end(server)


@pytest.fixture
def track(music, tmp_path):
    """Eight seconds in A minor, 8A, that no other test has asked about."""
    samples = render_track(Key.parse("A minor"), 8.0)
    samples[: len(samples) // 2] *= 1 - next(_GAINS) / 1000
    soundfile.write(tmp_path / "track.flac", samples, SAMPLE_RATE)
    return tmp_path / "track.flac"


_GAINS = itertools.count(1)


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache" / "keys.sqlite"


@pytest.fixture
def start(cache):
    """Servers with that cache; what is left of them ends with the test."""
    started = []
    cache.parent.mkdir()

    def start(*options, **more):
        started.append(ServerProcess("-w", "2", "--cache", str(cache), *options, **more))
        return started[-1]

    yield start
    for server in started:
        server.__exit__()
