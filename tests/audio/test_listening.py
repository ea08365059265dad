"""A warning is for what a listener misses: more than a second, or 1 % of the length."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from keyscan.audio.mpeg import xing_samples
from keyscan.audio.ogg import with_checksum
from keyscan.audio.stream import AudioStream
from keyscan.spectrogram.constant_q import SAMPLE_RATE
from tests.audio_files import id3v2, trailing_tags, valid

SECONDS = 12.0
ROWS_OF_FRAMES = ["mp3-no-xing", "mp2", "aac", "ac3"]
STATE_THEIR_LENGTH = [
    *("mp3", "mp3-vbr", "mp3-tagged", "flac", "wav", "wav-24", "aiff", "caf", "w64", "rf64", "au"),
    *("m4a-faststart", "wma", "mka-flac", "webm", "avi-video", "wav-mp3"),
]


def decode(path: Path) -> tuple[float, list[str], list[str]]:
    """Seconds, and codes and messages of the warnings."""
    with AudioStream(path, SAMPLE_RATE) as stream:
        seconds = sum(map(len, stream)) / SAMPLE_RATE
        found = stream.warnings
    return seconds, [each.code for each in found], [each.message for each in found]


def of(folder: Path, data: bytes) -> tuple[float, list[str], list[str]]:
    (folder / "music").write_bytes(data)
    return decode(folder / "music")


@pytest.mark.parametrize("lost", [1, 20, 100, 300])
@pytest.mark.parametrize("name", [*STATE_THEIR_LENGTH, *ROWS_OF_FRAMES])
def test_some_bytes_of_the_last_frame_are_not_missed(name: str, lost: int, tmp_path: Path) -> None:
    seconds, codes, _ = of(tmp_path, valid(name, SECONDS)[:-lost])
    assert codes == []
    assert seconds > SECONDS - 0.2


@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
@pytest.mark.parametrize("name", STATE_THEIR_LENGTH)
def test_the_warning_says_how_much_is_there(name: str, share: float, tmp_path: Path) -> None:
    data = valid(name, SECONDS)
    seconds, codes, (message,) = of(tmp_path, data[: int(len(data) * share)])
    assert codes == ["truncated"]
    numbers = re.fullmatch(r".*before its end: ([\d.]+) s decoded of ([\d.]+) s", message)
    assert numbers, message
    assert float(numbers[1]) == pytest.approx(seconds, abs=0.06)
    # where the header is not counted in seconds, bytes in front of the sound count as sound
    assert float(numbers[2]) == pytest.approx(SECONDS, rel=0.5 if name == "avi-video" else 0.15)


@pytest.mark.parametrize(("lost", "code"), [(0.5, []), (0.9, []), (1.3, ["truncated"])])
@pytest.mark.parametrize("name", ["wav", "flac", "mp3"])
def test_more_than_a_second_of_a_long_track(
    name: str, lost: float, code: list[str], tmp_path: Path
) -> None:
    data = valid(name, 120.0)
    kept = int(len(data) * (1 - lost / 120))
    if name == "flac":  # its frames have different sizes
        kept = len(data) - int(len(data) * lost / 120 * 0.9)
    seconds, codes, _ = of(tmp_path, data[:kept])
    assert codes == (["truncated"] if 120 - seconds > 1 else [])
    assert name == "flac" or codes == code


# ---------------------------------------------------------------------------- MP3s that are intact


def with_count(data: bytes, factor: float) -> bytes:
    """The MP3 with another count of frames in its Xing header, as if it was cut out of a longer."""
    at = max(data.find(b"Xing"), data.find(b"Info")) + 8
    count = int.from_bytes(data[at : at + 4], "big")
    return data[:at] + int(count * factor).to_bytes(4, "big") + data[at + 4 :]


@pytest.mark.parametrize("factor", [0.5, 0.9, 1.1, 2, 100])
@pytest.mark.parametrize("behind", [b"", b"TAG" + bytes(125), trailing_tags(), id3v2()])
@pytest.mark.parametrize("name", ["mp3", "mp3-vbr"])
def test_a_stale_count_of_frames(name: str, behind: bytes, factor: float, tmp_path: Path) -> None:
    data = with_count(valid(name), factor)
    assert xing_samples(data[data.find(b"\xff\xfb") :]) != xing_samples(
        valid(name)[data.find(b"\xff\xfb") :]
    )
    seconds, codes, _ = of(tmp_path, data + behind)
    assert codes == []
    assert seconds == pytest.approx(4, abs=0.1)


@pytest.mark.parametrize("behind", [b"", trailing_tags(), bytes(100_000), b"\0" * 50])
@pytest.mark.parametrize("name", ["mp3", "mp3-vbr"])
def test_an_mp3_whose_end_is_lost_before_what_follows(
    name: str, behind: bytes, tmp_path: Path
) -> None:
    data = valid(name, SECONDS)
    _, codes, _ = of(tmp_path, data[: len(data) // 2] + behind)
    assert codes == ["truncated"]


TAG = b"TAG" + bytes(125)


@pytest.mark.parametrize(
    "between", [b"", id3v2(), TAG, trailing_tags(), trailing_tags() + id3v2() * 2]
)
@pytest.mark.parametrize("names", ["mp3 mp3", "mp3 mp3-vbr mp3-no-xing", "aac aac", "mp2 mp2"])
def test_joined_files(names: str, between: bytes, tmp_path: Path) -> None:
    parts = [valid(name) for name in names.split()]
    seconds, codes, _ = of(tmp_path, between.join(parts))
    assert codes == []
    assert seconds == pytest.approx(4 * len(parts), abs=0.2 * len(parts))


def test_joined_files_with_noise_between_are_damaged(tmp_path: Path) -> None:
    data = valid("mp3")
    middle = len(data) // 2
    lost = data[:middle] + bytes(range(256)) * 16 + data[middle + 4096 :]
    assert of(tmp_path, lost + id3v2() + data)[1] == ["bad_packets"]


# -------------------------------------------------------------------------------------- Ogg chains


def moved(data: bytes, samples: int, serial: bytes) -> bytes:
    """Pages of another stream whose time begins at ``samples``, as a radio's listeners get them."""
    starts = [at for at in range(len(data)) if data.startswith(b"OggS\0", at)]
    pages = []
    for at, end in zip(starts, [*starts[1:], len(data)], strict=True):
        page = data[at:end]
        granule = int.from_bytes(page[6:14], "little")
        if 0 < granule < 1 << 62:
            page = page[:6] + (granule + samples).to_bytes(8, "little") + page[14:]
        pages.append(with_checksum(page[:14] + serial + page[18:]))
    return b"".join(pages)


@pytest.mark.parametrize("name", ["ogg-flac", "ogg-vorbis"])
@pytest.mark.parametrize("starts", [(0, 0), (0, 10**8), (10**8, 0), (10**8, 0, 10**6)])
def test_a_chained_ogg_begins_anew(name: str, starts: tuple[int, ...], tmp_path: Path) -> None:
    links = [moved(valid(name), start, bytes([number] * 4)) for number, start in enumerate(starts)]
    seconds, codes, _ = of(tmp_path, b"".join(links))
    assert codes == []
    assert seconds == pytest.approx(4 * len(links), abs=0.1 * len(links))
