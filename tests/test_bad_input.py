"""Whatever is sent, one reply with a documented code, and the next request works."""

from __future__ import annotations

import json
import os
import random
import shutil

import numpy as np
import pytest
import soundfile

from examples.track import SAMPLE_RATE, render_track
from keyscan.errors import ERROR_CODES
from keyscan.keys import Key
from tests.audio_files import FORMATS, write_video
from tests.server_process import ServerProcess


@pytest.fixture(scope="module")
def music():
    """Eight seconds in A minor, 8A."""
    return render_track(Key.parse("A minor"), 8.0)


@pytest.fixture(scope="module")
def good(music, tmp_path_factory):
    path = tmp_path_factory.mktemp("good") / "good.flac"
    soundfile.write(path, music, SAMPLE_RATE)
    return path


@pytest.fixture(scope="module")
def server():
    with ServerProcess() as process:
        yield process


def ask_then_check_health(server, good, line):
    """The reply to ``line``; the server must answer the next request as if nothing happened."""
    reply = server.ask(line)
    health = server.ask({"id": "health", "path": str(good)})
    assert (health["id"], health["camelot"]) == ("health", "8A")
    assert reply["code"] in {"ok", *ERROR_CODES}
    if reply["status"] == "error":
        assert reply["error"]
        assert "Traceback" not in reply["error"]
    return reply


def written(folder, data):
    (folder / "file.mp3").write_bytes(data)
    return folder / "file.mp3"


def header(folder, music, name, size):
    """The first bytes of a file."""
    FORMATS[name].write(folder / "whole", music, SAMPLE_RATE)
    return written(folder, (folder / "whole").read_bytes()[:size])


def sound(folder, samples, subtype="PCM_16"):
    soundfile.write(folder / "sound.wav", samples, SAMPLE_RATE, subtype)
    return folder / "sound.wav"


def video_without_sound(folder, music):
    write_video(folder / "video.mp4", None, 0, container="mp4")
    return folder / "video.mp4"


def fifo(folder, music):
    os.mkfifo(folder / "fifo.wav")
    return folder / "fifo.wav"


def symlink_loop(folder, music):
    (folder / "loop.mp3").symlink_to(folder / "loop.mp3")
    return folder / "loop.mp3"


def playlist(folder, music):
    target = sound(folder, music)
    text = f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:8,\n{target}\n#EXT-X-ENDLIST\n"
    return written(folder, text.encode())


