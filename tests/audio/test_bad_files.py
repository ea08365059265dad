"""What is no music is refused with the right code, at once, and touches nothing else."""

from __future__ import annotations

import errno
import os
import random
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from keyscan import errors
from keyscan.audio.stream import AudioStream
from keyscan.spectrogram.constant_q import SAMPLE_RATE
from tests.audio_files import FORMATS, music, write_video

WITHOUT_PRIVILEGES = """
import os, sys
from keyscan.audio import stream as audio
from keyscan import errors
if os.getuid() == 0:
    os.setuid(65534)
try:
    audio.AudioStream(sys.argv[1], 3675)
except errors.AnalysisError as error:
    print(error.code)
"""


def refusal(path: str | Path) -> errors.AnalysisError:
    with pytest.raises(errors.AnalysisError) as caught, AudioStream(path, SAMPLE_RATE) as stream:
        list(stream)
    assert str(caught.value)
    return caught.value


def test_a_missing_file(tmp_path: Path) -> None:
    assert refusal(tmp_path / "nothing.mp3").code == "file_not_found"
    (tmp_path / "file").write_bytes(b"x")
    assert refusal(tmp_path / "file" / "below.mp3").code == "file_not_found"


def test_a_directory(tmp_path: Path) -> None:
    assert refusal(tmp_path).code == "not_a_file"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs here")
def test_a_fifo_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.mp3")
    assert refusal(tmp_path / "fifo.mp3").code == "not_a_file"


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="no sockets in the file system here")
def test_a_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's address is at most 108 bytes long
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket.mp3")
        assert refusal("socket.mp3").code == "not_a_file"


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no device files here")
def test_a_device() -> None:
    assert refusal("/dev/zero").code == "not_a_file"


def test_a_path_that_cannot_be(tmp_path: Path) -> None:
    assert refusal(f"{tmp_path}/{'x' * 5000}.mp3").code == "invalid_path"
    assert refusal(f"{tmp_path}/nul\0.mp3").code == "invalid_path"


