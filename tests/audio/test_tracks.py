"""Which of several audio streams is decoded; every stream is a tone that tells which it is."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition

from keyscan.audio.stream import AudioStream
from keyscan.errors import DecodeFailed, NoSuchStream, Silent, UnsupportedFormat
from keyscan.spectrogram.features import extract_features
from tests.audio_files import FORMATS, music
from tests.crafted.containers import box
from tests.crafted.streams import DEFAULT, RATE, Tone, pitches, write_streams

ASIDE = [Disposition.comment, Disposition.visual_impaired, Disposition.hearing_impaired]
CONTAINERS = {  # with the codec; in the first group a stream can be the default one
    "mp4": "aac", "mov": "pcm_s16le", "matroska": "flac",
    "mpegts": "aac", "mpeg": "mp2", "avi": "libmp3lame", "asf": "wmav2", "ogg": "flac",
}  # fmt: skip
STEMS = ("vocal", "hihat", "bass", "instruments", "kick")


def heard(path: Path, stream: int | None = None) -> tuple[list[int], object]:
    """The pitches that are decoded, and the number of their stream."""
    with AudioStream(path, RATE, stream=stream) as audio:
        samples = np.concatenate(list(audio))
        assert audio.warnings == ()
        return pitches(samples, RATE), audio.stream


def chosen(path: Path) -> object:
    """The number of the stream whose features are taken."""
    return extract_features(path).stream


def without_decoder(path: Path, number: int) -> None:
    """Rename the codec of one of an MP4's streams to one that FFmpeg does not know."""
    data = path.read_bytes()
    at = -1
    for _ in range(number + 1):
        at = data.index(b"stsd", at + 1)
    end = at - 4 + int.from_bytes(data[at - 4 : at], "big")
    entry = data[at:end].replace(b"mp4a", b"apac").replace(b"esds", b"dapa")
    path.write_bytes(data[:at] + entry + data[end:])


@pytest.mark.parametrize(("container", "codec"), CONTAINERS.items())
def test_of_equal_streams_the_first_is_taken(container: str, codec: str, tmp_path: Path) -> None:
    write_streams(tmp_path / "two", [Tone(220), Tone(440, seconds=5)], container, codec)
    assert heard(tmp_path / "two") == ([220], 0)
    assert heard(tmp_path / "two", 1) == ([440], 1)


@pytest.mark.parametrize("container", ["mp4", "mov", "matroska"])
def test_the_default_stream_comes_before_the_first(container: str, tmp_path: Path) -> None:
    tones = [Tone(220), Tone(330, flags=DEFAULT), Tone(440, flags=DEFAULT)]
    write_streams(tmp_path / "three", tones, container, CONTAINERS[container])
    assert heard(tmp_path / "three") == ([330], 1)
    assert heard(tmp_path / "three", 0) == ([220], 0)


@pytest.mark.parametrize("flag", ASIDE)
def test_comments_and_descriptions_come_last(flag: Disposition, tmp_path: Path) -> None:
    write_streams(tmp_path / "film", [Tone(220, flags=DEFAULT | flag), Tone(440)], "matroska")
    assert heard(tmp_path / "film") == ([440], 1)


def test_one_stream_is_no_choice(tmp_path: Path) -> None:
    write_streams(tmp_path / "one", [Tone(220, "vocal")])
    assert heard(tmp_path / "one") == heard(tmp_path / "one", 0) == ([220], None)


@pytest.mark.parametrize("lost", [0, 1])
def test_a_stream_without_a_decoder_is_left_out(lost: int, tmp_path: Path) -> None:
    path = tmp_path / "phone.mov"
    write_streams(path, [Tone(220, flags=DEFAULT), Tone(440, flags=DEFAULT)], "mov")
    without_decoder(path, lost)
    assert heard(path) == ([[440], [220]][lost], 1 - lost)
    with pytest.raises(UnsupportedFormat):
        heard(path, lost)
    without_decoder(path, 1 - lost)
    with pytest.raises(UnsupportedFormat):
        heard(path)


