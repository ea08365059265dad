"""Generated music of any length in every format, written quickly.

The encoders of MP3 and AAC need a tenth of the playing time. Therefore only a short piece is
encoded, and its packets are repeated; a decoder has the same work as for any other track.
"""

from __future__ import annotations

import struct
import tempfile
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import soundfile

from examples.track import SAMPLE_RATE, encode, render_track, write_audio
from keyscan.keys import Key

PIECE_SECONDS = 20.0
LONG_PIECE_SECONDS = 60.0
CODECS = {"mp3": "libmp3lame", "m4a": "aac"}
BIT_RATE = 320_000
EXTENSIONS = ("wav", "flac", "ogg", *CODECS)
_LARGEST_WAV = 0xFFFFFFFF - 36

Samples = npt.NDArray[np.float32]


def repeated(
    key: Key, seconds: float, seed: int = 0, piece_seconds: float = PIECE_SECONDS
) -> Samples:
    """(samples, 2): a piece of music in that key, repeated to that length."""
    piece = render_track(key, min(piece_seconds, seconds), seed)
    length = round(seconds * SAMPLE_RATE)
    return np.tile(piece, (-(-length // len(piece)), 1))[:length]


def write_music(path: Path, key: Key, seconds: float, seed: int = 0) -> None:
    """Write a track in the format that the extension names; MP3 and M4A at 320 kbit/s."""
    codec = CODECS.get(path.suffix[1:])
    if codec is None:
        write_audio(path, repeated(key, seconds, seed), SAMPLE_RATE)
        return
    piece = render_track(key, min(PIECE_SECONDS, seconds), seed)
    with tempfile.TemporaryDirectory() as folder:
        short = Path(folder) / path.name
        encode(short, piece, SAMPLE_RATE, codec, bit_rate=BIT_RATE)
        repeat_packets(short, path, seconds)


def repeat_packets(short: Path, long: Path, seconds: float) -> None:
    """Repeat the packets of an encoded file to that length."""
    with av.open(str(short)) as source, av.open(str(long), "w") as output:
        stream = output.add_stream_from_template(source.streams.audio[0])
        base = source.streams.audio[0].time_base
        assert base is not None
        position = 0
        while position * base < seconds:
            source.seek(0)
            for packet in source.demux(audio=0):
                if not packet.duration or position * base >= seconds:
                    continue  # the end-of-stream packet has no duration
                packet.pts = packet.dts = position
                position += packet.duration
                packet.stream = stream
                output.mux(packet)


def long_piece() -> Samples:
    """(samples, 2): the minute of music that the long files repeat."""
    return render_track(Key.parse("A minor"), LONG_PIECE_SECONDS)


def write_long_wav(path: Path, seconds: float) -> None:
    """16-bit RIFF/WAVE, or RF64 (EBU Tech 3306) above 4 GB."""
    data = (long_piece() * 32767).astype("<i2").tobytes()
    size = round(seconds * SAMPLE_RATE) * 4
    form = b"fmt " + struct.pack("<IHHIIHH", 16, 1, 2, SAMPLE_RATE, SAMPLE_RATE * 4, 4, 16)
    if size <= _LARGEST_WAV:
        header = b"RIFF" + struct.pack("<I", size + 36) + b"WAVE" + form
        header += b"data" + struct.pack("<I", size)
    else:
        sizes = b"ds64" + struct.pack("<IQQQI", 28, size + 72, size, size // 4, 0)
        header = b"RF64\xff\xff\xff\xffWAVE" + sizes + form + b"data\xff\xff\xff\xff"
    _write_repeated(path, header, data, size)


def write_long_flac(path: Path, seconds: float) -> None:
    """16-bit FLAC."""
    samples = (long_piece() * 32767).astype(np.int16)
    left = round(seconds * SAMPLE_RATE)
    with soundfile.SoundFile(path, "w", SAMPLE_RATE, samples.shape[1]) as file:
        while left > 0:
            file.write(samples[:left])
            left -= len(samples)


def write_long_packets(path: Path, seconds: float) -> None:
    """MP3 of 320 kbit/s, without a bit reservoir between frames, or AAC of 256 kbit/s."""
    part = path.with_name(f"piece{path.suffix}")
    codec, kilobits = {".mp3": ("libmp3lame", 320), ".m4a": ("aac", 256)}[path.suffix]
    samples = long_piece()[: round(seconds * SAMPLE_RATE)]
    options = {"reservoir": "0"} if path.suffix == ".mp3" else {}
    encode(part, samples, SAMPLE_RATE, codec, bit_rate=kilobits * 1000, encoder_options=options)
    repeat_packets(part, path, seconds)
    part.unlink()


def write_plain_mp3(path: Path, seconds: float) -> None:
    """Whole minutes of MP3 of 128 kbit/s: frames only, without a bit reservoir."""
    part = path.with_suffix(".piece.mp3")
    encode(
        part,
        long_piece(),
        SAMPLE_RATE,
        "libmp3lame",
        bit_rate=128_000,
        encoder_options={"reservoir": "0"},
        muxer_options={"write_xing": "0", "id3v2_version": "0"},
    )
    data = part.read_bytes()
    part.unlink()
    _write_repeated(path, b"", data, len(data) * max(1, round(seconds / LONG_PIECE_SECONDS)))


def _write_repeated(path: Path, header: bytes, data: bytes, size: int) -> None:
    """Write ``header``, then repeat ``data`` until ``size`` bytes are written."""
    unfinished = path.with_name(path.name + ".unfinished")
    with unfinished.open("wb") as file:
        file.write(header)
        while size > 0:
            size -= file.write(data[:size])
    unfinished.rename(path)
