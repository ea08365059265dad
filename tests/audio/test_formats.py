"""Every format that a DJ's library may hold comes out as the samples that went in."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from keyscan.audio import formats
from keyscan.audio.stream import AudioStream
from keyscan.spectrogram.constant_q import SAMPLE_RATE
from tests.audio_files import FORMATS, Format, music, write_chained_ogg

Mono = NDArray[np.float32]


def decode(path: Path, rate: int) -> tuple[Mono, AudioStream]:
    with AudioStream(path, rate) as stream:
        return np.concatenate(list(stream)), stream


def lag_of(decoded: Mono, reference: Mono) -> int:
    """How many samples ``decoded`` is late, by the peak of the cross-correlation."""
    decoded, reference = decoded[: 1 << 16], reference[: 1 << 16]
    size = 1 << 17
    spectrum = np.fft.rfft(decoded, size) * np.conj(np.fft.rfft(reference, size))
    lag = int(np.argmax(np.fft.irfft(spectrum, size)))
    return lag - size if lag > size // 2 else lag


def snr(decoded: Mono, reference: Mono, lag: int) -> float:
    """Signal-to-noise ratio in dB of ``decoded``, which is ``lag`` samples late."""
    decoded, reference = decoded[max(lag, 0) :], reference[max(-lag, 0) :]
    length = min(len(decoded), len(reference))
    noise = decoded[:length] - reference[:length]
    return float(10 * np.log10(np.sum(reference[:length] ** 2) / max(np.sum(noise**2), 1e-20)))


@pytest.mark.parametrize("name", FORMATS)
def test_samples_survive_in(name: str, tmp_path: Path) -> None:
    form: Format = FORMATS[name]
    rate = form.rate or 44100
    path, reference = tmp_path / f"music{form.extension}", music(rate).mean(1)
    form.write(path, music(rate), rate)

    decoded, stream = decode(path, rate)

    assert stream.decoder == form.decoder, stream.format
    assert stream.warnings == ()
    assert abs(lag_of(decoded, reference) - form.delay) <= 0.001 * rate
    assert snr(decoded, reference, form.delay) >= form.snr
    assert abs(len(decoded) - len(reference)) <= 4096  # coders work in whole frames
    assert stream.duration == pytest.approx(len(decoded) / rate, abs=0.001)


@pytest.mark.parametrize("name", ["wav", "flac", "mp3", "m4a", "ogg-vorbis", "wma"])
@pytest.mark.parametrize("extension", [".mp3", ".wav", ".txt", ""])
def test_the_bytes_decide_and_not_the_name(name: str, extension: str, tmp_path: Path) -> None:
    form = FORMATS[name]
    path = tmp_path / f"music{extension}"
    form.write(tmp_path / f"true{form.extension}", music(), 44100)
    (tmp_path / f"true{form.extension}").rename(path)

    decoded, stream = decode(path, 44100)

    assert stream.decoder == form.decoder
    assert snr(decoded, music().mean(1), form.delay) >= form.snr


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 32000, 48000, 88200, 96000, 192000])
@pytest.mark.parametrize("kind", ["WAV", "FLAC"])
def test_any_sample_rate_comes_out_at_the_filter_banks(
    kind: str, rate: int, tmp_path: Path
) -> None:
    t = np.arange(3 * rate) / rate
    soundfile.write(tmp_path / "tone", 0.5 * np.sin(2 * np.pi * 440 * t), rate, format=kind)

    decoded, _ = decode(tmp_path / "tone", SAMPLE_RATE)

    t = np.arange(3 * SAMPLE_RATE) / SAMPLE_RATE
    assert len(decoded) == len(t)
    inner = slice(170, -170)  # the resampler's filter rings where the tone is cut
    expected = 0.5 * np.sin(2 * np.pi * 440 * t)
    np.testing.assert_allclose(decoded[inner], expected[inner], atol=2e-3)


@pytest.mark.parametrize("rate", [8000, 12000, 16000, 22050, 24000, 32000, 48000])
@pytest.mark.parametrize("name", ["mp3", "m4a", "aac"])
def test_lossy_formats_at_every_rate_they_know(name: str, rate: int, tmp_path: Path) -> None:
    form, reference = FORMATS[name], music(rate).mean(1)
    path = tmp_path / f"music{form.extension}"
    form.write(path, music(rate), rate)

    decoded, stream = decode(path, rate)

    assert abs(lag_of(decoded, reference) - form.delay) <= 0.001 * rate
    assert stream.warnings == ()


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5, 6, 7, 8])
@pytest.mark.parametrize("kind", ["WAV", "FLAC", "AIFF", "OGG"])
def test_the_mix_down_is_the_mean_of_the_channels(kind: str, channels: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(channels)
    samples = 0.3 * rng.standard_normal((20000, channels)).clip(-3, 3)
    samples = np.cumsum(samples, 0)  # brown noise: what Vorbis keeps
    samples *= 0.9 / np.abs(samples).max()
    soundfile.write(tmp_path / "noise", samples, 44100, format=kind)

    decoded, _ = decode(tmp_path / "noise", 44100)

    tolerance = 0.05 if kind == "OGG" else 1e-4
    np.testing.assert_allclose(decoded, samples.mean(1), atol=tolerance)


@pytest.mark.parametrize(
    ("name", "channels"), [("alac", 1), ("alac", 6), ("mka-flac", 6), ("mka-flac", 8), ("m4a", 1)]
)
def test_the_mix_down_is_the_mean_of_the_channels_in_ffmpeg_too(
    name: str, channels: int, tmp_path: Path
) -> None:
    """FFmpeg's own mix to mono would be louder, and leave the subwoofer out."""
    samples = music()[:, [0, 1, 1, 0, 1, 0, 0, 1][:channels]]
    form, path = FORMATS[name], tmp_path / "music"
    form.write(path, samples, 44100)

    decoded, _ = decode(path, 44100)

    mean = samples.mean(1)
    gain = np.sum(decoded[: len(mean)] * mean) / np.sum(mean**2)
    assert gain == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize("codec", ["u8", "s16", "s24", "s32", "s64", "f32", "f64"])
