"""A truncated file says so, and of how much, with anything before and behind its sound."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from examples.track import encode
from keyscan.audio.ogg import with_checksum
from keyscan.audio.stream import AudioStream
from keyscan.errors import DecodeFailed
from keyscan.spectrogram.constant_q import SAMPLE_RATE
from tests.audio.test_dsd import modulated, write_dff, write_dsf
from tests.audio_files import id3v2, music, trailing_tags, valid
from tests.crafted.containers import box, chunk

SECONDS = 12.0
TOTAL = re.compile(r"the file breaks off before its end: ([\d.]+) s decoded of ([\d.]+) s")


def warnings_of(folder: Path, data: bytes) -> list[tuple[str, str]]:
    (folder / "music").write_bytes(data)
    with AudioStream(folder / "music", SAMPLE_RATE) as stream:
        assert sum(map(len, stream))
        return [(warning.code, warning.message) for warning in stream.warnings]


def whole_length(folder: Path, data: bytes) -> float:
    """Seconds of the whole sound, as the only warning has them."""
    ((code, message),) = warnings_of(folder, data)
    assert code == "truncated"
    numbers = TOTAL.fullmatch(message)
    assert numbers, message
    return float(numbers[2])


def encoded(
    folder: Path, codec: str, container: str, seconds: float = SECONDS, **muxer: str
) -> bytes:
    rate, bit_rate = 44100, None if codec.startswith(("pcm", "wavpack", "tta")) else 128_000
    encode(folder / "encoded", music(rate, seconds), rate, codec=codec, container=container,
           bit_rate=bit_rate, muxer_options=muxer)  # fmt: skip
    return (folder / "encoded").read_bytes()


# -------------------------------------------------------------------------------------- fragments

FRAGMENTS = "frag_keyframe+empty_moov"


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_an_index_of_fragments_states_the_length(share: float, tmp_path: Path) -> None:
    flags = "dash+global_sidx+frag_keyframe"
    data = encoded(tmp_path, "aac", "mp4", 24.0, movflags=flags, frag_duration="2000000")
    assert warnings_of(tmp_path, data[:-1]) == []
    assert whole_length(tmp_path, data[: int(len(data) * share)]) == 24


@pytest.mark.parametrize("flags", ["dash", FRAGMENTS])
@pytest.mark.parametrize("share", [0.3, 0.5, 0.9])
def test_behind_the_last_fragment_more_may_have_followed(
    flags: str, share: float, tmp_path: Path
) -> None:
    data = encoded(tmp_path, "aac", "mp4", movflags=flags, frag_duration="2000000")
    assert warnings_of(tmp_path, data) == []
    expected = [("truncated", "the file breaks off before its end")]
    assert warnings_of(tmp_path, data[: int(len(data) * share)]) == expected
    middle_of_last = data.rindex(b"mdat") + 400
    assert warnings_of(tmp_path, data[:middle_of_last]) == expected


def test_a_cut_behind_the_fragments_is_not_missed(tmp_path: Path) -> None:
    data = encoded(tmp_path, "aac", "mp4", movflags=FRAGMENTS, frag_duration="2000000")
    assert warnings_of(tmp_path, data[: data.rindex(b"mfra") + 10]) == []


# ---------------------------------------------------------------- other bytes beside the sound


def behind_the_type(data: bytes, other: bytes) -> bytes:
    """An MP4 with ``other`` behind its first box; the offsets of the sound are corrected."""
    at = data.index(b"stco") + 8
    (count,) = struct.unpack_from(">I", data, at)
    offsets = np.frombuffer(data, ">u4", count, at + 4) + len(other)
    data = data[: at + 4] + offsets.astype(">u4").tobytes() + data[at + 4 + 4 * count :]
    first = int.from_bytes(data[:4], "big")
    return data[:first] + other + data[first:]


@pytest.mark.parametrize("share", [0.03, 0.5, 0.95])
@pytest.mark.parametrize("before", [0, 5_000_000])
@pytest.mark.parametrize("behind", [0, 5_000_000])
def test_other_bytes_in_an_mp4(share: float, before: int, behind: int, tmp_path: Path) -> None:
    data = valid("m4a-faststart", SECONDS)
    sound = data.index(b"mdat")
    kept = before + sound + int((len(data) - sound) * share)
    whole = behind_the_type(data, box(b"free", bytes(before)) if before else b"")
    whole += box(b"free", bytes(behind)) if behind else b""
    assert warnings_of(tmp_path, whole) == []
    assert warnings_of(tmp_path, whole[:-1]) == []
    assert whole_length(tmp_path, whole[:kept]) == SECONDS


@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
@pytest.mark.parametrize(("name", "sound"), [("wav", b"data"), ("aiff", b"SSND")])
def test_a_long_chunk_before_the_sound(
    name: str, sound: bytes, share: float, tmp_path: Path
) -> None:
    data, order = valid(name, SECONDS), "<" if name == "wav" else ">"
    at = data.index(sound)
    other = chunk(b"LIST" if name == "wav" else b"ANNO", bytes(8_000_000), order)
    kept = at + len(other) + int((len(data) - at) * share)
    whole = data[:4] + struct.pack(order + "I", len(data) + len(other) - 8) + data[8:at] + other
    assert whole_length(tmp_path, (whole + data[at:])[:kept]) == SECONDS


@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
@pytest.mark.parametrize(
    ("codec", "container"),
    [("wmav2", "asf"), ("mp2", "avi"), ("aac", "matroska"), ("wavpack", "wv"), ("tta", "tta")],
)
def test_the_header_states_the_length(
    codec: str, container: str, share: float, tmp_path: Path
) -> None:
    data = encoded(tmp_path, codec, container)
    assert warnings_of(tmp_path, data) == []
    assert whole_length(tmp_path, data[: int(len(data) * share)]) == SECONDS


@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_an_attached_file_in_front(share: float, tmp_path: Path) -> None:
    rate, other = 44100, 1_000_000
    with av.open(str(tmp_path / "attached"), "w", format="matroska") as container:
        stream = container.add_stream("aac", rate)
        stream.codec_context.layout = "stereo"  # type: ignore[assignment]
        container.add_attachment("notes.bin", "application/octet-stream", bytes(other))
        samples = np.ascontiguousarray(music(rate, SECONDS).T)
        frame = av.AudioFrame.from_ndarray(samples, "fltp", "stereo")
        frame.sample_rate = rate
        for packet in (*stream.encode(frame), *stream.encode(None)):
            container.mux(packet)
    data = (tmp_path / "attached").read_bytes()
    assert data.index(bytes(1000)) < 10_000
    assert warnings_of(tmp_path, data) == []
    assert whole_length(tmp_path, data[: other + int((len(data) - other) * share)]) == SECONDS


@pytest.mark.parametrize(("codec", "container"), [("wavpack", "wv"), ("tta", "tta")])
def test_the_last_block_of_a_long_file(codec: str, container: str, tmp_path: Path) -> None:
    data = encoded(tmp_path, codec, container, 60.0)
    assert warnings_of(tmp_path, data[:-20]) == []


# ------------------------------------------------------------------------------ DSD and old sound


@pytest.mark.parametrize("write", [write_dsf, write_dff])
def test_dsd(write: Callable[..., None], tmp_path: Path) -> None:
    write(tmp_path / "dsd", modulated(music()[: 3 * 44100] * np.float32(0.5), 64), 64 * 44100)
    data = (tmp_path / "dsd").read_bytes()
    assert warnings_of(tmp_path, data) == []
    assert warnings_of(tmp_path, data[:-1]) == []
    for share in (0.2, 0.6, 0.97):
        assert whole_length(tmp_path, data[: int(len(data) * share)]) == 3


def in_one_block(data: bytes) -> bytes:
    """The VOC of many blocks with all its samples in the first."""
    at, head, samples = 26, data[26:42], b""
    while data[at]:
        size = int.from_bytes(data[at + 1 : at + 4], "little")
        samples += data[at + (16 if data[at] == 9 else 4) : at + 4 + size]
        at += 4 + size
    size = 12 + len(samples)
    return data[:26] + head[:1] + size.to_bytes(3, "little") + head[4:] + samples + b"\0"


@pytest.mark.parametrize("share", [0.1, 0.51, 0.97])
def test_voc(share: float, tmp_path: Path) -> None:
    blocks = encoded(tmp_path, "pcm_s16le", "voc")
    whole = in_one_block(blocks)
    for data in (blocks, blocks[:-1], whole, whole[:-1], whole[:-100]):
        assert warnings_of(tmp_path, data) == []
    assert whole_length(tmp_path, whole[: int(len(whole) * share)]) == SECONDS
    cut = blocks[: int(len(blocks) * share)]
    assert warnings_of(tmp_path, cut) == [("truncated", "the file breaks off before its end")]


# ------------------------------------------------------------------------------------------- Ogg


@pytest.mark.parametrize("name", ["ogg-vorbis", "ogg-opus", "ogg-flac"])
def test_an_incomplete_last_page(name: str, tmp_path: Path) -> None:
    """Its head says how many samples it has, and whether others follow."""
    data = valid(name, SECONDS)
    assert whole_length(tmp_path, data[:-1]) == SECONDS
    page = data.rindex(b"OggS")
    unmarked = data[: page + 5] + b"\0" + data[page + 6 : -1]
    for cut in (unmarked, data[:page], data[: page + 20]):
        expected = [("truncated", "the file breaks off before its end")]
        assert warnings_of(tmp_path, cut) == expected


@pytest.mark.parametrize("name", ["ogg-vorbis", "ogg-opus", "ogg-flac"])
def test_an_incomplete_last_page_of_a_long_file(name: str, tmp_path: Path) -> None:
    assert warnings_of(tmp_path, valid(name, 60.0)[:-1]) == []


def test_a_page_that_is_lost_before_the_incomplete_one(tmp_path: Path) -> None:
    data = valid("ogg-vorbis", SECONDS)
    pages = [b"OggS" + page for page in data.split(b"OggS")[1:]]
    assert pages[-2] == with_checksum(pages[-2])
    lost = b"".join(pages[:-4] + pages[-1:])[:-1]
    assert "truncated" in [code for code, _ in warnings_of(tmp_path, lost)]


# ------------------------------------------------------------------------------ before the sound


def test_other_bytes_before_ac3_are_no_damage(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).bytes(900_000)
    data = valid("ac3", SECONDS)
    assert warnings_of(tmp_path, noise + data) == []
    middle = len(data) // 2
    hole = data[:middle] + noise[:5_000] + data[middle + 5_000 :]
    assert [code for code, _ in warnings_of(tmp_path, noise + hole)] == ["bad_packets"]


APE = trailing_tags()[:-128]


@pytest.mark.parametrize(
    "tags", [id3v2(picture_bytes=300_000), APE, id3v2() + APE, APE + id3v2(), id3v2() * 2]
)
def test_a_file_that_breaks_off_in_a_tag(tags: bytes, tmp_path: Path) -> None:
    (tmp_path / "music").write_bytes(tags[:-3_000])
    with pytest.raises(DecodeFailed, match="breaks off within the tag at its start") as caught:
        AudioStream(tmp_path / "music", SAMPLE_RATE)
    assert [warning.code for warning in caught.value.warnings] == ["truncated"]


def test_a_tag_and_nothing_behind_it(tmp_path: Path) -> None:
    (tmp_path / "music").write_bytes(id3v2())
    with pytest.raises(DecodeFailed) as caught:
        AudioStream(tmp_path / "music", SAMPLE_RATE)
    assert caught.value.warnings == ()


@pytest.mark.parametrize(("name", "kept"), [("wav", 30), ("flac", 60)])
def test_what_a_library_says_is_quoted(name: str, kept: int, tmp_path: Path) -> None:
    (tmp_path / "music").write_bytes(valid(name)[:kept])
    message = rf"^the {name} file cannot be decoded: its header is incomplete or damaged \(.*\)$"
    with pytest.raises(DecodeFailed, match=message):
        AudioStream(tmp_path / "music", SAMPLE_RATE)
