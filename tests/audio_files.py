"""Writers of every audio format that the tests decode; nothing is stored, all is made on the spot.

``FORMATS[name].write(path, samples, rate)`` takes (samples, channels) float32.
"""

from __future__ import annotations

import functools
import struct
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from examples.track import SAMPLE_RATE, encode, render_track
from keyscan.keys import Key

Samples = NDArray[np.float32]
MUSIC_KEY = Key(9, "minor")
Writer = Callable[[Path, Samples, int], None]


@functools.cache
def music(rate: int = SAMPLE_RATE, seconds: float = 4.0) -> Samples:
    """A few seconds in ``MUSIC_KEY``: (samples, 2) float32; rendered once, not to be written to."""
    samples = render_track(MUSIC_KEY, seconds)
    if rate != SAMPLE_RATE:
        samples = soxr.resample(samples, SAMPLE_RATE, rate, "HQ")
    samples.setflags(write=False)
    return samples


@dataclass(frozen=True)
class Format:
    """How to write one format, what must decode it, and how close the result must be (dB)."""

    extension: str
    decoder: str
    snr: float
    write: Writer
    rate: int | None = None  # the only rate that the codec knows, if any
    delay: int = 0  # samples of encoder delay that the format has no place to state


def _soundfile(kind: str, subtype: str) -> Writer:
    def write(path: Path, samples: Samples, rate: int) -> None:
        with soundfile.SoundFile(
            path, "w", rate, samples.shape[1], format=kind, subtype=subtype
        ) as file:
            for start in range(0, len(samples), rate):
                file.write(samples[start : start + rate])

    return write


def _pyav(
    codec: str, container: str, bit_rate: int | None = 256_000,
    *, encoder: dict[str, str] | None = None, muxer: dict[str, str] | None = None,
) -> Writer:  # fmt: skip
    return functools.partial(encode, codec=codec, container=container, bit_rate=bit_rate,
                             encoder_options=encoder, muxer_options=muxer)  # fmt: skip


def id3v2(*, picture_bytes: int = 20_000) -> bytes:
    """An ID3v2.3 tag by hand: a title, and a cover picture whose bytes look like MPEG frames."""
    title = b"\x01" + "Tést \U0001f3b5".encode("utf-16")
    picture = (
        b"\0image/jpeg\0\x03\0" + (b"\xff\xd8\xff\xfb\x90\x64" * picture_bytes)[:picture_bytes]
    )
    frames = b"".join(
        name + struct.pack(">IH", len(body), 0) + body
        for name, body in ((b"TIT2", title), (b"APIC", picture))
    )
    size = len(frames)
    return b"ID3\x03\0\0" + bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0)) + frames


def trailing_tags() -> bytes:
    """An APEv2 tag with a picture, and an ID3v1 tag behind it, as taggers append them."""
    value = b"cover.jpg\0" + b"\xff\xfb\x90\x64" * 3000
    item = struct.pack("<II", len(value), 2) + b"Cover Art (Front)\0" + value
    size = len(item) + 32
    head = b"APETAGEX" + struct.pack("<IIII", 2000, size, 1, 0xA0000000) + bytes(8)
    foot = b"APETAGEX" + struct.pack("<IIII", 2000, size, 1, 0x80000000) + bytes(8)
    return head + item + foot + b"TAG" + b"title".ljust(124, b"\0") + b"\x0c"


def _tagged(write: Writer, before: bytes = b"", after: bytes = b"") -> Writer:
    def write_tagged(path: Path, samples: Samples, rate: int) -> None:
        write(path, samples, rate)
        path.write_bytes(before + path.read_bytes() + after)

    return write_tagged


def _streamed_wav(path: Path, samples: Samples, rate: int) -> None:
    """WAV as FFmpeg writes it into a pipe: every size is 0xFFFFFFFF."""
    data = (samples * 32767).astype("<i2").tobytes()
    channels = samples.shape[1]
    form = struct.pack("<IHHIIHH", 16, 1, channels, rate, rate * channels * 2, channels * 2, 16)
    path.write_bytes(b"RIFF\xff\xff\xff\xffWAVEfmt " + form + b"data\xff\xff\xff\xff" + data)


