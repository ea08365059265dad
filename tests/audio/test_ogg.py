"""Ogg pages that lack or are damaged are found, although the decoders conceal them."""

from __future__ import annotations

import functools
import random
import tempfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

from examples.track import encode
from keyscan.audio.ogg import OggPages, check_pages, with_checksum
from keyscan.audio.source import SourceFile
from keyscan.audio.stream import AudioStream
from keyscan.spectrogram.constant_q import SAMPLE_RATE
from tests.audio_files import FORMATS, music, write_chained_ogg

NAMES = ["ogg-opus", "ogg-vorbis", "ogg-flac"]


@functools.cache
def pages_of(name: str) -> tuple[bytes, ...]:
    """The pages of a file with sound for some dozens of them."""
    form = FORMATS[name]
    rate = form.rate or 44100
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "music")
        form.write(path, music(rate, 12.0), rate)
        data = path.read_bytes()
    starts = [at for at in range(len(data)) if data.startswith(b"OggS\0", at)]
    return tuple(data[at:end] for at, end in zip(starts, [*starts[1:], len(data)], strict=True))


def check(tmp_path: Path, data: bytes | bytearray) -> OggPages:
    (tmp_path / "music.ogg").write_bytes(data)
    with SourceFile(tmp_path / "music.ogg") as source:
        return check_pages(source)


def warnings_of(path: Path) -> list[str]:
    with AudioStream(path, SAMPLE_RATE) as stream:
        list(stream)
        return [warning.code for warning in stream.warnings]


@pytest.mark.parametrize("name", NAMES)
def test_a_lost_page(name: str, tmp_path: Path) -> None:
    pages = pages_of(name)
    middle = len(pages) // 2
    kept = b"".join(pages[:middle] + pages[middle + 1 :])
    assert check(tmp_path, kept) == OggPages(1, complete=True, links=(0,))
    assert warnings_of(tmp_path / "music.ogg") == ["bad_packets"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [1, 10, 4096, 20_000])
def test_overwritten_bytes(name: str, size: int, tmp_path: Path) -> None:
    """One byte of a page's body is noticed by nothing but the page's checksum."""
    data = bytearray(b"".join(pages_of(name)))
    for tenth in (3, 5, 7):
        damaged, at = data.copy(), len(data) * tenth // 10
        noise = random.Random(tenth).randbytes(size)
        damaged[at : at + size] = bytes(old ^ (new or 1) for old, new in zip(data[at:], noise))  # noqa: B905
        assert check(tmp_path, damaged) == OggPages(1, complete=True, links=(0,))
        assert warnings_of(tmp_path / "music.ogg") == ["bad_packets"]


