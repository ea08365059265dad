"""Formats of FFmpeg without tests of their own: more demuxers for the fuzzer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from examples.track import encode
from tests.audio_files import music


@dataclass(frozen=True)
class RareFormat:
    """FFmpeg's names of an encoder and a muxer, and the encoder's parameters."""

    codec: str
    container: str
    rate: int = 44100
    channels: int = 2
    bit_rate: int | None = 128_000

    def write(self, path: Path, seconds: float) -> None:
        """A few seconds of music."""
        samples = np.ascontiguousarray(music(self.rate, seconds)[:, : self.channels])
        encode(
            path, samples, self.rate, self.codec, container=self.container, bit_rate=self.bit_rate
        )


RARE_FORMATS = {
    "mp2": RareFormat("mp2", "mp2"),
    "tta": RareFormat("tta", "tta", bit_rate=None),
    "flv": RareFormat("libmp3lame", "flv"),
    "flv-nellymoser": RareFormat("nellymoser", "flv", rate=8000, channels=1),
    "eac3": RareFormat("eac3", "eac3"),
    "wav-ms-adpcm": RareFormat("adpcm_ms", "wav"),
    "wav-g722": RareFormat("g722", "wav", rate=16000, channels=1),
    "wav-g726": RareFormat("adpcm_g726", "wav", rate=8000, channels=1, bit_rate=32_000),
    "wma1": RareFormat("wmav1", "asf"),
    "amr": RareFormat("libopencore_amrnb", "amr", rate=8000, channels=1, bit_rate=12_200),
    "voc": RareFormat("pcm_s16le", "voc"),
    "mov-pcm": RareFormat("pcm_s16be", "mov"),
    "mov-ima": RareFormat("adpcm_ima_qt", "mov"),
    "mp4-flac": RareFormat("flac", "mp4"),
    "mp4-opus": RareFormat("libopus", "mp4", rate=48000),
    "mp4-ac3": RareFormat("ac3", "mp4"),
    "ismv": RareFormat("aac", "ismv"),
    "mka-pcm": RareFormat("pcm_s24le", "matroska"),
    "mka-wavpack": RareFormat("wavpack", "matroska"),
    "mka-tta": RareFormat("tta", "matroska", bit_rate=None),
    "mpeg": RareFormat("mp2", "mpeg"),
    "vob": RareFormat("ac3", "vob"),
    "latm": RareFormat("aac", "latm"),
    "rm-ac3": RareFormat("ac3", "rm"),
    "rm-144": RareFormat("real_144", "rm", rate=8000, channels=1),
    "caf-alac-ffmpeg": RareFormat("alac", "caf"),
    "sox": RareFormat("pcm_s32le", "sox"),
    "adx": RareFormat("adpcm_adx", "adx"),
    "nut": RareFormat("pcm_s16le", "nut"),
    "wtv": RareFormat("libmp3lame", "wtv"),
    "ircam": RareFormat("pcm_s16le", "ircam"),
    "roq": RareFormat("roq_dpcm", "roq", rate=22050),
}