def _unclosed_wav(path: Path, samples: Samples, rate: int) -> None:
    """WAV whose writer never came back to fill in the sizes."""
    _streamed_wav(path, samples, rate)
    path.write_bytes(path.read_bytes().replace(b"\xff\xff\xff\xff", bytes(4), 2))


def write_chained_ogg(path: Path, samples: Samples, rate: int) -> None:
    """Two Ogg Vorbis streams one after the other, as internet radio writes them."""
    half, write = len(samples) // 2, _soundfile("OGG", "VORBIS")
    parts = []
    for part in (samples[:half], samples[half:]):
        write(path, part, rate)
        parts.append(path.read_bytes())
    path.write_bytes(b"".join(parts))


def write_video(
    path: Path, samples: Samples | None, rate: int, *, container: str, codec: str = "aac"
) -> None:
    """A few seconds of moving pictures, with sound or (None) without."""
    with av.open(str(path), "w", format=container) as output:
        video = output.add_stream("mpeg4" if container in ("mp4", "avi") else "libvpx", rate=10)
        video.width, video.height, video.pix_fmt = 64, 64, "yuv420p"
        audio: av.AudioStream | None = None
        if samples is not None:
            sound = output.add_stream(codec, rate=rate, layout="stereo")
            assert isinstance(sound, av.AudioStream)
            audio = sound
        for number in range(20):
            picture = np.full((64, 64, 3), 12 * number, np.uint8)
            output.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        output.mux(video.encode(None))
        if audio is not None and samples is not None:
            block = np.ascontiguousarray(samples.T)
            frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
            frame.sample_rate, frame.pts = rate, 0
            for packets in (audio.encode(frame), audio.encode(None)):
                output.mux(packets)


def _video_with_sound(container: str, codec: str) -> Writer:
    return functools.partial(write_video, container=container, codec=codec)


_MP3 = _pyav("libmp3lame", "mp3", 320_000)
_WAV = _soundfile("WAV", "PCM_16")
_FLAC = _soundfile("FLAC", "PCM_16")
_AIFF = _soundfile("AIFF", "PCM_16")
_AAC = _pyav("aac", "adts")
_MP3_VBR = _pyav("libmp3lame", "mp3", None, encoder={"flags": "+qscale", "global_quality": "472"})
_MP3_NO_XING = _pyav("libmp3lame", "mp3", 320_000, muxer={"write_xing": "0"})
_M4A_FASTSTART = _pyav("aac", "ipod", muxer={"movflags": "faststart"})
_M4A_FRAGMENTED = _pyav("aac", "mp4", muxer={"movflags": "frag_keyframe+empty_moov"})

