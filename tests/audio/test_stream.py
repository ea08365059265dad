"""How the stream behaves: memory, blocks, names, timings, and what it leaves behind."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from keyscan.audio.stream import AudioStream
from keyscan.runtime import Stages
from keyscan.spectrogram.constant_q import SAMPLE_RATE
from tests.audio_files import FORMATS, music

FIVE_HOURS = """
import sys
from pathlib import Path
from keyscan.audio.stream import AudioStream
def read(path):
    with AudioStream(path, 3675) as stream:
        seconds = sum(len(block) for block in stream) / stream.sample_rate
    # ru_maxrss counts the parent's memory before exec, too
    status = Path("/proc/self/status").read_text()
    return seconds, int(status.partition("VmHWM:")[2].split()[0]) >> 10
_, before = read(sys.argv[1])
seconds, after = read(sys.argv[2])
print(seconds, after - before)
"""


@pytest.fixture(scope="module")
def mp3(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("music") / "music.mp3"
    FORMATS["mp3"].write(path, music(), 44100)
    return path


def _long_wav(path: Path, hours: float) -> None:
    """A WAV of digital silence that takes no room on the disk."""
    rate, size = 8000, int(hours * 3600) * 8000 * 2
    form = struct.pack("<IHHIIHH", 16, 1, 1, rate, rate * 2, 2, 16)
    head = b"RIFF" + struct.pack("<I", 36 + size) + b"WAVEfmt " + form + b"data"
    path.write_bytes(head + struct.pack("<I", size))
    os.truncate(path, 44 + size)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_does_not_grow_with_the_length(tmp_path: Path) -> None:
    _long_wav(tmp_path / "short.wav", 0.05)
    _long_wav(tmp_path / "long.wav", 5)
    output = subprocess.run(
        [sys.executable, "-c", FIVE_HOURS, tmp_path / "short.wav", tmp_path / "long.wav"],
        capture_output=True, text=True, check=True, timeout=120,
    ).stdout  # fmt: skip
    seconds, grown = map(float, output.split())
    assert seconds == 18_000
    assert grown < 10  # MiB


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_does_not_grow_with_the_length_of_an_mp3(mp3: Path, tmp_path: Path) -> None:
    FORMATS["mp3-no-xing"].write(tmp_path / "part.mp3", music(), 44100)
    (tmp_path / "long.mp3").write_bytes((tmp_path / "part.mp3").read_bytes() * 150)
    output = subprocess.run(
        [sys.executable, "-c", FIVE_HOURS, mp3, tmp_path / "long.mp3"],
        capture_output=True, text=True, check=True, timeout=120,
    ).stdout  # fmt: skip
    seconds, grown = map(float, output.split())
    assert seconds > 590
    assert grown < 16  # MiB


@pytest.mark.parametrize("name", ["wav", "mp3"])
@pytest.mark.parametrize("block", [100, 5000])
def test_the_size_of_the_blocks_changes_nothing(
    name: str, block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    form, path = FORMATS[name], tmp_path / "music"
    form.write(path, music(), 44100)
    with AudioStream(path, SAMPLE_RATE) as stream:
        expected = np.concatenate(list(stream))

    monkeypatch.setattr("keyscan.audio.soundfile_decoder.BLOCK_SAMPLES", block)
    monkeypatch.setattr("keyscan.audio.pyav_decoder._BLOCK_SAMPLES", block)
    with AudioStream(path, SAMPLE_RATE) as stream:
        blocks = list(stream)

    assert min(map(len, blocks)) > 0
    assert {part.dtype for part in blocks} == {np.dtype(np.float32)}
    np.testing.assert_allclose(np.concatenate(blocks), expected, atol=1e-6)


NAMES = [
    "-i.mp3",
    "file:music.mp3",
    "http://127.0.0.1:1/music.mp3".replace("/", "_"),
    "pipe:0",
    "concat:a|b.mp3",
    "%d.mp3",
    "%03d.jpg",
    "mit Leerzeichen  und.mp3 ",
    "Мелодия – 音楽 🎵.mp3",
    "e\u0301 zerlegt.mp3",
    "quote'\"`$(x);&.mp3",
    "zeile\nzwei.mp3",
    "back\\slash.mp3",
    "*?[a].mp3",
]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows forbids most of these names")
@pytest.mark.parametrize("form", ["mp3", "wav"])
@pytest.mark.parametrize("name", [*NAMES, os.fsdecode(b"latin-1 \xe9\xff.mp3")])
def test_any_name_is_only_a_name(
    name: str, form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    FORMATS[form].write(tmp_path / "plain", music(), 44100)
    (tmp_path / "plain").rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)  # the bare name must do as well
    for path in (tmp_path / name, name):
        with AudioStream(path, SAMPLE_RATE) as stream:
            assert sum(map(len, stream)) == pytest.approx(
                stream.sample_rate * len(music()) / 44100, abs=100
            )


def test_stages_share_the_time_between_decoding_and_resampling(mp3: Path) -> None:
    stages = Stages()
    with AudioStream(mp3, SAMPLE_RATE, stages) as stream:
        opened = stages.seconds["decode"]
        list(stream)
    assert stages.seconds.keys() == {"decode", "resample"}
    assert stages.seconds["decode"] > opened > 0


def test_the_stream_says_what_it_found(mp3: Path) -> None:
    with AudioStream(mp3, SAMPLE_RATE) as stream:
        assert (stream.decoder, stream.format) == ("pyav", "mp3 mp3float")
        assert stream.duration == 0
        list(stream)
        assert stream.duration == pytest.approx(len(music()) / 44100, abs=0.001)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts descriptors in /proc")
@pytest.mark.parametrize("name", ["wav", "flac", "mp3", "m4a"])
def test_no_file_stays_open(name: str, tmp_path: Path) -> None:
    def count() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    FORMATS[name].write(tmp_path / "music", music(), 44100)
    (tmp_path / "noise").write_bytes(b"noise" * 100)
    before = count()
    for _ in range(5):
        with AudioStream(tmp_path / "music", SAMPLE_RATE) as stream:
            next(iter(stream))  # left before its end
        with pytest.raises(Exception, match="no audio format"):
            AudioStream(tmp_path / "noise", SAMPLE_RATE)
    assert count() == before
