"""FFmpeg for intact Ogg Vorbis and Opus: libvorbis takes 1.5 times as long, libopus 3 times."""

from __future__ import annotations

import contextlib
import itertools
from typing import Any

from keyscan.audio.decoder import Refused
from keyscan.audio.formats import Format
from keyscan.audio.mixdown import Mixdown
from keyscan.audio.pyav_decoder import PyavDecoder
from keyscan.audio.soundfile_decoder import SoundfileDecoder
from keyscan.audio.source import SourceFile


class IntactOggDecoder(PyavDecoder):
    """FFmpeg's decoder, where libsndfile agrees with it on where the sound begins and ends.

    One Vorbis file in thirty was cut out of another; by its time stamps only one of the two
    libraries trims the ends.

    Raises:
        Refused: they do not agree.
    """

    def __init__(
        self, source: SourceFile, known: Format, mix: Mixdown, wanted: int | None = None
    ) -> None:
        with contextlib.closing(SoundfileDecoder(source, known, mix)) as other:
            samples = other.samples
        super().__init__(source, known, mix, wanted)
        first = next(self._packets, None)
        if first is None or not self._agrees(first, samples):
            self.close()
            raise Refused("the sound begins or ends within a packet")
        self._packets = itertools.chain([first], self._packets)

    def _agrees(self, first: Any, samples: int) -> bool:
        """Whether FFmpeg, too, decodes ``samples``.

        It leaves out what only primes the decoder: Vorbis' first packet, and as much of Opus as the
        header's "pre-skip" says, by which time stamps are shifted as well (RFC 7845, 4.3 and 5.1).
        """
        stream = self._stream
        if stream.codec_context.name != "opus":
            return bool(first.pts == -(first.duration or 0) and stream.duration == samples)
        header = stream.codec_context.extradata or b""
        pre_skip = int.from_bytes(header[10:12], "little")
        end = (stream.duration or 0) - pre_skip
        return bool(first.pts is not None and end - first.pts - pre_skip == samples)