@pytest.mark.parametrize("container", CONTAINERS)
def test_a_silent_stream_hides_no_music(container: str, tmp_path: Path) -> None:
    write_streams(tmp_path / "two", [Tone(0), Tone(440)], container, CONTAINERS[container])
    assert chosen(tmp_path / "two") == 1
    with pytest.raises(Silent):
        extract_features(tmp_path / "two", stream=0)


def test_two_silent_streams_hide_no_music(tmp_path: Path) -> None:
    tones = [Tone(0), Tone(440), Tone(0, flags=DEFAULT)]
    write_streams(tmp_path / "three", tones, "matroska")
    assert chosen(tmp_path / "three") == 1


def test_a_stream_of_a_second_hides_no_music(tmp_path: Path) -> None:
    tones = [Tone(220, flags=DEFAULT, seconds=1), Tone(440)]
    write_streams(tmp_path / "two", tones, "matroska")
    assert chosen(tmp_path / "two") == 1


def test_where_all_streams_are_silent_the_reason_is_that_of_the_first(tmp_path: Path) -> None:
    write_streams(tmp_path / "two", [Tone(0), Tone(220, seconds=1)], "matroska")
    with pytest.raises(Silent):
        extract_features(tmp_path / "two")


def test_a_damaged_stream_hides_no_music(tmp_path: Path) -> None:
    path = tmp_path / "two.mov"
    write_streams(path, [Tone(220), Tone(440)], "mov", "libmp3lame")
    data = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        for packet in container.demux(audio=0):
            if packet.size:
                data[packet.pos : packet.pos + packet.size] = bytes(packet.size)
    path.write_bytes(data)
    assert chosen(path) == 1
    with pytest.raises(DecodeFailed):
        extract_features(path, stream=0)


@pytest.mark.parametrize("field", ["title", "handler_name"])
@pytest.mark.parametrize("container", ["mp4", "matroska"])
@pytest.mark.parametrize("names", [STEMS, ("Drums", "Bass", "Other", "Vocals"),
                                   ("Lead Vocals", "hi-hat", "Stem 3: Synth 1"),
                                   ("Instrumental", "acapella"),
                                   ("mysong_drums.wav", "mysong_bass.wav", "mysong_vocals.wav"),
                                   ("01 Drums", "02_Bass", "Vocals (dry)"), ("Main Vocals", "FX"),
                                   ("vocals", "no_vocals"), ("Drums (stereo)", "Bass DI"),
                                   ("Schlagzeug", "Klavier", "Bläser"), ("Voix", "Batterie"),
                                   ("Batería", "Bajo", "Voz 1")])  # fmt: skip
def test_stems_without_a_mix_are_added(
    container: str, names: tuple[str, ...], field: str, tmp_path: Path
) -> None:
    tones = [Tone(220 + 110 * number, name, name_field=field) for number, name in enumerate(names)]
    write_streams(tmp_path / "stems", tones, container, CONTAINERS[container])
    everything = [220 + 110 * number for number in range(len(names))]
    assert heard(tmp_path / "stems") == (everything, tuple(range(len(names))))
    assert heard(tmp_path / "stems", 1) == ([330], 1)


def test_the_sum_is_that_of_the_samples(tmp_path: Path) -> None:
    tones = [Tone(220, "bass"), Tone(330, "vocal", seconds=6), Tone(440, "kick", seconds=5)]
    write_streams(tmp_path / "stems", tones, "matroska", "flac")
    with AudioStream(tmp_path / "stems", RATE) as stream:
        samples = np.concatenate(list(stream))
    expected = np.zeros(6 * RATE)
    for tone in tones:
        expected[: int(tone.seconds * RATE)] += tone.samples()[0]
    assert len(samples) == len(expected)
    np.testing.assert_allclose(samples, expected, atol=2e-4)


@pytest.mark.parametrize("rates", [(22050, 44100), (44100, 22050), (48000, 44100)])
def test_stems_of_several_rates_are_added(rates: tuple[int, int], tmp_path: Path) -> None:
    tones = [Tone(440, name, rate=rate) for name, rate in zip(("bass", "keys"), rates, strict=True)]
    write_streams(tmp_path / "stems", tones, "matroska", "flac")
    with AudioStream(tmp_path / "stems", RATE) as stream:
        samples = np.concatenate(list(stream))
    assert stream.duration == pytest.approx(4, abs=0.01)
    middle = samples[RATE : 3 * RATE]  # in phase: twice as loud
    assert float(np.abs(middle).max()) == pytest.approx(0.5, abs=0.01)


