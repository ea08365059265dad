"""A second thread of FFmpeg's decoder changes neither the samples nor what is found damaged."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from examples.track import encode
from keyscan.audio import pyav_decoder
from keyscan.audio.decoder import Damage
from keyscan.audio.mixdown import Mixdown
from keyscan.audio.probing import probe
from keyscan.audio.pyav_decoder import PyavDecoder
from keyscan.audio.source import SourceFile
from tests.audio_files import music

CODECS = {"wavpack": "wv", "tta": "tta"}
FRAMES = 10


def decode(path: Path) -> tuple[np.ndarray, Damage]:
    source = SourceFile(path)
    decoder = PyavDecoder(source, probe(source).format, Mixdown())
    samples = np.concatenate([np.zeros(0, np.float32), *(block.samples for block in decoder)])
    decoder.close()
    source.close()
    return samples, decoder.damage


def decode_in_both_ways(path: Path, monkeypatch: pytest.MonkeyPatch) -> Damage:
    """The damage, which one thread and two must find alike."""
    samples, damage = decode(path)
    with monkeypatch.context() as patch:
        patch.setattr(pyav_decoder, "_IN_TWO_THREADS", ())
        same_samples, same_damage = decode(path)
    np.testing.assert_array_equal(samples, same_samples)
    assert damage == same_damage
    return damage


@pytest.fixture(params=CODECS)
def data(request: pytest.FixtureRequest, tmp_path: Path) -> bytearray:
    path = tmp_path / f"whole.{CODECS[request.param]}"
    encode(path, music(seconds=FRAMES), 44100, request.param, bit_rate=None)
    return bytearray(path.read_bytes())


def test_a_whole_file(data: bytearray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "music").write_bytes(data)
    assert decode_in_both_ways(tmp_path / "music", monkeypatch) == Damage()


@pytest.mark.parametrize("tenth", range(1, FRAMES))
def test_a_damaged_packet(
    data: bytearray, tenth: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = len(data) * tenth // FRAMES
    data[at : at + 64] = random.Random(tenth).randbytes(64)
    (tmp_path / "music").write_bytes(data)
    damage = decode_in_both_ways(tmp_path / "music", monkeypatch)
    assert damage.bad_packets or damage.breaks_off


def test_the_last_packet_is_damaged(
    data: bytearray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data[-2000:-1000] = random.Random(1).randbytes(1000)
    (tmp_path / "music").write_bytes(data)
    damage = decode_in_both_ways(tmp_path / "music", monkeypatch)
    assert (damage.bad_packets, damage.breaks_off) == (0, True)


@pytest.mark.parametrize("share", [0.05, 0.5, 0.97])
def test_a_cut_file(
    data: bytearray, share: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "music").write_bytes(data[: int(len(data) * share)])
    decode_in_both_ways(tmp_path / "music", monkeypatch)