FORMATS: dict[str, Format] = {
    "wav": Format(".wav", "soundfile", 70, _WAV),
    "wav-u8": Format(".wav", "soundfile", 30, _soundfile("WAV", "PCM_U8")),
    "wav-24": Format(".wav", "soundfile", 110, _soundfile("WAV", "PCM_24")),
    "wav-32": Format(".wav", "soundfile", 110, _soundfile("WAV", "PCM_32")),
    "wav-float": Format(".wav", "soundfile", 110, _soundfile("WAV", "FLOAT")),
    "wav-double": Format(".wav", "soundfile", 110, _soundfile("WAV", "DOUBLE")),
    "wav-mulaw": Format(".wav", "soundfile", 25, _soundfile("WAV", "ULAW")),
    "wav-alaw": Format(".wav", "soundfile", 25, _soundfile("WAV", "ALAW")),
    "wav-adpcm": Format(".wav", "soundfile", 15, _soundfile("WAV", "IMA_ADPCM")),
    "wav-extensible": Format(".wav", "soundfile", 110, _soundfile("WAVEX", "PCM_24")),
    "wav-id3": Format(".wav", "soundfile", 70, _tagged(_WAV, before=id3v2())),
    "wav-streamed": Format(".wav", "soundfile", 70, _streamed_wav),
    "wav-unclosed": Format(".wav", "pyav", 70, _unclosed_wav),
    "wav-mp3": Format(".wav", "pyav", 20, _pyav("libmp3lame", "wav"), delay=1105),
    "rf64": Format(".wav", "soundfile", 70, _soundfile("RF64", "PCM_16")),
    "w64": Format(".w64", "soundfile", 70, _soundfile("W64", "PCM_16")),
    "caf": Format(".caf", "soundfile", 70, _soundfile("CAF", "PCM_16")),
    "caf-alac": Format(".caf", "pyav", 70, _soundfile("CAF", "ALAC_16")),
    "flac": Format(".flac", "pyav", 70, _FLAC),
    "flac-24": Format(".flac", "pyav", 110, _soundfile("FLAC", "PCM_24")),
    "flac-id3": Format(".flac", "pyav", 70, _tagged(_FLAC, id3v2(), b"TAG" + bytes(125))),
    "ogg-vorbis": Format(".ogg", "pyav", 12, _soundfile("OGG", "VORBIS")),
    "ogg-opus": Format(".opus", "pyav", 12, _soundfile("OGG", "OPUS"), rate=48000),
    "ogg-flac": Format(".oga", "pyav", 80, _pyav("flac", "ogg", None)),
    "aiff": Format(".aiff", "soundfile", 70, _AIFF),
    "aiff-24": Format(".aiff", "soundfile", 110, _soundfile("AIFF", "PCM_24")),
    "aiff-id3": Format(".aiff", "soundfile", 70, _tagged(_AIFF, before=id3v2())),
    "aifc-float": Format(".aifc", "pyav", 110, _soundfile("AIFF", "FLOAT")),
    "aifc-mulaw": Format(".aifc", "pyav", 25, _soundfile("AIFF", "ULAW")),
    "au": Format(".au", "soundfile", 70, _soundfile("AU", "PCM_16")),
    "mp3": Format(".mp3", "pyav", 20, _MP3),
    "mp3-vbr": Format(".mp3", "pyav", 12, _MP3_VBR),
    "mp3-no-xing": Format(".mp3", "pyav", 20, _MP3_NO_XING, delay=1105),
    "mp3-tagged": Format(".mp3", "pyav", 20, _tagged(_MP3, id3v2() * 2, trailing_tags())),
    "mp2": Format(".mp2", "pyav", 12, _pyav("mp2", "mp2"), delay=481),
    "m4a": Format(".m4a", "pyav", 12, _pyav("aac", "ipod")),
    "m4a-faststart": Format(".m4a", "pyav", 12, _M4A_FASTSTART),
    "m4a-fragmented": Format(".m4a", "pyav", 12, _M4A_FRAGMENTED, delay=1024),
    "alac": Format(".m4a", "pyav", 80, _pyav("alac", "ipod", None)),
    "aac": Format(".aac", "pyav", 12, _AAC, delay=1024),
    "aac-id3": Format(".aac", "pyav", 12, _tagged(_AAC, before=id3v2()), delay=1024),
    "wma": Format(".wma", "pyav", 12, _pyav("wmav2", "asf"), delay=-2048),
    "webm": Format(".webm", "pyav", 12, _pyav("libopus", "webm"), rate=48000),
    "mka-flac": Format(".mka", "pyav", 80, _pyav("flac", "matroska", None)),
    "ac3": Format(".ac3", "pyav", 12, _pyav("ac3", "ac3"), delay=256),
    "wavpack": Format(".wv", "pyav", 35, _pyav("wavpack", "wv", None)),
    "mp4-video": Format(".mp4", "pyav", 12, _video_with_sound("mp4", "aac")),
    "avi-video": Format(".avi", "pyav", 12, _video_with_sound("avi", "libmp3lame"), delay=1105),
    "webm-video": Format(".webm", "pyav", 12, _video_with_sound("webm", "libopus"), rate=48000),
    "mpegts": Format(".ts", "pyav", 12, _pyav("aac", "mpegts"), delay=1024),
}
"""By name; every writer takes stereo, those of soundfile any number of channels."""


@functools.cache
def valid(name: str, seconds: float = 4.0) -> bytes:
    """A valid file of that format."""
    form = FORMATS[name]
    rate = form.rate or SAMPLE_RATE
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"valid{form.extension}")
        form.write(path, music(rate, seconds), rate)
        return path.read_bytes()