BAD = {
    "missing": (lambda folder, music: folder / "missing.mp3", "file_not_found"),
    "directory": (lambda folder, music: folder, "not_a_file"),
    "empty": (lambda folder, music: written(folder, b""), "empty_file"),
    "text": (lambda folder, music: written(folder, b"This is no music.\n" * 500),
             "unsupported_format"),
    "random bytes": (lambda folder, music: written(folder, random.Random(1).randbytes(300_000)),
                     "unsupported_format"),
    "zeros": (lambda folder, music: written(folder, bytes(100_000)), "unsupported_format"),
    "wav header": (lambda folder, music: header(folder, music, "wav", 44),
                   ("no_audio", "decode_failed")),
    "flac header": (lambda folder, music: header(folder, music, "flac", 42),
                    ("no_audio", "decode_failed")),
    "video": (video_without_sound, "no_audio"),
    "zero length": (lambda folder, music: sound(folder, music[:0]), "no_audio"),
    "silence": (lambda folder, music: sound(folder, np.zeros_like(music)), "silent"),
    "0.2 seconds": (lambda folder, music: sound(folder, music[:8820]), "too_short"),
    "NaN": (lambda folder, music: sound(folder, np.full_like(music, np.nan), "FLOAT"), "silent"),
    "fifo": (fifo, "not_a_file"),
    "device": (lambda folder, music: "/dev/zero", "not_a_file"),
    "long path": (lambda folder, music: "/" + "x" * 5000 + ".mp3", "invalid_path"),
    "NUL": (lambda folder, music: "/music/a\0b.mp3", "invalid_path"),
    "half a surrogate pair": (lambda folder, music: "/music/\ud800.mp3", "invalid_path"),
    "through a file": (lambda folder, music: written(folder, b"x") / "track.mp3", "file_not_found"),
    "loop": (symlink_loop, ("file_not_found", "invalid_path", "read_failed")),
    "playlist": (playlist, "unsupported_format"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_files_that_hold_no_key(server, good, music, tmp_path, name):
    make, code = BAD[name]
    path = str(make(tmp_path, music))
    reply = ask_then_check_health(server, good, {"id": "bad", "path": path})
    assert (reply["id"], reply["status"]) == ("bad", "error")
    assert reply["code"] in ([code] if isinstance(code, str) else code)


@pytest.mark.skipif(
    os.geteuid() == 0 and shutil.which("setpriv") is None, reason="apt-get install util-linux"
)
def test_a_file_that_may_not_be_read(good, music, tmp_path):
    path = tmp_path / "secret.flac"
    path.write_bytes(good.read_bytes())
    path.chmod(0)
    # root reads everything unless it gives that privilege up
    drop = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search")
    with ServerProcess(prefix=drop if os.geteuid() == 0 else ()) as server:
        reply = ask_then_check_health(server, good, {"id": "bad", "path": str(path)})
    assert reply["code"] == "permission_denied"


@pytest.mark.parametrize("tenths", range(1, 10))
@pytest.mark.parametrize(
    "name", ["wav", "flac", "ogg-vorbis", "aiff", "mp3", "m4a", "m4a-faststart"]
)
def test_files_cut_at_every_tenth(server, good, music, tmp_path, name, tenths):
    whole, cut = (tmp_path / f"{part}{FORMATS[name].extension}" for part in ("whole", "cut"))
    FORMATS[name].write(whole, music, SAMPLE_RATE)
    data = whole.read_bytes()
    cut.write_bytes(data[: len(data) * tenths // 10])
    reply = ask_then_check_health(server, good, {"id": "cut", "path": str(cut)})
    if reply["status"] == "success":
        assert [warning["code"] for warning in reply["warnings"]] == ["truncated"]
        assert 1.4 < reply["duration"] < 8.0
    elif name == "m4a":
        assert reply["code"] == "decode_failed"  # its index is at the end, and lost
    else:
        headers_lost = name == "ogg-vorbis" and tenths == 1
        assert reply["code"] == ("decode_failed" if headers_lost else "too_short")
        assert tenths <= 4


def test_damaged_samples_are_silenced_and_said(server, good, music, tmp_path):
    samples = music.copy()
    samples[1000:1100] = np.nan
    samples[50_000] = np.inf
    path = tmp_path / "nan.wav"
    soundfile.write(path, samples, SAMPLE_RATE, subtype="FLOAT")
    reply = ask_then_check_health(server, good, {"id": "nan", "path": str(path)})
    assert reply["camelot"] == "8A"
    assert [warning["code"] for warning in reply["warnings"]] == ["bad_samples"]


def test_damaged_packets_are_skipped_and_said(server, good, music, tmp_path):
    path = tmp_path / "damaged.mp3"
    FORMATS["mp3"].write(path, music, SAMPLE_RATE)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 6000] = random.Random(2).randbytes(6000)
    path.write_bytes(data)
    reply = ask_then_check_health(server, good, {"id": "damaged", "path": str(path)})
    assert reply["camelot"] == "8A"
    assert "bad_packets" in [warning["code"] for warning in reply["warnings"]]


@pytest.mark.parametrize(
    "line",
    [
        b"this is not JSON\n",
        b'["id", "path"]\n',
        b'{"path": "/a.mp3"}\n',
        b'{"id": null, "path": "/a.mp3"}\n',
        b'{"id": 1}\n',
        b'{"id": 1, "path": 5}\n',
        b'{"type": "dance"}\n',
        b'{"id": "\xff\xfe", "path": "/a.mp3"}\n',
        b"{" * 50_000 + b"\n",
        b'{"id": 1, "path": "' + b"x" * 10_000_000 + b'"}\n',
        b"\0\0\0\n",
    ],
    ids=["text", "list", "no id", "null id", "no path", "number path", "unknown type",
         "invalid UTF-8", "nested", "10 MB", "NULs"],
)  # fmt: skip
def test_lines_that_are_no_request(server, good, line):
    assert ask_then_check_health(server, good, line)["code"] == "bad_request"


def test_ids_that_are_numbers(server, good):
    for request_id in (0, -7, 2**60, 1.5):
        reply = server.ask({"id": request_id, "path": str(good)})
        assert (reply["id"], reply["status"]) == (request_id, "success")


def test_an_id_that_is_still_waiting_cannot_be_used_again(server, good):
    line = json.dumps({"id": "twice", "path": str(good)}).encode() + b"\n"
    server.send(line * 2)
    codes = sorted(server.receive()["code"] for _ in range(2))
    assert codes == ["duplicate_id", "ok"]
