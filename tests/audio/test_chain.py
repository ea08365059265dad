"""Every link of a chained Ogg file is decoded, with any codec, rate and channels."""

from __future__ import annotations

import functools
import itertools
import tempfile
from pathlib import Path

import numpy as np
import pytest

from examples.track import encode
from keyscan.audio.stream import AudioStream
from tests.audio_files import FORMATS, music

SECONDS = 4.0
RATE = 22_050
CODECS = {
    "vorbis": (44_100, 2), "vorbis, other rate": (22_050, 2), "vorbis, mono": (48_000, 1),
    "opus": (48_000, 2), "opus, mono": (48_000, 1),
    "flac": (44_100, 2), "flac, other rate": (96_000, 1),
}  # fmt: skip


@functools.cache
def link(name: str) -> bytes:
    rate, channels = CODECS[name]
    samples = np.ascontiguousarray(music(rate, SECONDS)[:, :channels])
    codec = name.split(",")[0]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "link")
        if codec == "vorbis":
            FORMATS["ogg-vorbis"].write(path, samples, rate)
        else:
            library = "libopus" if codec == "opus" else codec
            encode(path, samples, rate, library, container="ogg", bit_rate=None)
        return path.read_bytes()


def decode(path: Path) -> tuple[np.ndarray, list[str]]:
    with AudioStream(path, RATE) as stream:
        samples = np.concatenate(list(stream))
        assert len(samples) / RATE == pytest.approx(stream.duration, abs=0.01)
        return samples, [warning.code for warning in stream.warnings]


PAIRS = list(itertools.product(["vorbis", "opus", "flac"], CODECS))


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_two_links(first: str, second: str, tmp_path: Path) -> None:
    (tmp_path / "a.ogg").write_bytes(link(first) + link(second))
    found, warnings = decode(tmp_path / "a.ogg")
    assert warnings == []
    assert len(found) / RATE == pytest.approx(2 * SECONDS, abs=0.1)
    (tmp_path / "b.ogg").write_bytes(link(second))
    alone, _ = decode(tmp_path / "b.ogg")
    np.testing.assert_allclose(found[-RATE:], alone[-RATE:], atol=0.02)


def test_the_same_file_again(tmp_path: Path) -> None:
    """Both links have the same serial number."""
    (tmp_path / "a.ogg").write_bytes(link("vorbis") * 5)
    found, warnings = decode(tmp_path / "a.ogg")
    assert warnings == []
    assert len(found) / RATE == pytest.approx(5 * SECONDS, abs=0.1)


def test_a_link_without_its_end(tmp_path: Path) -> None:
    """Radio servers change the programme without marking the last page."""
    data = link("vorbis")
    cut = data[: data.rindex(b"OggS")]
    (tmp_path / "a.ogg").write_bytes(cut + link("opus"))
    found, warnings = decode(tmp_path / "a.ogg")
    assert warnings == []
    assert 1.5 * SECONDS < len(found) / RATE < 2 * SECONDS


def test_a_chain_that_breaks_off(tmp_path: Path) -> None:
    data = link("vorbis") + link("opus")
    (tmp_path / "a.ogg").write_bytes(data[: -len(link("opus")) // 2])
    found, warnings = decode(tmp_path / "a.ogg")
    assert warnings == ["truncated"]
    assert 1.2 * SECONDS < len(found) / RATE < 1.8 * SECONDS


@pytest.mark.parametrize("damaged", [0, 1, 2])
def test_damage_in_one_link(damaged: int, tmp_path: Path) -> None:
    links = [bytearray(link(name)) for name in ("vorbis", "flac", "opus")]
    at = len(links[damaged]) // 2
    links[damaged][at : at + 100] = bytes(100)
    (tmp_path / "a.ogg").write_bytes(b"".join(links))
    found, warnings = decode(tmp_path / "a.ogg")
    assert warnings == ["bad_packets"]
    assert 2.2 * SECONDS < len(found) / RATE <= 3 * SECONDS


def test_a_link_that_is_no_music_costs_itself(tmp_path: Path) -> None:
    data = bytearray(link("vorbis"))
    data[28:36] = b"\1unheard"  # an unknown codec
    for whole in (bytes(data) + link("opus"), link("opus") + bytes(data)):
        (tmp_path / "a.ogg").write_bytes(whole)
        found, warnings = decode(tmp_path / "a.ogg")
        assert warnings == ["bad_packets"]
        assert len(found) / RATE == pytest.approx(SECONDS, abs=0.1)


def test_a_thousand_links(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "short")
        FORMATS["ogg-vorbis"].write(path, music()[:4410], 44_100)
        short = path.read_bytes()
    (tmp_path / "a.ogg").write_bytes(short * 1000)
    found, warnings = decode(tmp_path / "a.ogg")
    assert warnings == []
    assert len(found) / RATE == pytest.approx(100, abs=0.5)
    with AudioStream(tmp_path / "a.ogg", RATE) as stream:
        assert stream.expected_seconds == pytest.approx(100, abs=1)