def test_every_sample_format_of_ffmpeg_has_the_same_full_scale(codec: str, tmp_path: Path) -> None:
    from examples.track import encode

    name = f"pcm_{codec}" + ("" if codec == "u8" else "le")
    container = "wav" if codec == "s64" else "matroska"
    encode(tmp_path / "pcm", music(), 44100, name, container=container, bit_rate=None)

    decoded, stream = decode(tmp_path / "pcm", 44100)

    assert stream.decoder == "pyav"
    np.testing.assert_allclose(decoded, music().mean(1), atol=0.012 if codec == "u8" else 1e-4)


def test_links_of_a_chained_ogg_follow_one_another(tmp_path: Path) -> None:
    write_chained_ogg(tmp_path / "radio.ogg", music(), 44100)

    decoded, stream = decode(tmp_path / "radio.ogg", 44100)

    half, reference = len(music()) // 2, music().mean(1)
    assert stream.warnings == ()
    assert len(decoded) == pytest.approx(len(reference), abs=2048)
    assert snr(decoded[: half - 2048], reference[: half - 2048], 0) > 10
    assert snr(decoded[-half + 2048 :], reference[-half + 2048 :], 0) > 10


def test_a_new_sample_rate_within_the_file_is_followed(tmp_path: Path) -> None:
    """Two MP3s glued together, as some editors and radio recorders do."""
    parts = []
    for rate in (44100, 48000):
        path = tmp_path / f"{rate}.mp3"
        FORMATS["mp3-no-xing"].write(path, music(rate), rate)
        parts.append(path.read_bytes())
    (tmp_path / "both.mp3").write_bytes(b"".join(parts))

    decoded, stream = decode(tmp_path / "both.mp3", 11025)

    reference = music(11025).mean(1)
    assert stream.duration == pytest.approx(8, abs=0.2)
    assert len(decoded) == pytest.approx(2 * len(reference), abs=2000)
    lag = lag_of(decoded[len(reference) :], reference)
    assert snr(decoded[len(reference) :], reference, lag) > 10


def test_each_extension_and_each_name_has_one_record() -> None:
    extensions = [extension for known in formats.FORMATS for extension in known.extensions.split()]
    assert len(extensions) == len(set(extensions))
    assert len({known.name for known in formats.FORMATS}) == len(formats.FORMATS)
    assert formats.is_music("a.FLAC")
    assert not formats.is_music(".flac")


def test_the_records_with_ffmpegs_names_have_those_of_ffmpeg() -> None:
    assert formats.BY_DEMUXER.keys() <= av.formats_available
