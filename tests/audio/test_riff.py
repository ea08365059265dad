"""WAV and AIFF whose chunks lack their pad byte are read; a second chunk of sound is told of."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from keyscan.audio.stream import AudioStream
from tests.audio_files import id3v2, music

RATE = 44_100
SAMPLES = music()[: 4 * RATE]
CODES = {"WAVE": "<", "RIFX": ">", "AIFF": ">", "AIFC": ">"}


class Writer:
    """Chunks of a kind of file, with pad bytes or without."""

    def __init__(self, kind: str, padding: bytes = b"\0") -> None:
        self.kind, self.padding, self.order = kind, padding, CODES[kind]

    def chunk(self, name: bytes, data: bytes) -> bytes:
        padding = self.padding if len(data) % 2 else b""
        return name + struct.pack(self.order + "I", len(data)) + data + padding

    def form(self, odd: bool = False) -> bytes:
        """What tells rate and width of the samples."""
        if self.kind in ("WAVE", "RIFX"):
            fields = (1, 2, RATE, 4 * RATE, 4, 16)
            return self.chunk(b"fmt ", struct.pack(self.order + "HHIIHH", *fields) + b"\0" * odd)
        rate = b"\x40\x0e\xac\x44" + bytes(6)
        common = struct.pack(">hIh", 2, len(SAMPLES), 16) + rate
        if self.kind == "AIFC":
            text = b"\x0enot compressed" if odd else b"\x0enot compressed\0"
            return self.chunk(b"COMM", common + b"NONE" + text)
        return self.chunk(b"COMM", common)

    def sound(self, samples: np.ndarray = SAMPLES, odd: bool = False) -> bytes:
        data = np.round(samples * 32767).astype(self.order + "i2").tobytes() + b"x" * odd
        if self.kind in ("WAVE", "RIFX"):
            return self.chunk(b"data", data)
        return self.chunk(b"SSND", bytes(8) + data)

    def file(self, *chunks: bytes) -> bytes:
        body = b"".join(chunks)
        name, kind = {"WAVE": ("RIFF", "WAVE"), "RIFX": ("RIFX", "WAVE")}.get(
            self.kind, ("FORM", self.kind)
        )
        size = struct.pack(self.order + "I", len(body) + 4)
        return name.encode() + size + kind.encode() + body


def decode(path: Path) -> tuple[np.ndarray, list[str]]:
    with AudioStream(path, RATE) as stream:
        return np.concatenate(list(stream)), [warning.code for warning in stream.warnings]


def check(path: Path, data: bytes, warnings: tuple[str, ...] = ()) -> None:
    path.write_bytes(data)
    found, codes = decode(path)
    assert len(found) == len(SAMPLES)
    np.testing.assert_allclose(found, SAMPLES.mean(1), atol=1e-4)
    assert codes == list(warnings)


# "LIST" and "NAME" are common, "zzzz" is not; some sizes look like letters.
ODD = [(b"LIST", b"INFOISFT\3\0\0\0abc"), (b"NAME", b"abc"), (b"zzzz", b"x"), (b"bext", b"x" * 601)]


@pytest.mark.parametrize("padding", [b"", b"\0", b"x"], ids=["none", "zero", "letter"])
@pytest.mark.parametrize("chunk", ODD, ids=lambda chunk: chunk[0].decode())
@pytest.mark.parametrize("kind", CODES)
def test_odd_chunks_before_the_sound(
    kind: str, chunk: tuple[bytes, bytes], padding: bytes, tmp_path: Path
) -> None:
    writer = Writer(kind, padding)
    odd, form, sound = writer.chunk(*chunk), writer.form(), writer.sound()
    for chunks in ((form, odd), (odd, form), (odd, form, odd), (odd, odd, form), (form, odd, odd)):
        check(tmp_path / "a", writer.file(*chunks, sound))
        check(tmp_path / "a", id3v2() + writer.file(*chunks, sound))


@pytest.mark.parametrize("padding", [b"", b"\0"])
@pytest.mark.parametrize("kind", ["WAVE", "RIFX", "AIFC"])
def test_an_odd_chunk_that_tells_rate_and_width(kind: str, padding: bytes, tmp_path: Path) -> None:
    writer = Writer(kind, padding)
    form, sound, odd = writer.form(odd=True), writer.sound(), writer.chunk(*ODD[0])
    assert int.from_bytes(form[4:8], "little" if kind == "WAVE" else "big") % 2
    for chunks in ((form,), (odd, form), (form, odd)):
        check(tmp_path / "a", writer.file(*chunks, sound))


@pytest.mark.parametrize("kind", CODES)
def test_odd_chunks_behind_the_sound(kind: str, tmp_path: Path) -> None:
    writer = Writer(kind, b"")
    for odd in (False, True):
        sound = writer.sound(odd=odd)
        further = writer.chunk(*ODD[0]), writer.chunk(*ODD[1])
        check(tmp_path / "a", writer.file(writer.form(), sound, *further))


@pytest.mark.parametrize("kind", CODES)
def test_a_chunk_without_its_pad_byte_in_a_file_that_breaks_off(kind: str, tmp_path: Path) -> None:
    writer = Writer(kind, b"")
    data = writer.file(writer.form(), writer.chunk(*ODD[0]), writer.sound())
    (tmp_path / "a").write_bytes(data[: len(data) // 2])
    found, codes = decode(tmp_path / "a")
    np.testing.assert_allclose(found[:RATE], SAMPLES[:RATE].mean(1), atol=1e-4)
    assert codes == ["truncated"]


@pytest.mark.parametrize("padding", [b"", b"\0"])
@pytest.mark.parametrize("odd", [False, True])
@pytest.mark.parametrize("kind", CODES)
def test_a_second_chunk_of_sound(kind: str, odd: bool, padding: bytes, tmp_path: Path) -> None:
    writer = Writer(kind, padding)
    form, sound, between = writer.form(), writer.sound(odd=odd), writer.chunk(*ODD[0])
    more = ("more_sound",)
    check(tmp_path / "a", writer.file(form, sound, writer.sound()), more)
    check(tmp_path / "a", writer.file(form, sound, between, writer.sound()), more)
    check(tmp_path / "a", writer.file(form, between, sound, between, sound), more)
    check(tmp_path / "a", writer.file(form, sound, writer.sound(SAMPLES[:RATE])), more)
    short = writer.sound(SAMPLES[:100])
    check(tmp_path / "a", writer.file(form, sound, short, writer.sound()), more)
    check(tmp_path / "a", writer.file(form, sound, short, between, short))


@pytest.mark.parametrize("kind", ["RF64", "W64", "CAF"])
def test_a_second_chunk_of_sound_in_a_file_of_libsndfile(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "a"
    soundfile.write(path, SAMPLES[:RATE], RATE, "PCM_16", format=kind)
    other = path.read_bytes()
    soundfile.write(path, SAMPLES, RATE, "PCM_16", format=kind)
    check(path, path.read_bytes())
    check(path, path.read_bytes() + other[other.index(b"data") :], ("more_sound",))


@pytest.mark.parametrize("kind", CODES)
def test_what_is_not_worth_a_word(kind: str, tmp_path: Path) -> None:
    writer = Writer(kind)
    form, sound = writer.form(), writer.sound()
    for behind in (
        writer.sound(SAMPLES[:0]),
        writer.sound(SAMPLES[:100]),
        writer.chunk(b"id3 ", id3v2()),
        bytes(100_000),
        np.random.default_rng(0).bytes(100_000),
        writer.chunk(b"LIST", b"wxyz" + writer.sound()),
    ):
        check(tmp_path / "a", writer.file(form, sound, behind))
