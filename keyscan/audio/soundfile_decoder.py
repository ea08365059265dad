"""libsndfile: WAV, AIFF and the other formats that studios write, and what FFmpeg refuses."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from keyscan.audio.decoder import Block, Damage, Refused
from keyscan.audio.formats import FREE_FORMAT_MP3, Format
from keyscan.audio.mixdown import Mixdown
from keyscan.audio.scale import PEEK_FRAMES, PEEKS, full_scale
from keyscan.audio.source import SourceFile
from keyscan.errors import NoSuchStream

BLOCK_SAMPLES = 1 << 17
"""Of all channels together: fits the processor's cache."""
_BYTE_ORDERS = {"LITTLE": "<", "BIG": ">"}  # stated in files of the other order than their format's
_FLOATS = ("FLOAT", "DOUBLE")
_TYPES = {"PCM_16": ("i2", 2), "PCM_24": ("i4", 3), "PCM_32": ("i4", 4), "FLOAT": ("f4", 4)}


class SoundfileDecoder:
    """Decodes from ``source.start`` on; ``samples`` is the number per channel.

    Raises:
        Refused: libsndfile does not know these bytes.
        NoSuchStream: another stream than the first is wanted.
    """

    name = "soundfile"
    stream = None
    other_streams = ()

    def __init__(
        self, source: SourceFile, known: Format, mix: Mixdown, wanted: int | None = None
    ) -> None:
        """``wanted`` is the number of an audio stream; None: any."""
        self._source, self._mix = source, mix
        source.seek(0)
        try:
            self._file = soundfile.SoundFile(source)
        except (soundfile.SoundFileError, RuntimeError, ValueError) as error:
            raise Refused(str(error).rpartition(": ")[2]) from error
        self.format = f"{self._file.format} {self._file.subtype}"
        if known is not FREE_FORMAT_MP3 and ("MP3" in self.format or "MPEG" in self.format):
            self.close()  # its MPEG decoder finds music in noise and prints to stderr
            raise Refused("MPEG audio is left to FFmpeg")
        if wanted:
            self.close()
            raise NoSuchStream.among(1, wanted)
        self.damage = Damage()
        self.samples: int = self._file.frames
        # libsndfile takes the length of an Ogg file from its last page, and of free format, whose
        # frames are of one length, from the bytes
        self.expected_seconds = self.samples / self._file.samplerate
        states_length = known.paged or known is FREE_FORMAT_MP3
        self.announced_seconds = self.expected_seconds if states_length else None
        self.full_scale = full_scale(self._peek()) if self._file.subtype in _FLOATS else 1.0
        self._frames_at_once = max(BLOCK_SAMPLES // self._file.channels, 1)
        self._order = known.byte_order and _BYTE_ORDERS.get(self._file.endian, known.byte_order)

    def _peek(self) -> list[NDArray[Any]]:
        """Samples from all over the file."""
        parts = []
        try:
            for place in range(PEEKS):
                self._file.seek(self.samples * place // PEEKS)
                parts.append(self._file.read(PEEK_FRAMES, np.float32))
            self._file.seek(0)
        except (soundfile.SoundFileError, RuntimeError):
            self.damage.gave_up = True
        return parts

    def __iter__(self) -> Iterator[Block]:
        return self._range(0, None)

    def part(self, start: float, end: float) -> Iterator[Block]:
        """See ``Decoder.part``."""
        rate = self._file.samplerate
        first, last = (min(round(at * rate), self.samples) for at in (start, end))
        try:
            self._file.seek(first)
        except (soundfile.SoundFileError, RuntimeError):
            self.damage.gave_up = True
            return iter(())
        return self._range(first, last - first)

    def _range(self, first: int, count: int | None) -> Iterator[Block]:
        """``count`` samples from ``first`` on, where libsndfile is; None: all that there are."""
        if not self._order or self._file.subtype not in _TYPES:
            return self._converted(sys.maxsize if count is None else count)
        code, width = _TYPES[self._file.subtype]
        count = self.samples if count is None else count
        return self._unpacked(np.dtype(self._order + code), width, first, count)

    def _unpacked(self, dtype: np.dtype[Any], width: int, first: int, left: int) -> Iterator[Block]:
        """Read uncompressed samples of ``width`` bytes where libsndfile says they are.

        On big-endian and 24-bit samples libsndfile takes twice as long or longer.
        """
        file, source, frame_width = self._file, self._source, width * self._file.channels
        lead = dtype.itemsize - width  # 24 bits are read with the byte before
        try:
            file.seek(0, soundfile.SEEK_END)  # seeking to where it is need not move the source
            file.seek(0)
        except (soundfile.SoundFileError, RuntimeError):
            self.damage.gave_up = True
            return
        position = source.tell() + first * frame_width
        while left > 0:
            source.seek(position - lead)
            data = source.read(lead + frame_width * min(left, self._frames_at_once))
            frames = (len(data) - lead) // frame_width
            if frames < 1:
                return
            shape, strides = (frames, file.channels), (frame_width, width)
            samples: NDArray[Any] = np.ndarray(shape, dtype, data, strides=strides)
            if lead:  # 24 bits become the upper ones of 32
                samples = samples << 8 if self._order == ">" else samples & -256
            yield Block(self._mix.interleaved(samples, file.samplerate), file.samplerate)
            left, position = left - frames, position + frames * frame_width

    def _converted(self, left: int) -> Iterator[Block]:
        """Have libsndfile decode up to ``left`` samples."""
        file = self._file
        # libsndfile takes six times as long to make floats of 16 bits as to hand them over.
        dtype = np.int16 if file.subtype == "PCM_16" else np.float32
        buffer = np.empty((self._frames_at_once, file.channels), dtype)
        while left > 0:
            try:
                samples = file.read(out=buffer[:left])
            except (soundfile.SoundFileError, RuntimeError):
                self.damage.gave_up = True
                return
            if not len(samples):
                break
            left -= len(samples)
            yield Block(self._mix.interleaved(samples, file.samplerate), file.samplerate)

    def close(self) -> None:
        """Close libsndfile's handle; the source stays open."""
        self._file.close()
