"""Rows of frames are told from other bytes, and free format is decoded."""

from __future__ import annotations

import random
import sysconfig
from pathlib import Path

import numpy as np
import pytest

from examples.track import encode
from keyscan.audio.formats import FREE_FORMAT_MP3, MP3, UNKNOWN
from keyscan.audio.mpeg import find_frames, mp3_frame
from keyscan.audio.probing import identify
from keyscan.audio.source import SourceFile
from keyscan.audio.stream import AudioStream
from keyscan.errors import UnsupportedFormat
from keyscan.spectrogram.constant_q import SAMPLE_RATE
from tests.audio.test_formats import lag_of, snr
from tests.audio_files import FORMATS, id3v2, music, valid

NOISE = random.Random(1).randbytes(1 << 20)


def decode(path: Path, rate: int = SAMPLE_RATE) -> tuple[np.ndarray, list[str]]:
    with AudioStream(path, rate) as stream:
        samples = np.concatenate(list(stream))
        return samples, [warning.message for warning in stream.warnings]


def frames_of(data: bytes) -> list[bytes]:
    """The frames of an MP3, tags left out."""
    found = find_frames(data, len(data), complete=True)
    assert found is not None
    at, frames = found[1], []
    while frame := mp3_frame(data, at):
        frames.append(data[at : at + frame.length])
        at += frame.length
    return frames


# ------------------------------------------------------------------------------------------ junk


