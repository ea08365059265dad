"""FFmpeg for intact Ogg Vorbis and Opus: libvorbis takes 1.5 times as long, libopus 3 times."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from functools import partial
from typing import Any

from keyscan.audio.decoder import Block, Refused
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
        self._other: SoundfileDecoder | None = None
        with contextlib.closing(SoundfileDecoder(source, known, mix)) as other:
            samples = other.samples
        super().__init__(source, known, mix, wanted)
        self._open_other = partial(SoundfileDecoder, source, known, mix)
        first = next(self._packets, None)
        if first is None or not self._agrees(first, samples):
            self.close()
            raise Refused("the sound begins or ends within a packet")
        self._packets = itertools.chain([first], self._packets)

    def part(self, start: float, end: float) -> Iterator[Block]:
        """See ``Decoder.part``; by libvorbis, as FFmpeg guesses Vorbis' first time stamps."""
        if self._stream.codec_context.name != "vorbis":
            return super().part(start, end)
        if self._other is None:
            self._other = self._open_other()
            self._other.damage = self.damage
        return self._other.part(start, end)

    def close(self) -> None:
        """Close FFmpeg's container and libsndfile's handle; the source stays open."""
        super().close()
        if self._other is not None:
            self._other.close()

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
