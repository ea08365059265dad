"""FFmpeg for Ogg Vorbis: it takes three fifths of libvorbis's time."""

from __future__ import annotations

import contextlib
import itertools

from keyscan.audio.decoder import Refused
from keyscan.audio.pyav_decoder import PyavDecoder
from keyscan.audio.soundfile_decoder import SoundfileDecoder
from keyscan.audio.source import SourceFile


class VorbisDecoder(PyavDecoder):
    """Decodes files without a damaged page that begin and end for FFmpeg where libvorbis says.

    One in thirty was cut out of another, and time stamps then trim what only one of them trims.

    Raises:
        Refused: this is no such file.
    """

    finds_gaps = False  # the pages were counted, and time stamps lie more often

    def __init__(self, source: SourceFile, kind: str) -> None:
        with contextlib.closing(SoundfileDecoder(source, kind)) as other:
            samples = other.samples
        super().__init__(source, kind)
        first = next(self._packets, None)
        if first is None or first.pts != -(first.duration or 0) or self._stream.duration != samples:
            self.close()
            raise Refused("the sound begins or ends within a packet")
        self._packets = itertools.chain([first], self._packets)