def test_a_stem_that_ends_early_does_not_hold_the_others_back(tmp_path: Path) -> None:
    tones = [Tone(220, "bass", seconds=1, rate=8000), Tone(330, "vocal", seconds=150, rate=8000)]
    write_streams(tmp_path / "stems", tones, "matroska", "flac")
    with AudioStream(tmp_path / "stems", 8000) as stream:
        longest = max(len(block) for block in stream)
    assert stream.duration == pytest.approx(150)
    assert longest < 100 * 8000


@pytest.mark.parametrize("name", ["Mix", "mixed track", "All", "Artist - Title", "", "mysong.wav",
                                  "mysong_master.wav", "Drums & Bass (Full Mix)", "Original",
                                  "Full (with vocals)"])  # fmt: skip
@pytest.mark.parametrize("place", [0, 2])
def test_stems_beside_their_mix_are_left_out(name: str, place: int, tmp_path: Path) -> None:
    tones = [Tone(330, stem, DEFAULT) for stem in STEMS]
    tones.insert(place, Tone(220, name))
    write_streams(tmp_path / "stems.m4a", tones)
    assert heard(tmp_path / "stems.m4a") == ([220], place)


def test_a_stem_set_of_which_all_streams_are_enabled(tmp_path: Path) -> None:
    """As Native Instruments' format has it: the mix first, names in the ``stem`` box only."""
    path = tmp_path / "track.stem.mp4"
    tones = [Tone(pitch, flags=DEFAULT) for pitch in (220, 330, 440, 550, 660)]
    write_streams(path, tones, codec="alac", movflags="faststart")
    path.write_bytes(path.read_bytes() + box(b"udta", box(b"stem", b'{"version": 1}')))
    assert heard(path) == ([220], 0)


@pytest.mark.parametrize("names", [("English", "Commentary"), ("Voice", "Game"), ("", ""),
                                   ("Stereo", "Surround"), ("English Voice", "Commentary"),
                                   ("Drum & Bass Mix", "House Mix")])  # fmt: skip
def test_other_names_are_no_stems(names: tuple[str, str], tmp_path: Path) -> None:
    write_streams(tmp_path / "video", [Tone(220, names[0]), Tone(330, names[1])], "matroska")
    assert chosen(tmp_path / "video") == 0


@pytest.mark.parametrize("name", ["wav", "flac", "ogg-vorbis", "ogg-opus", "mp3", "caf-alac"])
def test_a_stream_that_is_not_there(name: str, tmp_path: Path) -> None:
    form = FORMATS[name]
    rate = form.rate or RATE
    path = tmp_path / f"music{form.extension}"
    form.write(path, music(rate), rate)
    for number in (1, 99, -1):
        with pytest.raises(NoSuchStream, match=f"no audio stream {number}: .* only stream 0"):
            heard(path, number)
    assert extract_features(path, stream=0).stream is None


def test_a_stream_behind_the_last(tmp_path: Path) -> None:
    write_streams(tmp_path / "two", [Tone(220), Tone(330)])
    with pytest.raises(NoSuchStream, match="no audio stream 2: the file has streams 0 to 1"):
        heard(tmp_path / "two", 2)


@pytest.mark.parametrize(("container", "codec"), [("mov", "aac"), ("matroska", "flac")])
def test_pictures_and_time_codes_are_not_counted(
    container: str, codec: str, tmp_path: Path
) -> None:
    path = tmp_path / "film"
    write_streams(path, [Tone(220), Tone(440)], container, codec, video=True)
    with av.open(str(path)) as film:
        assert film.streams[0].type == "video"
        assert len(film.streams) == (4 if container == "mov" else 3)
    assert heard(path, 0) == ([220], 0)
    assert heard(path, 1) == ([440], 1)
