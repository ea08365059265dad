"""Defects that damaged and crafted files brought to light do not come back."""

from __future__ import annotations

from pathlib import Path

import pytest

from keyscan.audio.ffmpeg import limit_allocations
from keyscan.audio.mpeg import end_of_frames, find_frames
from keyscan.audio.source import SourceFile
from keyscan.audio.stream import AudioStream
from keyscan.errors import AnalysisError
from keyscan.spectrogram.constant_q import SAMPLE_RATE
from tests.audio_files import valid
from tests.crafted.found import FOUND


@pytest.mark.parametrize("name", FOUND)
def test_what_was_found(name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    found = FOUND[name]()
    (tmp_path / "found").write_bytes(found.data)
    try:
        with AudioStream(tmp_path / "found", SAMPLE_RATE) as stream:
            assert sum(map(len, stream)) > 3 * stream.sample_rate
        code, warnings = "ok", tuple(warning.code for warning in stream.warnings)
    except AnalysisError as error:
        code, warnings = error.code, ()
    assert (code, warnings) == (found.code, found.warnings)
    assert capfd.readouterr() == ("", "")


def test_ffmpeg_can_be_told_how_much_memory_is_too_much() -> None:
    assert limit_allocations()


def test_a_position_never_outgrows_what_a_decoder_can_be_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    with SourceFile(tmp_path / "file") as source:
        for whence in (0, 1, 2):
            source.seek(5)
            assert 0 <= source.seek(2**63 - 1, whence) < 2**63
            assert source.read(10) == b""
        assert source.seek(-5) == 0
        assert source.read(10) == b"x"


def test_the_search_for_frames_gives_up_after_many_false_headers() -> None:
    crafted = b"\xff\xfb\x90\x64\0" * 30_000
    assert find_frames(crafted + valid("mp3"), 1 << 20, complete=True) is None
    assert end_of_frames(crafted + valid("mp3")) is None
    few = b"\xff\xfb\x90\x64\0" * 3_000
    assert find_frames(few + valid("mp3"), 1 << 20, complete=True) is not None
