"""Music of our own at full length and in every format, in little time.

The encoders of MP3 and AAC need a tenth of the playing time. So only a piece is encoded, and its
packets are repeated to the length wanted: to a decoder it is as much work as any other track.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import av
import numpy as np

from examples.track import SAMPLE_RATE, encode, render_track, write_audio
from keyscan.keys import Key

PIECE_SECONDS = 20.0
CODECS = {"mp3": "libmp3lame", "m4a": "aac"}
BIT_RATE = 320_000
EXTENSIONS = ("wav", "flac", "ogg", *CODECS)


def write_music(path: Path, key: Key, seconds: float, seed: int = 0) -> None:
    """Write a track in the format that the extension names; MP3 and M4A at 320 kbit/s."""
    piece = render_track(key, min(PIECE_SECONDS, seconds), seed)
    codec = CODECS.get(path.suffix[1:])
    if codec is None:
        repeats = int(np.ceil(seconds * SAMPLE_RATE / len(piece)))
        samples = np.tile(piece, (repeats, 1))[: round(seconds * SAMPLE_RATE)]
        write_audio(path, samples, SAMPLE_RATE)
        return
    with tempfile.TemporaryDirectory() as folder:
        short = Path(folder) / path.name
        encode(short, piece, SAMPLE_RATE, codec, bit_rate=BIT_RATE)
        repeat_packets(short, path, seconds)


def repeat_packets(short: Path, long: Path, seconds: float) -> None:
    """The packets of an encoded file over and over: as good as encoding it all, in no time."""
    with av.open(str(short)) as source, av.open(str(long), "w") as output:
        stream = output.add_stream_from_template(source.streams.audio[0])
        base = source.streams.audio[0].time_base
        assert base is not None
        position = 0
        while position * base < seconds:
            source.seek(0)
            for packet in source.demux(audio=0):
                if not packet.duration or position * base >= seconds:
                    continue  # the mark of the end has no duration
                packet.pts = packet.dts = position
                position += packet.duration
                packet.stream = stream
                output.mux(packet)
