"""Files that break off or have damaged parts are decoded as far as they go, and say so."""

from __future__ import annotations

import contextlib
import os
import random
import struct
import warnings
from pathlib import Path

import numpy as np
import pytest
import soundfile

from keyscan.audio.stream import AudioStream
from keyscan.errors import AnalysisError, DecodeFailed
from keyscan.spectrogram.constant_q import SAMPLE_RATE
from tests.audio_files import FORMATS, music, valid

# Nothing in these says where the file should end, wherever it is cut. Rows of frames, as converters
# and radio recorders write them, end within a frame as often as not.
SILENT_ABOUT_THEIR_LENGTH = {
    *("wav-streamed", "wav-unclosed", "mpegts", "ac3", "mp2", "mp3-no-xing", "aac", "aac-id3"),
}
# Their index comes last, and without it the rest has no meaning.
INDEX_AT_THE_END = {"m4a", "alac", "mp4-video"}


def decode(path: Path) -> tuple[float, set[str]]:
    """Seconds of sound found, and the codes of the warnings."""
    with AudioStream(path, SAMPLE_RATE) as stream:
        seconds = sum(map(len, stream)) / stream.sample_rate
        return seconds, {warning.code for warning in stream.warnings}


@pytest.mark.parametrize("name", FORMATS)
def test_cut_at_every_tenth_of_its_length(name: str, tmp_path: Path) -> None:
    data, path, found = valid(name), tmp_path / "cut", []
    for tenth in range(1, 10):
        path.write_bytes(data[: len(data) * tenth // 10])
        try:
            seconds, codes = decode(path)
        except DecodeFailed:
            assert name in INDEX_AT_THE_END or tenth <= 2, f"nothing of {tenth}/10 was decoded"
            continue
        assert seconds > 0
        assert codes == (set() if name in SILENT_ABOUT_THEIR_LENGTH else {"truncated"})
        found.append(seconds)
    assert found == sorted(found)
    if name not in INDEX_AT_THE_END:
        assert found[-1] > 0.75 * len(music()) / 44100


@pytest.mark.parametrize("name", sorted(INDEX_AT_THE_END))
def test_a_cut_off_index_is_named_as_the_reason(name: str, tmp_path: Path) -> None:
    (tmp_path / "cut").write_bytes(valid(name)[:-2000])
    with pytest.raises(DecodeFailed, match="breaks off") as caught:
        decode(tmp_path / "cut")
    assert [warning.code for warning in caught.value.warnings] == ["truncated"]


@pytest.mark.parametrize(
    "name",
    [
        *("flac", "flac-24", "ogg-flac", "mp3", "mp3-no-xing", "m4a-faststart", "alac", "aac"),
        *("mka-flac", "wma", "webm", "ac3", "ogg-opus", "ogg-vorbis", "caf-alac"),
    ],
)
def test_damage_in_the_middle_costs_no_more_than_its_surroundings(
    name: str, tmp_path: Path
) -> None:
    """A sector of 4,096 bytes is lost; Ogg pages and WebM clusters reach far around it."""
    data = bytearray(valid(name))
    share = 0.4 if name.startswith("ogg") or name in ("mka-flac", "webm") else 0.8
    at = len(data) // 2
    data[at : at + 4096] = random.Random(1).randbytes(4096)
    (tmp_path / "damaged").write_bytes(data)

    seconds, codes = decode(tmp_path / "damaged")

    assert codes == {"bad_packets"}
    assert seconds > share * len(music()) / 44100


def test_an_avi_with_a_hole_in_its_sound(tmp_path: Path) -> None:
    """FFmpeg steps over it without a word; the header says how much there should be."""
    data = bytearray(valid("avi-video"))
    data[len(data) // 2 : len(data) // 2 + 20_000] = random.Random(1).randbytes(20_000)
    (tmp_path / "damaged.avi").write_bytes(data)
    seconds, codes = decode(tmp_path / "damaged.avi")
    assert 1 < seconds < len(music()) / 44100 - 0.2
    assert codes == {"bad_packets"}


@pytest.mark.parametrize(("name", "repeats"), [("wav", 1), ("mp3-no-xing", 4)])
def test_a_file_that_shrinks_while_it_is_read(name: str, repeats: int, tmp_path: Path) -> None:
    path = tmp_path / "music"
    path.write_bytes(valid(name) * repeats)  # more than FFmpeg reads ahead
    with AudioStream(path, SAMPLE_RATE) as stream:
        os.truncate(path, path.stat().st_size * 3 // 4)
        seconds = sum(map(len, stream)) / stream.sample_rate
        codes = {warning.code for warning in stream.warnings}
    assert 0 < seconds < 3.2 * repeats
    assert "truncated" in codes


def test_damaged_flac_goes_on_behind_the_damage(tmp_path: Path) -> None:
    """libsndfile stops at the first damaged frame; what follows must sound at its place."""
    data = bytearray(valid("flac"))
    data[len(data) // 2 : len(data) // 2 + 40] = bytes(40)
    (tmp_path / "damaged.flac").write_bytes(data)

    with AudioStream(tmp_path / "damaged.flac", 44100) as stream:
        decoded = np.concatenate(list(stream))

    reference = music().mean(1)
    np.testing.assert_allclose(decoded[:65536], reference[:65536], atol=1e-3)
    np.testing.assert_allclose(decoded[-65536:], reference[-65536:], atol=1e-3)
    assert [warning.code for warning in stream.warnings] == ["bad_packets"]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e30, -3e38])
def test_samples_that_are_no_sound_are_silenced(bad: float, tmp_path: Path) -> None:
    samples = music().copy()
    samples[1000:1010, 0] = bad
    soundfile.write(tmp_path / "bad.wav", samples, 44100, subtype="FLOAT")
    warnings.simplefilter("error")

    with AudioStream(tmp_path / "bad.wav", 44100) as stream:
        decoded = np.concatenate(list(stream))

    expected = music().mean(1)
    expected[1000:1010] = 0
    np.testing.assert_allclose(decoded, expected, atol=1e-3)
    (warning,) = stream.warnings
    assert warning.code == "bad_samples"
    assert "10 sample(s)" in warning.message


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0xFFFFF000, 0x7FFFFFFF, 0x7FFFF000, 0])
def test_wav_lengths_of_streaming_writers_are_no_promise(size: int, tmp_path: Path) -> None:
    data = bytearray(valid("wav-streamed"))
    data[40:44] = struct.pack("<I", size)
    (tmp_path / "streamed.wav").write_bytes(data)
    seconds, codes = decode(tmp_path / "streamed.wav")
    assert seconds == pytest.approx(len(music()) / 44100, abs=0.01)
    assert codes == set()


def test_no_damage_leaks_an_error_that_is_not_ours(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A few bytes changed at random, near the start as often as anywhere."""
    path = tmp_path / "damaged"
    for name in FORMATS:
        whole = valid(name)[:60_000]
        for seed in range(6):
            source, data = random.Random(seed), bytearray(whole)
            reach = 200 if seed % 2 else len(data)
            for _ in range(source.choice((1, 4, 20))):
                data[source.randrange(reach)] = source.choice((0, 255, source.randrange(256)))
            path.write_bytes(data)
            with contextlib.suppress(AnalysisError), AudioStream(path, SAMPLE_RATE) as stream:
                assert all(np.isfinite(block).all() for block in stream)
    assert capfd.readouterr() == ("", "")
