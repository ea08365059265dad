"""libsndfile: WAV, FLAC, Ogg, AIFF and the other formats that studios write."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import soundfile

from keyscan.audio.decoder import Block, Damage, Refused
from keyscan.audio.mixdown import mean_of_interleaved
from keyscan.audio.pcm import Layout, layout_of
from keyscan.audio.source import SourceFile

_BLOCK_SAMPLES = 1 << 17  # of all channels together: fits the processor's cache


class SoundfileDecoder:
    """Decodes from ``source.start`` on.

    Raises:
        Refused: libsndfile does not know these bytes.
    """

    name = "soundfile"

    def __init__(self, source: SourceFile, kind: str) -> None:
        self._source = source
        source.seek(0)
        try:
            self._file = soundfile.SoundFile(source)
        except (soundfile.SoundFileError, RuntimeError, ValueError) as error:
            raise Refused(str(error).rpartition(": ")[2]) from error
        self.format = f"{self._file.format} {self._file.subtype}"
        if "MP3" in self.format or "MPEG" in self.format:
            self.close()  # its MPEG decoder takes noise for music and prints to stderr
            raise Refused("MPEG audio is left to FFmpeg")
        self.damage = Damage()
        self.skipping = 0.0
        self.samples: int = self._file.frames  # of each channel
        self.expected_seconds = self.samples / self._file.samplerate
        # libsndfile takes an Ogg file's length from its last page.
        self.announced_seconds = self.expected_seconds if kind.startswith("ogg") else None

    def start_at(self, second: int, should_stop: Callable[[], bool]) -> int:
        """As ``Decoder.start_at``; exact, as libsndfile counts samples."""
        position: int = second * self._file.samplerate
        try:
            self._file.seek(position)
        except (soundfile.SoundFileError, RuntimeError, ValueError) as error:
            raise Refused(str(error)) from error
        return position

    def __iter__(self) -> Iterator[Block]:
        file = self._file
        layout = layout_of(file.format, file.endian, file.subtype)
        return self._converted() if layout is None else self._unpacked(layout)

    def _unpacked(self, layout: Layout) -> Iterator[Block]:
        """libsndfile says where the samples are; they are read without it."""
        file, source, width = self._file, self._source, layout.width * self._file.channels
        left = self.samples - file.tell()
        try:
            file.seek(0, soundfile.SEEK_END)  # a seek to where it is need not move the source
            file.seek(-left, soundfile.SEEK_END)
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
        """Let go of libsndfile's side of the file."""
        self._file.close()
