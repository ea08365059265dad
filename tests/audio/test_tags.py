"""Intact files with odd things before and behind their sound: not a word of damage."""

from __future__ import annotations

import random
import struct
from pathlib import Path

import pytest

from examples.track import encode
from keyscan.audio.stream import AudioStream
from keyscan.errors import UnsupportedFormat
from keyscan.spectrogram.constant_q import SAMPLE_RATE
from tests.audio_files import id3v2, music, trailing_tags, valid
from training.filterbank import DECIMATION

ID3_LARGER_THAN_THE_FILE = b"ID3\x03\0\0\x7f\x7f\x7f\x7f"
LYRICS3 = b"LYRICSBEGIN" + b"IND0000210" + b"000030LYRICS200" + b"TAG" + bytes(125)
NOISE = random.Random(1).randbytes(1_000_000)
COVER = b"APIC" + struct.pack(">IH", 140_000, 0) + NOISE[:140_000]


def ape_footer(size: int) -> bytes:
    return b"APETAGEX" + struct.pack("<IIII", 2000, size, 1, 0x80000000) + bytes(8)


def ape_tag() -> bytes:
    """An APEv2 tag with a cover, as it stands at the end of a file or, wrongly, at the start."""
    return trailing_tags()[:-128]


AROUND = {
    "ape-too-large": (b"", ape_footer(0x7FFFFFFF)),
    "ape-too-small": (b"", ape_footer(3)),
    "lyrics3": (b"", LYRICS3),
    "id3v2-behind": (b"", id3v2()),
    "large-id3v2-behind": (b"", id3v2(picture_bytes=900_000)),
    "id3v2-behind-tags": (b"", id3v2() + trailing_tags()),
    "zeros-behind": (b"", bytes(600_000)),
    "noise-behind": (b"", NOISE[:30_000]),
}


BEFORE = {
    "ape": ape_tag(),
    "ape-and-id3v2": ape_tag() + id3v2(),
    "id3v2-and-ape": id3v2() + ape_tag(),
    "ape-too-large": ape_tag()[:12] + b"\xff\xff\xff\x7f" + ape_tag()[16:32] + COVER,
    "id3v2-too-large": ID3_LARGER_THAN_THE_FILE,
    "id3v2-of-size-zero": b"ID3\x03\0\0\0\0\0\0" + COVER,
    "id3v2-too-small": b"ID3\x03\0\0\0\0\x02\0" + COVER,
    "id3v2-zeros-id3v2": id3v2() + bytes(5_000) + id3v2(),
    "id3v2-noise-id3v2": id3v2() + NOISE[:5_000] + id3v2(picture_bytes=2_000_000),
    "zeros": bytes(2_000_000),
    "zeros-behind-id3v2": id3v2() + bytes(300_000),
    "noise": NOISE,
    "zeros-and-noise": bytes(2_000_000) + NOISE,
    "noise-and-zeros": NOISE[:200_000] + bytes(2_000_000),
    "noise-zeros-noise-zeros": NOISE[:500_000] + bytes(700_000) + NOISE[500_000:] + bytes(900_000),
    "noise-zeros-id3v2": NOISE[:200_000] + bytes(300_000) + id3v2(),
    "text": b"HTTP/1.0 200 OK\r\nicy-name: radio\r\n\r\n",
}


def decode(path: Path) -> tuple[int, list[str]]:
    with AudioStream(path, SAMPLE_RATE) as stream:
        samples = sum(map(len, stream))
        return samples, [warning.code for warning in stream.warnings]


@pytest.mark.parametrize("name", ["mp3", "mp3-vbr", "mp3-no-xing", "aac"])
@pytest.mark.parametrize("around", AROUND)
def test_what_is_no_sound_changes_nothing(name: str, around: str, tmp_path: Path) -> None:
    data, path = valid(name), tmp_path / "music"
    path.write_bytes(data)
    expected = decode(path)
    assert expected[1] == []
    before, behind = AROUND[around]

    path.write_bytes(before + data + behind)

    assert decode(path) == expected