def test_a_link_to_itself(tmp_path: Path) -> None:
    (tmp_path / "loop.mp3").symlink_to(tmp_path / "loop.mp3")
    assert refusal(tmp_path / "loop.mp3").code == "invalid_path"


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.EACCES, "permission_denied"),
        (errno.EPERM, "permission_denied"),
        (errno.EIO, "read_failed"),
    ],
)
def test_a_file_that_may_not_be_opened(
    number: int, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the system may say to an open of what is there; an EIO cannot be had otherwise."""

    def refuse(*_: object, **__: object) -> int:
        raise OSError(number, os.strerror(number))

    (tmp_path / "locked.mp3").write_bytes(b"x")
    monkeypatch.setattr(os, "open", refuse)
    assert refusal(tmp_path / "locked.mp3").code == code


@pytest.mark.skipif(not hasattr(os, "setuid"), reason="no Unix permissions here")
def test_a_file_without_permission(tmp_path: Path) -> None:
    (tmp_path / "locked.mp3").write_bytes(b"x")
    (tmp_path / "locked.mp3").chmod(0)
    output = subprocess.run(
        [sys.executable, "-c", WITHOUT_PRIVILEGES, tmp_path / "locked.mp3"],
        capture_output=True, text=True, check=True, timeout=60,
    ).stdout  # fmt: skip
    assert output.strip() == "permission_denied"


@pytest.mark.parametrize("name", ["wav", "flac", "mp3", "m4a"])
@pytest.mark.parametrize("good_reads", [0, 1, 3])
def test_a_disk_that_fails_while_reading(
    name: str, good_reads: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    form, left = FORMATS[name], good_reads
    path = tmp_path / f"music{form.extension}"
    form.write(path, music(), 44100)
    read = os.read

    def fail(descriptor: int, count: int) -> bytes:
        nonlocal left
        left -= 1
        if left < 0:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return read(descriptor, count)

    monkeypatch.setattr(os, "read", fail)
    assert refusal(path).code == "read_failed"


def test_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "empty.mp3").touch()
    assert refusal(tmp_path / "empty.mp3").code == "empty_file"


TEXT = "Not a song.\nJust a letter that someone renamed, über all, again and again.\n" * 200
NOT_AUDIO = {
    "text": TEXT.encode(),
    "utf-16": TEXT.encode("utf-16"),
    "html": b"<!DOCTYPE html><html><body>404</body></html>",
    "png": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(1000),
    "jpeg": b"\xff\xd8\xff\xe0\0\x10JFIF\0" + b"\xff\xfb\x90\x64" + bytes(1000),
    "zip": b"PK\x03\x04" + bytes(1000),
    "pdf": b"%PDF-1.7\n" + bytes(1000),
    "subtitles": b"1\n00:00:01,000 --> 00:00:02,000\nla la la\n\n" * 50,
    "midi": b"MThd\0\0\0\6\0\0\0\1\0\x60MTrk" + bytes(100),
    "one byte": b"\xff",
    "zeros": bytes(100_000),
    "0xFF": b"\xff" * 100_000,
}


@pytest.mark.parametrize("name", NOT_AUDIO)
def test_other_files_renamed_to_mp3(name: str, tmp_path: Path) -> None:
    (tmp_path / "renamed.mp3").write_bytes(NOT_AUDIO[name])
    assert refusal(tmp_path / "renamed.mp3").code == "unsupported_format"


@pytest.mark.parametrize("size", [10, 100, 5_000, 50_000, 500_000])
def test_random_bytes_are_no_mp3(
    size: int, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """FFmpeg's prober takes about one random file in ten for an MP3."""
    for seed in range(40 if size < 50_000 else 8):
        (tmp_path / "noise.mp3").write_bytes(random.Random(seed).randbytes(size))
        assert refusal(tmp_path / "noise.mp3").code == "unsupported_format", seed
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "magic",
    [
        *(b"RIFF\0\0\1\0WAVE", b"fLaC\0\0\0\x22", b"FORM\0\0\1\0AIFF", b"FORM\0\0\1\0AIFC"),
        *(b".snd", b"caff\0\1\0\0", b"OggS\0\2", b"OggS", b"\x1a\x45\xdf\xa3"),
        *(b"\0\0\0\x18ftypM4A ", b"ID3\4\0\0\0\0\1\0", b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"),
        *(b"wvpk", b"TTA1", b"MAC ", b"FLV\1", b"\xff\xfb\x90\x64", b"\xff\xf1\x50\x80"),
    ],
)
def test_random_bytes_behind_a_true_beginning(
    magic: bytes, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for seed in range(10):
        noise = random.Random(seed).randbytes(seed * seed * 300)
        (tmp_path / "noise").write_bytes(magic + noise)
        assert refusal(tmp_path / "noise").code in ("unsupported_format", "decode_failed")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("name", "bytes_kept"),
    [("wav", 44), ("flac", 42), ("aiff", 54), ("ogg-vorbis", 58), ("m4a", 48), ("mp3", 40)],
)
def test_a_header_and_nothing_else(name: str, bytes_kept: int, tmp_path: Path) -> None:
    form = FORMATS[name]
    path = tmp_path / f"music{form.extension}"
    form.write(path, music(), 44100)
    path.write_bytes(path.read_bytes()[:bytes_kept])
    assert refusal(path).code == "decode_failed"


@pytest.mark.parametrize("kind", ["WAV", "AIFF", "AU", "W64", "CAF"])
def test_a_length_of_zero(kind: str, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "nothing", np.zeros((0, 2)), 44100, format=kind)
    assert refusal(tmp_path / "nothing").code == "no_audio"


@pytest.mark.parametrize("container", ["mp4", "avi", "webm", "matroska", "mpegts"])
def test_a_video_without_sound(container: str, tmp_path: Path) -> None:
    write_video(tmp_path / "video", None, 0, container=container)
    assert refusal(tmp_path / "video").code == "no_audio"


@pytest.mark.parametrize("rate", [1, 200, 2_000_000_000])
def test_a_sample_rate_that_cannot_be(rate: int, tmp_path: Path) -> None:
    path = tmp_path / "music.wav"
    FORMATS["wav"].write(path, music(), 44100)
    data = bytearray(path.read_bytes())
    data[24:28] = rate.to_bytes(4, "little")
    path.write_bytes(data)
    assert refusal(path).code == "decode_failed"


PLAYLISTS = {
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{target}\n#EXT-X-ENDLIST\n",
    "concat": "ffconcat version 1.0\nfile '{target}'\n",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
    "m=audio 5004 RTP/AVP 0\n",
    "dash": '<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static">'
    '<Period><AdaptationSet mimeType="audio/wav"><Representation id="0" bandwidth="1">'
    "<BaseURL>{target}</BaseURL></Representation></AdaptationSet></Period></MPD>",
    "rtsp": "RTSPtext\nrtsp://127.0.0.1:1/x\n",
}


@pytest.mark.parametrize("name", PLAYLISTS)
@pytest.mark.parametrize("scheme", ["", "file:"])
def test_a_media_file_opens_no_other(name: str, scheme: str, tmp_path: Path) -> None:
    target = tmp_path / "secret.wav"
    FORMATS["wav"].write(target, music(), 44100)
    (tmp_path / "list.mp3").write_text(PLAYLISTS[name].format(target=f"{scheme}{target}"))
    assert refusal(tmp_path / "list.mp3").code == "unsupported_format"


def test_a_file_that_is_replaced_between_the_question_and_the_opening(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "music.mp3").write_bytes(b"x")
    opened = []

    def open_another(*_: object) -> int:
        opened.append(os.dup(reader))
        return opened[0]

    reader, writer = os.pipe()
    monkeypatch.setattr(os, "open", open_another)
    try:
        assert refusal(tmp_path / "music.mp3").code == "not_a_file"
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(opened[0])
    finally:
        os.close(reader)
        os.close(writer)