def test_two_damaged_places_are_two(tmp_path: Path) -> None:
    data = bytearray(b"".join(pages_of("ogg-opus")))
    for at in (len(data) // 4, len(data) * 3 // 4):
        data[at : at + 100] = bytes(100)
    assert check(tmp_path, data) == OggPages(2, complete=True, links=(0,))


def test_damage_across_the_borders_of_the_chunks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every way in which a page, or the search for one, may cross from one chunk to the next."""
    data = bytearray(b"".join(pages_of("ogg-vorbis")))
    assert check(tmp_path, data) == OggPages(0, complete=True, links=(0,))
    start = len(data) // 2
    data[start : start + 5000] = b"x" * 5000
    for size in (65_312, 65_400, 70_001, 80_003):
        monkeypatch.setattr("keyscan.audio.ogg._CHUNK", size)
        assert check(tmp_path, data) == OggPages(1, complete=True, links=(0,))
    monkeypatch.setattr("keyscan.audio.ogg._CHUNK", 65_312)
    junk = bytes(65_312 * 2) + b"Og"
    pages = pages_of("ogg-vorbis")
    for extra in range(6):
        data = bytearray(b"".join(pages[:-5]) + junk + bytes(extra) + b"".join(pages[-5:]))
        assert check(tmp_path, data) == OggPages(1, complete=True, links=(0,))


def test_a_damaged_last_page_is_still_the_last(tmp_path: Path) -> None:
    data = bytearray(b"".join(pages_of("ogg-opus")))
    data[-10] ^= 1
    assert check(tmp_path, data) == OggPages(1, complete=True, links=(0,))


def test_a_cut_file_breaks_off_and_is_not_damaged(tmp_path: Path) -> None:
    data = b"".join(pages_of("ogg-opus"))
    last = pages_of("ogg-opus")[-1]
    for kept in (len(data) // 2, len(data) - len(last), len(data) - len(last) + 26):
        assert check(tmp_path, data[:kept]) == OggPages(0, complete=False, links=(0,))
    times = [int.from_bytes(page[6:14], "little") for page in pages_of("ogg-opus")[-2:]]
    lost = times[1] - times[0]
    expected = OggPages(0, complete=False, links=(0,), lost_samples=lost)
    assert check(tmp_path, data[:-1]) == expected


def test_other_bytes_behind_the_last_page_are_no_damage(tmp_path: Path) -> None:
    for junk in (b"x", bytes(300_000), random.Random(1).randbytes(300_000), b"OggS\0"):
        data = b"".join(pages_of("ogg-vorbis")) + junk
        assert check(tmp_path, data) == OggPages(0, complete=True, links=(0,))
        assert warnings_of(tmp_path / "music.ogg") == []


def test_a_chained_file_is_intact(tmp_path: Path) -> None:
    write_chained_ogg(tmp_path / "radio.ogg", music(), 44100)
    pages = check(tmp_path, (tmp_path / "radio.ogg").read_bytes())
    assert (pages.damaged_parts, pages.complete, len(pages.links)) == (0, True, 2)


def test_a_recording_of_a_running_radio_is_intact(tmp_path: Path) -> None:
    """Its header pages are those of the programme's start; what follows is from its middle."""
    pages = pages_of("ogg-vorbis")
    headers = [page for page in pages if not any(page[6:14])]
    assert len(headers) < len(pages) // 2
    data = b"".join([*headers, *pages[len(pages) // 2 :]])
    assert check(tmp_path, data) == OggPages(0, complete=True, links=(0,))


def test_crafted_pages_do_not_take_for_ever(tmp_path: Path) -> None:
    """Each of them claims the longest body, over all the others."""
    page = b"OggS\0\0" + bytes(20) + b"\xff"
    assert check(tmp_path, (page + b"\xff" * 20) * 100_000).damaged_parts


def decode(path: Path, rate: int = 44100) -> tuple[str, np.ndarray]:
    with AudioStream(path, rate) as stream:
        return stream.decoder, np.concatenate(list(stream))


def shifted(pages: tuple[bytes, ...], samples: int) -> bytes:
    """The file as if it had been cut out of a longer one: its first sample is not sample 0."""
    moved = []
    for page in pages:
        granule = int.from_bytes(page[6:14], "little")
        later = (granule + samples).to_bytes(8, "little") if granule else page[6:14]
        moved.append(with_checksum(page[:6] + later + page[14:]))
    return b"".join(moved)


def expected(path: Path) -> np.ndarray:
    """What libsndfile decodes, by libvorbis or libopus."""
    samples: np.ndarray = soundfile.read(path, dtype="float32", always_2d=True)[0].mean(1)
    return samples


@pytest.mark.parametrize(("name", "tolerance"), [("ogg-vorbis", 1e-6), ("ogg-opus", 1e-2)])
def test_ffmpeg_decodes_as_the_reference_does(name: str, tolerance: float, tmp_path: Path) -> None:
    path = tmp_path / "music.ogg"
    path.write_bytes(b"".join(pages_of(name)))
    decoder, samples = decode(path, FORMATS[name].rate or 44100)
    assert decoder == "pyav"
    np.testing.assert_allclose(samples, expected(path), rtol=0, atol=tolerance)


OPUS_KINDS: list[tuple[int, int, dict[str, str]]] = [  # bits a second, channels, and options
    (12_000, 1, {"application": "voip", "dtx": "1"}),
    (28_000, 1, {"application": "voip"}),
    (96_000, 2, {"application": "lowdelay", "frame_duration": "2.5"}),
    (64_000, 2, {"frame_duration": "120"}),
    (128_000, 2, {"vbr": "off"}),
    (256_000, 6, {}),
]


@pytest.mark.parametrize(("bit_rate", "channels", "options"), OPUS_KINDS, ids=str)
def test_every_kind_of_opus(
    bit_rate: int, channels: int, options: dict[str, str], tmp_path: Path
) -> None:
    """Speech, music and both; packets of every length; a gap, for which nothing may be sent."""
    path, samples = tmp_path / "music.opus", music(48000)[:, :1].copy()
    samples[50_000:100_000] = 0
    encode(path, np.repeat(samples, channels, 1), 48000, "libopus", container="ogg",
           bit_rate=bit_rate, encoder_options=options)  # fmt: skip
    decoder, found = decode(path, 48000)
    assert decoder == "pyav"
    assert warnings_of(path) == []
    assert len(found) == len(expected(path))
    assert np.corrcoef(found, expected(path))[0, 1] > 0.99


@pytest.mark.parametrize("samples", [1000, 100_000, -100])
def test_vorbis_whose_ends_are_trimmed_is_left_to_libvorbis(samples: int, tmp_path: Path) -> None:
    path = tmp_path / "music.ogg"
    path.write_bytes(shifted(pages_of("ogg-vorbis"), samples))
    decoder, found = decode(path)
    assert decoder == "soundfile"
    assert len(found) == len(expected(path))


@pytest.mark.parametrize("dropped_pages", [0, 4])
@pytest.mark.parametrize("samples", [24, 1000, 100_000])
def test_opus_that_was_cut_or_remuxed(samples: int, dropped_pages: int, tmp_path: Path) -> None:
    """FFmpeg makes .opus files out of WebM whose first sample is not sample 0."""
    path, pages = tmp_path / "music.opus", pages_of("ogg-opus")
    path.write_bytes(shifted(pages[:2] + pages[2 + dropped_pages :], samples))
    decoder, found = decode(path, 48000)
    assert decoder == "pyav"
    np.testing.assert_allclose(found, expected(path), rtol=0, atol=1e-2)


def test_opus_that_begins_before_its_first_sample(tmp_path: Path) -> None:
    """Invalid by RFC 7845, section 4.5: libopus refuses it."""
    path = tmp_path / "music.opus"
    path.write_bytes(shifted(pages_of("ogg-opus"), -100))
    decoder, found = decode(path, 48000)
    assert decoder == "pyav"
    assert len(found) / 48000 == pytest.approx(12, abs=0.1)


@pytest.mark.parametrize("name", ["ogg-vorbis", "ogg-opus"])
def test_a_damaged_file_is_left_to_the_reference(name: str, tmp_path: Path) -> None:
    """FFmpeg would look for the next good page, and say nothing of what lies before it."""
    pages = pages_of(name)
    path = tmp_path / "music.ogg"
    path.write_bytes(b"".join(pages[:10] + pages[11:]))
    assert decode(path)[0] == "soundfile"
