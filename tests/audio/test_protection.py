"""Encrypted sound is told of as such; the marks alone alarm where nothing is encrypted."""

from __future__ import annotations

from pathlib import Path

import pytest

from keyscan.audio.stream import AudioStream
from keyscan.errors import Protected
from keyscan.spectrogram.features import extract_features
from tests.audio_files import valid
from tests.crafted.containers import box
from tests.crafted.protected import (
    MP4S,
    protected_asf,
    protected_matroska,
    protected_mp4,
    renamed,
    sinf,
    tenc,
    with_descriptions,
)
from tests.crafted.streams import Tone, write_streams

RATE = 44100


def read(path: Path, data: bytes | None = None, stream: int | None = None) -> object:
    """Decode all of the file, which may have to be written first; the stream and its warnings."""
    if data is not None:
        path.write_bytes(data)
    with AudioStream(path, RATE, stream=stream) as audio:
        assert sum(map(len, audio)) > 3 * RATE
        return audio.stream, audio.warnings


@pytest.mark.parametrize("kind", MP4S)
def test_protected_mp4(kind: str, tmp_path: Path) -> None:
    with pytest.raises(Protected, match="copy protection"):
        read(tmp_path / "song.m4p", protected_mp4(kind))


@pytest.mark.parametrize("name", ["m4a-fragmented", "alac"])
def test_protected_files_of_other_writers(name: str, tmp_path: Path) -> None:
    with pytest.raises(Protected):
        read(tmp_path / "song.m4p", protected_mp4("CENC", name))


@pytest.mark.parametrize("guid", ["fbb3112223bdd211b4b700a0c955fc6e",
                                  "14e68a292226174cb935dae07ee9289c"])  # fmt: skip
def test_protected_asf(guid: str, tmp_path: Path) -> None:
    with pytest.raises(Protected):
        read(tmp_path / "song.wma", protected_asf(guid))


def test_protected_matroska(tmp_path: Path) -> None:
    with pytest.raises(Protected):
        read(tmp_path / "song.webm", protected_matroska())


@pytest.mark.parametrize(
    "edit",
    [
        renamed(b"enca", sinf(b"mp4a", b"cenc", tenc(encrypted=False))),
        renamed(b"mp4a", box(b"pinf", box(b"frma", b"mp4a"))),  # bought without protection
    ],
)
def test_what_is_marked_as_clear_is_decoded(edit, tmp_path: Path) -> None:
    assert read(tmp_path / "a.m4a", with_descriptions(valid("m4a"), edit)) == (None, ())


def test_a_clear_stream_beside_a_protected_one(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    write_streams(path, [Tone(220), Tone(440)])
    data = with_descriptions(path.read_bytes(), MP4S["CENC"], number=0)
    assert read(path, data) == (1, ())
    with pytest.raises(Protected):
        extract_features(path, stream=0)
