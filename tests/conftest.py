"""Settings and fixtures that all tests share."""

from __future__ import annotations

import os
from unittest import mock

import pytest
import soundfile
from hypothesis import settings

from examples.track import SAMPLE_RATE, render_track
from keyscan.doctor.environment import PREFIXES
from keyscan.keys import Key
from tests.crafted.streams import Piece, write_streams
from tests.server_process import ServerProcess
from tests.sparse_files import write_silent_wav

# a busy machine is no reason to fail
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

# The tests set what they expect of numerical libraries. Only the BLAS kernel is the user's choice:
# the tests have to pass with any.
for name in [name for name in os.environ if name.startswith(PREFIXES)]:
    if name != "OPENBLAS_CORETYPE":
        del os.environ[name]
for name in ("NO_COLOR", "FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE"):
    os.environ.pop(name, None)


@pytest.fixture(autouse=True)
def own_environment():
    """What a test, or what it imports, does to the environment ends with it."""
    with mock.patch.dict(os.environ):
        yield


@pytest.fixture(scope="session")
def track(tmp_path_factory):
    """Ten seconds in F# minor, 11A."""
    path = tmp_path_factory.mktemp("music") / "träck 🎵.flac"
    soundfile.write(path, render_track(Key.parse("F# minor"), 10.0), SAMPLE_RATE)
    return path


@pytest.fixture(scope="session")
def film(tmp_path_factory):
    """Ten seconds with two audio streams: A minor, 8A, and F# minor, 11A."""
    path = tmp_path_factory.mktemp("film") / "film.mkv"
    write_streams(path, [Piece("A minor"), Piece("F# minor")], "matroska", "flac")
    return path


@pytest.fixture(scope="session")
def endless(tmp_path_factory):
    """A WAV of ten minutes that takes seconds to decode: 64 channels of silence, sparse on disk."""
    path = tmp_path_factory.mktemp("long") / "endless.wav"
    write_silent_wav(path, 64, 600)
    return path


@pytest.fixture
def server():
    with ServerProcess() as process:
        yield process