@pytest.mark.parametrize(
    "name", ["mp3", "mp3-no-xing", "mp2", "aac", "flac", "ogg-vorbis", "ogg-opus", "ogg-flac"]
)
@pytest.mark.parametrize("before", BEFORE)
def test_the_sound_begins_where_players_find_it(name: str, before: str, tmp_path: Path) -> None:
    data, path = valid(name), tmp_path / "music"
    path.write_bytes(data)
    expected = decode(path)

    path.write_bytes(BEFORE[before] + data)

    assert decode(path) == expected


@pytest.mark.parametrize("name", ["wav", "aiff", "mka-flac", "w64"])
@pytest.mark.parametrize("before", ["ape", "id3v2-zeros-id3v2", "zeros"])
def test_other_containers_behind_tags_and_zeros(name: str, before: str, tmp_path: Path) -> None:
    (tmp_path / "music").write_bytes(BEFORE[before] + valid(name))
    samples, codes = decode(tmp_path / "music")
    assert samples == pytest.approx(len(music()) / DECIMATION, abs=1)
    assert codes == []


@pytest.mark.parametrize("name", ["wav", "wav-id3", "rf64", "aiff", "aifc-mulaw", "m4a", "alac"])
@pytest.mark.parametrize("before", ["id3v2-of-size-zero", "id3v2-too-small"])
def test_other_containers_behind_a_tag_of_a_wrong_size(
    name: str, before: str, tmp_path: Path
) -> None:
    path = tmp_path / "music"
    path.write_bytes(valid(name))
    expected = decode(path)
    path.write_bytes(BEFORE[before] + valid(name))
    assert decode(path) == expected


@pytest.mark.parametrize("name", ["wav", "aiff", "m4a"])
def test_other_containers_among_other_bytes_are_no_music(name: str, tmp_path: Path) -> None:
    """Programs hold sounds."""
    (tmp_path / "program").write_bytes(NOISE[:50_000] + valid(name) + NOISE)
    with pytest.raises(UnsupportedFormat):
        decode(tmp_path / "program")


@pytest.mark.parametrize("codec", ["ac3", "eac3"])
@pytest.mark.parametrize("count", [0, 1, 33, 100_000, 3_000_000])
def test_zeros_before_raw_frames(codec: str, count: int, tmp_path: Path) -> None:
    path = tmp_path / "music"
    encode(path, music(48000), 48000, codec, container=codec, bit_rate=192_000)
    expected = decode(path)
    path.write_bytes(bytes(count) + path.read_bytes())
    assert decode(path) == expected


@pytest.mark.parametrize("name", ["mp3", "flac", "aac"])
def test_two_mebibytes_of_noise_are_too_much(name: str, tmp_path: Path) -> None:
    (tmp_path / "music").write_bytes(random.Random(1).randbytes(2 << 20) + valid(name))
    with pytest.raises(UnsupportedFormat):
        decode(tmp_path / "music")


def test_an_mp3_that_lacks_its_end_and_has_a_tag_there(tmp_path: Path) -> None:
    data = valid("mp3")
    (tmp_path / "music").write_bytes(data[: len(data) // 2] + LYRICS3)
    assert decode(tmp_path / "music")[1] == ["truncated"]


def test_a_flac_with_an_absurd_ape_tag(tmp_path: Path) -> None:
    (tmp_path / "music").write_bytes(valid("flac") + ape_footer(0x7FFFFFFF))
    samples, codes = decode(tmp_path / "music")
    assert samples == pytest.approx(len(music()) / DECIMATION, abs=1)
    assert codes == []


def test_a_thousand_empty_tags_are_not_read_one_by_one(tmp_path: Path) -> None:
    """They are scanned over like any other bytes, in one go."""
    (tmp_path / "music.mp3").write_bytes(b"ID3\x03\0\0\0\0\0\0" * 1000 + valid("mp3"))
    assert decode(tmp_path / "music.mp3")[1] == []
