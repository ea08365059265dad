"""libsndfile: WAV, FLAC, Ogg, AIFF and the other formats that studios write."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from keyscan.audio.decoder import Block, Damage, Refused, mean_of_interleaved
from keyscan.audio.formats import Format
from keyscan.audio.source import SourceFile

_BLOCK_SAMPLES = 1 << 17  # of all channels together: fits the processor's cache
_BYTE_ORDERS = {"LITTLE": "<", "BIG": ">"}  # stated in files of the other order than their format's
_TYPES = {"PCM_16": ("i2", 2), "PCM_24": ("i4", 3), "PCM_32": ("i4", 4), "FLOAT": ("f4", 4)}


class SoundfileDecoder:
    """Decodes from ``source.start`` on; ``samples`` is the number per channel.

    Raises:
        Refused: libsndfile does not know these bytes.
    """

    name = "soundfile"

    def __init__(self, source: SourceFile, known: Format) -> None:
        self._source = source
        source.seek(0)
        try:
            self._file = soundfile.SoundFile(source)
        except (soundfile.SoundFileError, RuntimeError, ValueError) as error:
            raise Refused(str(error).rpartition(": ")[2]) from error
        self.format = f"{self._file.format} {self._file.subtype}"
        if "MP3" in self.format or "MPEG" in self.format:
            self.close()  # its MPEG decoder finds music in noise and prints to stderr
            raise Refused("MPEG audio is left to FFmpeg")
        self.damage = Damage()
        self.samples: int = self._file.frames
        # libsndfile takes the length of an Ogg file from its last page
        self.announced_seconds = self.samples / self._file.samplerate if known.paged else None
        self._layout = _layout_of(self._file, known.byte_order)

    def __iter__(self) -> Iterator[Block]:
        return self._converted() if self._layout is None else self._unpacked(self._layout)

    def _unpacked(self, layout: _Layout) -> Iterator[Block]:
        """Read uncompressed samples where libsndfile says they are.

        On big-endian and 24-bit samples libsndfile takes twice as long or longer.
        """
        file, source, width = self._file, self._source, layout.width * self._file.channels
        left = self.samples
        try:
            file.seek(0, soundfile.SEEK_END)  # seeking to where it is need not move the source
            file.seek(0)
        except (soundfile.SoundFileError, RuntimeError):
            self.damage.gave_up = True
            return
        position = source.tell()
        while left > 0:
            source.seek(position - layout.lead)
            most = min(left, max(_BLOCK_SAMPLES // file.channels, 1))
            data = source.read(layout.lead + width * most)
            frames = (len(data) - layout.lead) // width
            if frames < 1:
                return
            samples = layout.samples(data)[: frames * file.channels]
            mono = mean_of_interleaved(samples.reshape(frames, file.channels))
            yield Block(mono, file.samplerate)
            left, position = left - frames, position + frames * width

    def _converted(self) -> Iterator[Block]:
        """Have libsndfile decode."""
        file, rate = self._file, self._file.samplerate
        frames = max(_BLOCK_SAMPLES // file.channels, 1)
        # libsndfile takes six times as long to make floats of 16 bits as to hand them over.
        dtype = np.int16 if file.subtype == "PCM_16" else np.float32
        buffer = np.empty((frames, file.channels), dtype)
        while True:
            try:
                samples = file.read(out=buffer)
            except (soundfile.SoundFileError, RuntimeError):
                self.damage.gave_up = True
                return
            if not len(samples):
                break
            yield Block(mean_of_interleaved(samples), rate)

    def close(self) -> None:
        """Close libsndfile's handle; the source stays open."""
        self._file.close()


@dataclass(frozen=True)
class _Layout:
    """Interleaved samples of ``width`` bytes each; as arrays, they are of ``dtype``."""

    dtype: np.dtype[Any]
    width: int

    @property
    def lead(self) -> int:
        """Bytes that ``samples`` needs before the first sample, whatever they are."""
        return self.dtype.itemsize - self.width

    def samples(self, data: bytes) -> NDArray[Any]:
        """The samples behind the lead; 24 bits become the upper ones of 32."""
        count = (len(data) - self.lead) // self.width
        if not self.lead:
            return np.frombuffer(data, self.dtype, count)
        wide: NDArray[np.int32] = np.ndarray((count,), self.dtype, data, 0, (self.width,))
        return wide << 8 if self.dtype.str.startswith(">") else wide & -256


def _layout_of(file: soundfile.SoundFile, byte_order: str) -> _Layout | None:
    """None where the samples have to be decoded, or are of a rarer type."""
    if not byte_order or file.subtype not in _TYPES:
        return None
    code, width = _TYPES[file.subtype]
    return _Layout(np.dtype(_BYTE_ORDERS.get(file.endian, byte_order) + code), width)
