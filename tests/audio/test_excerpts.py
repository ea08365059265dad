"""A part of a file, decoded alone, is the same music as in the whole."""

from __future__ import annotations

import numpy as np
import pytest
import soxr

from examples.track import SAMPLE_RATE
from keyscan.audio.excerpts import Excerpts, NotInParts
from keyscan.audio.stream import AudioStream
from tests.audio_files import FORMATS, music

RATE = 3675
SECONDS = 12.0
EDGE = 200  # samples that the resampler makes of those beside a part
IN_MILLISECONDS = ("webm", "webm-video", "mka-flac")  # time stamps; see tests/spectrogram
WHOLE = (  # nothing says exactly where a time is, or how long the sound is
    *("wav-unclosed", "wav-mp3", "ogg-flac", "aac", "aac-id3", "wma", "ac3", "wavpack"),
    *("avi-video", "mpegts"),
)
PARTS = [(7.0, 10.0), (1.0, 3.4), (0.0, 2.0), (9.0, SECONDS)]


def written(name, path):
    form = FORMATS[name]
    rate = form.rate or SAMPLE_RATE
    samples = soxr.resample(music(seconds=SECONDS), SAMPLE_RATE, rate)
    form.write(path.with_suffix(form.extension), samples, rate)
    return path.with_suffix(form.extension)


def all_of(blocks):
    return np.concatenate(list(blocks))


def whole(path):
    with AudioStream(path, RATE) as stream:
        return all_of(stream)


def ratio(found, expected):
    """Of the sound to the difference, in dB."""
    inner = slice(EDGE, min(len(found), len(expected)) - EDGE)
    difference = found[inner] - expected[inner]
    return 10 * np.log10(np.square(expected[inner]).sum() / (np.square(difference).sum() + 1e-20))


@pytest.mark.parametrize("name", [n for n in FORMATS if n not in (*WHOLE, *IN_MILLISECONDS)])
def test_a_part_is_that_of_the_whole(name, tmp_path):
    path = written(name, tmp_path / "music")
    expected = whole(path)
    with Excerpts(path, RATE) as excerpts:
        assert excerpts.length == pytest.approx(len(expected) / RATE, abs=0.002)
        for start, end in PARTS:
            found = all_of(excerpts.part(start, end))
            assert len(found) == pytest.approx((min(end, excerpts.length) - start) * RATE, abs=8)
            assert ratio(found, expected[round(start * RATE) :]) > 60, start


@pytest.mark.parametrize("name", WHOLE)
def test_what_has_no_exact_index_is_decoded_as_a_whole(name, tmp_path):
    with pytest.raises(NotInParts):
        Excerpts(written(name, tmp_path / "music"), RATE)


@pytest.mark.parametrize("name", ["mp3", "flac", "m4a-faststart", "wav", "ogg-vorbis", "aiff"])
def test_a_broken_download_is_decoded_as_a_whole(name, tmp_path):
    path = written(name, tmp_path / "music")
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])
    with pytest.raises(NotInParts):
        Excerpts(path, RATE)


@pytest.mark.parametrize("name", ["mp3", "flac", "m4a"])
def test_damage_within_a_part_is_noticed(name, tmp_path):
    path = written(name, tmp_path / "music")
    data = bytearray(path.read_bytes())
    middle = len(data) * 5 // 12  # five seconds, or near
    data[middle : middle + 4000] = bytes(range(250)) * 16
    path.write_bytes(data)
    with Excerpts(path, RATE) as excerpts, pytest.raises(NotInParts):
        all_of(excerpts.part(3.0, 8.0))


def test_a_film_with_two_streams_is_decoded_as_a_whole(film):
    with pytest.raises(NotInParts, match="several"):
        Excerpts(film, RATE)


def test_parts_of_ogg_vorbis_that_begin_within_pages(tmp_path):
    """FFmpeg guesses the time stamps behind a seek; in mono a page has more than a second.

    At these times a sample of the whole is one of the part.
    """
    path = tmp_path / "mono.ogg"
    samples = music(seconds=30.0).mean(axis=1, keepdims=True)
    FORMATS["ogg-vorbis"].write(path, samples, SAMPLE_RATE)
    expected = whole(path)
    with Excerpts(path, RATE) as excerpts:
        for start in np.arange(0.4, 27.0, 1.2).round(1):
            found = all_of(excerpts.part(start, start + 2))
            assert ratio(found, expected[round(start * RATE) :]) > 60, start
