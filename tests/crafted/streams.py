"""Files with several audio streams, each a tone of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from av.container import OutputContainer
from av.stream import Disposition
from numpy.typing import NDArray

from examples.track import render_track
from keyscan.keys import Key

RATE = 44100
DEFAULT = Disposition.default
NO_FLAGS = Disposition(0)


@dataclass(frozen=True)
class Tone:
    """A stream with a sine of ``pitch`` Hz, or (0) digital silence; ``flags`` as FFmpeg has them.

    ``name`` is the stream's title, or the other field of its metadata that ``name_field`` is.
    """

    pitch: float
    name: str = ""
    flags: Disposition = NO_FLAGS
    seconds: float = 4.0
    rate: int = RATE
    name_field: str = "title"

    def samples(self) -> NDArray[np.float32]:
        """The sine, (2, samples)."""
        times = np.arange(int(self.seconds * self.rate)) / self.rate
        sine = 0.25 * np.sin(2 * np.pi * self.pitch * times)
        return np.stack([sine, sine]).astype(np.float32)


@dataclass(frozen=True)
class Piece:
    """A stream with music in ``key``; the rest as in ``Tone``."""

    key: str
    name: str = ""
    flags: Disposition = NO_FLAGS
    seconds: float = 10.0
    rate: int = RATE
    name_field: str = "title"

    def samples(self) -> NDArray[np.float32]:
        """The music, (2, samples)."""
        return render_track(Key.parse(self.key), self.seconds).T


def write_streams(
    path: Path,
    tones: Sequence[Tone | Piece],
    container: str = "mp4",
    codec: str = "aac",
    *,
    video: bool = False,
    **muxer: str,
) -> None:
    """Write the ``tones`` as streams that lie interleaved in the file.

    ``video``: behind a picture, and in MOV before a track with a time code.
    """
    with av.open(str(path), "w", format=container, options=muxer) as output:
        picture = _picture(output) if video else None
        streams = []
        for tone in tones:
            stream = output.add_stream(codec, rate=tone.rate, layout="stereo")
            stream.disposition = tone.flags
            stream.bit_rate = 128_000
            if tone.name:
                stream.metadata[tone.name_field] = tone.name
            streams.append(stream)
        if picture is not None:
            frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
            output.mux([*picture.encode(frame), *picture.encode(None)])
        all_samples = [tone.samples() for tone in tones]
        for tenth in range(int(10 * max(tone.seconds for tone in tones))):
            for tone, stream, samples in zip(tones, streams, all_samples, strict=True):
                start, size = tenth * tone.rate // 10, tone.rate // 10
                part = np.ascontiguousarray(samples[:, start : start + size])
                if part.size:
                    frame = av.AudioFrame.from_ndarray(part, format="fltp", layout="stereo")
                    frame.sample_rate, frame.pts = tone.rate, start
                    output.mux(stream.encode(frame))
        for stream in streams:
            output.mux(stream.encode(None))


def _picture(output: OutputContainer) -> av.VideoStream:
    stream = output.add_stream("mpeg4", rate=25)
    stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
    stream.metadata["timecode"] = "01:00:00:00"
    return stream


def pitches(samples: NDArray[np.float32], rate: int) -> list[int]:
    """The pitches of the sines in ``samples``, to the nearest 10 Hz, from low to high."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    found = np.flatnonzero(spectrum > 0.1 * 0.25 * len(samples) / 4)
    return sorted({int(round(index * rate / len(samples), -1)) for index in found.tolist()})
