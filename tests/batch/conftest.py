"""A small library: good files in several formats and keys, and files that cannot be analysed."""

from __future__ import annotations

import pytest

from examples.track import SAMPLE_RATE, render_track, write_audio
from keyscan.keys import Key

KEYS = {
    "2 Artist - Title (Original Mix).wav": "A minor",
    "10 音楽 🎵.flac": "C major",
    "sub/träck.mp3": "F# minor",
    "sub/deep/song.m4a": "E minor",
}
"""The files of ``library``, in the order in which they are found, and their keys."""


@pytest.fixture(scope="session")
def library(tmp_path_factory):
    folder = tmp_path_factory.mktemp("library")
    for name, key in KEYS.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_audio(path, render_track(Key.parse(key), 8.0), SAMPLE_RATE)
    (folder / "cover.jpg").write_bytes(b"no music")
    return folder


@pytest.fixture
def bad_files(tmp_path):
    """A folder whose files fail, one of them by a name that must not reach a terminal."""
    folder = tmp_path / "bad"
    folder.mkdir()
    (folder / "1 empty.mp3").write_bytes(b"")
    (folder / "2 text.wav").write_bytes(b"no music at all, but a few words of text")
    (folder / "3 \x1b[31mred\n.flac").write_bytes(b"nor is this")
    return folder