def test_files_of_a_python_installation_are_no_music() -> None:
    """Programs have tables whose entries look like headers at the distance of frames."""
    root = Path(sysconfig.get_paths()["platlib"])
    names = sorted(path for path in root.rglob("*") if path.is_file())
    large = [path for path in names if path.stat().st_size > 50_000 and path.suffix != ".wav"]
    for path in [*large[:: max(len(large) // 150, 1)], *large[-1:]]:
        with SourceFile(path) as source:
            assert identify(source).format is UNKNOWN, path


JUNK = {
    # 64 bytes a frame: 64 kbit/s at 48 kHz, Layer I
    "a table in a program": NOISE[:30_000] + b"\xff\xfe\x24\0".ljust(64, b"\1") * 700 + NOISE,
    "its forbidden values": b"\xff\xfe\x24\0".ljust(64, b"\xff") * 700,
    "a grey picture": b"\xff\xe4\xe4\xe4" + b"\xff" * 1916 + (b"\xff\xe4\xe4\xe4" * 480) * 11,
    "an MP3 in the midst of others": NOISE[:100_000] + valid("mp3")[:60_000] + NOISE,
    "the same in free format": NOISE[:100_000] + valid("mp3")[:60_000].replace(
        b"\xff\xfb\xe0", b"\xff\xfb\x00") + NOISE,
    "samples of a tone": NOISE[:100] + (b"\xff\xfb\x00\x40" + NOISE[:196]) * 2_000,
    "a few headers": b"\xff\xfb\x90\x64" + NOISE[:5_000] + b"\xff\xfb\x90\x64" + NOISE[:5_000],
    "columns of numbers": b"1  2  3  4  5  6\n" * 6_000,
    "headers of a program stream": NOISE[:5_000] + (b"\0\0\1\xba" + b"\0\0\1\xc0\0\x20" * 9) * 900,
    "a page about free software": b"All free software\n" * 1_000,
    "a page about coffee": b"caffeine\n" * 1_000,
    "a tag's name": b"TAG, ID3 and APETAGEX are words.\n" * 1_000,
}  # fmt: skip


@pytest.mark.parametrize("name", JUNK)
def test_junk_is_no_sound(name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "junk").write_bytes(JUNK[name])
    with pytest.raises(UnsupportedFormat):
        AudioStream(tmp_path / "junk", SAMPLE_RATE)
    assert capfd.readouterr() == ("", "")


def test_a_table_resembles_frames_and_its_surroundings_do_not() -> None:
    table = b"\xff\xfe\x24\0".ljust(64, b"\1") * 700
    assert find_frames(table, 1, complete=True) == ("mp3", 0)
    assert find_frames(table + NOISE, 1, complete=True) is None


# ----------------------------------------------------------------------------------------- music


@pytest.mark.parametrize("count", [3, 10, 40])
@pytest.mark.parametrize("name", ["mp3-no-xing", "mp3-vbr", "mp2"])
def test_few_frames_are_enough_where_there_is_nothing_else(
    name: str, count: int, tmp_path: Path
) -> None:
    (tmp_path / "click.mp3").write_bytes(b"".join(frames_of(valid(name))[:count]))
    with SourceFile(tmp_path / "click.mp3") as source:
        assert identify(source).format is MP3
    assert len(decode(tmp_path / "click.mp3")[0])


@pytest.mark.parametrize("every", [8, 16])
def test_an_mp3_that_is_damaged_all_over_is_one(every: int, tmp_path: Path) -> None:
    frames = frames_of(valid("mp3-no-xing"))
    for number in range(4, len(frames), every):
        frames[number] = NOISE[: len(frames[number])]
    (tmp_path / "damaged.mp3").write_bytes(b"".join(frames))
    samples, warnings = decode(tmp_path / "damaged.mp3")
    assert len(samples) > 0.6 * SAMPLE_RATE * len(music()) / 44100
    assert len(warnings) == 1


def test_a_jingle_before_a_song_of_another_rate(tmp_path: Path) -> None:
    encode(tmp_path / "jingle", music(48000)[:24_000], 48000, "libmp3lame", container="mp3")
    data = (tmp_path / "jingle").read_bytes() + valid("mp3") * 4
    (tmp_path / "music.mp3").write_bytes(data)
    assert len(decode(tmp_path / "music.mp3")[0]) > 16 * SAMPLE_RATE


# ----------------------------------------------------------------------------------- free format


def free_format(name: str, rate: int) -> bytes:
    """An MP3 of constant bit rate whose headers do not state it, as LAME writes."""
    form = FORMATS["mp3" if name == "Xing" else "mp3-no-xing"]
    path = Path(name)
    form.write(path, music(rate, 12.0), rate)
    frames = frames_of(path.read_bytes())
    if name == "Xing":  # its frame has a bit rate of its own
        padding = frames[0][2] >> 1 & 1
        frames[0] = frames[0].ljust(min(map(len, frames[1:])) + padding, b"\0")
    return b"".join(frame[:2] + bytes([frame[2] & 0x0F]) + frame[3:] for frame in frames)


@pytest.fixture
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("before", [b"", bytes(100_000), id3v2()])
@pytest.mark.parametrize(
    ("name", "rate"), [("none", 44100), ("none", 48000), ("Xing", 48000), ("Xing", 22050)]
)
def test_free_format(name: str, rate: int, before: bytes, in_folder: Path) -> None:
    (in_folder / "free.mp3").write_bytes(before + free_format(name, rate))
    found, warnings = decode(in_folder / "free.mp3", rate)
    expected, _ = decode(in_folder / name, rate)
    assert warnings == []
    assert len(found) == pytest.approx(12 * rate, rel=0.01)
    lag = lag_of(found, expected)
    assert abs(lag) <= 0.06 * rate  # of the encoder
    assert snr(found, expected, lag) > 20


def test_damage_in_free_format_is_told(in_folder: Path) -> None:
    data = free_format("none", 48000)
    half = len(data) // 2
    for damaged in (
        data[:half] + NOISE[:5_000] + data[half + 5_000 :],
        data[:half] + bytes(30_000) + data[half + 30_000 :],
        data[:half] + data[half + 30_000 :],
        data[:200_000] + NOISE[:5_000] + data[205_000:half] + NOISE[:900] + data[half + 900 :],
    ):
        (in_folder / "free.mp3").write_bytes(damaged)
        samples, warnings = decode(in_folder / "free.mp3")
        assert 2 * SAMPLE_RATE < len(samples) < 11 * SAMPLE_RATE
        assert warnings == ["1 damaged part(s) of the file were skipped"]


@pytest.mark.parametrize("name", ["none", "Xing"])
def test_joined_files_in_free_format(name: str, in_folder: Path) -> None:
    data, path = free_format(name, 48000), in_folder / "free.mp3"
    path.write_bytes(data + data)
    samples, warnings = decode(path)
    assert len(samples) == pytest.approx(24 * SAMPLE_RATE, rel=0.01)
    assert warnings == []
    path.write_bytes(data[: len(data) // 3] + valid("mp3"))
    samples, warnings = decode(path)
    assert len(samples) == pytest.approx(4 * SAMPLE_RATE, rel=0.05)
    assert len(warnings) == 1


@pytest.mark.parametrize("between", [b"", id3v2(), bytes(100)])
@pytest.mark.parametrize("ordinary", ["mp3", "mp3-no-xing"])
def test_free_format_behind_an_ordinary_mp3(ordinary: str, between: bytes, in_folder: Path) -> None:
    path = in_folder / "joined.mp3"
    path.write_bytes(valid(ordinary) + between + free_format("none", 48000))
    samples, warnings = decode(path)
    assert len(samples) == pytest.approx(4 * SAMPLE_RATE, rel=0.05)
    assert any("second" in warning for warning in warnings)


def test_free_format_that_no_decoder_knows(in_folder: Path) -> None:
    """libsndfile refuses it where the frame of the Xing header is in another stereo mode."""
    (in_folder / "free.mp3").write_bytes(free_format("Xing", 44100))
    with pytest.raises(UnsupportedFormat, match="free-format MP3"):
        decode(in_folder / "free.mp3")


def test_free_format_that_breaks_off(in_folder: Path) -> None:
    data = free_format("Xing", 48000)
    (in_folder / "free.mp3").write_bytes(data[: len(data) // 2])
    with SourceFile(in_folder / "free.mp3") as source:
        assert identify(source).format is FREE_FORMAT_MP3
    _, (warning,) = decode(in_folder / "free.mp3")
    assert warning.startswith("the file breaks off before its end: 6.0 s decoded of 12 s")
