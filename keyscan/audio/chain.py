"""Chained Ogg files: several streams one after the other, as internet radio writes them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise

from keyscan.audio.decoder import Block, Damage, Decoder, Refused
from keyscan.audio.formats import FORMATS, DecoderName, Format
from keyscan.audio.intact_ogg import IntactOggDecoder
from keyscan.audio.mixdown import Mixdown
from keyscan.audio.ogg import check_pages
from keyscan.audio.pyav_decoder import PyavDecoder
from keyscan.audio.soundfile_decoder import SoundfileDecoder
from keyscan.audio.source import SourceFile
from keyscan.errors import AnalysisError, NoAudio

OGG_DECODERS: dict[DecoderName, type[SoundfileDecoder | PyavDecoder]] = {
    "intact ogg": IntactOggDecoder,
    "soundfile": SoundfileDecoder,
    "pyav": PyavDecoder,
}


class ChainDecoder:
    """Decodes each link of the chain like a file of its own: codec, rate and channels may change.

    ``name`` and ``format`` are those of the first link that can be decoded.

    Raises:
        Refused: no link can be decoded.
    """

    full_scale = 1.0

    def __init__(
        self, source: SourceFile, known: Format, mix: Mixdown, wanted: int | None = None
    ) -> None:
        """``wanted`` is the number of an audio stream in each link; None: any."""
        self.damage = Damage()
        # the pages are counted, and links may lack some samples
        self.announced_seconds: float | None = None
        self._source, self._mix, self._wanted = source, mix, wanted
        whole = source.end - source.start
        self._links = pairwise((*check_pages(source).links, source.end))
        first = self._next_link()
        if first is None:
            raise Refused("no part of the chain can be decoded")
        self._link: Decoder = first
        self.name, self.format = first.name, first.format
        self.stream, self.other_streams = first.stream, first.other_streams
        self.expected_seconds = first.expected_seconds * whole / (source.end - source.start)

    def __iter__(self) -> Iterator[Block]:
        link: Decoder | None = self._link
        while link is not None:
            self._link = link
            yield from link
            link.close()
            self.damage.bad_packets += link.damage.bad_packets + link.damage.gave_up
            breaks_off = link.damage.breaks_off
            link = self._next_link()
            if link is None:
                self.damage.breaks_off = breaks_off
            else:
                self.damage.bad_packets += breaks_off

    def part(self, start: float, end: float) -> Iterator[Block]:
        """No part is reached: each link has times of its own."""
        return iter(())

    def _next_link(self) -> Decoder | None:
        """The next link that can be decoded; one without sound is no damage."""
        for start, end in self._links:
            self._source.narrow(start, end)
            try:
                return self._opened()
            except NoAudio:
                continue
            except (AnalysisError, Refused):
                self.damage.bad_packets += 1
        return None

    def _opened(self) -> Decoder:
        source = self._source
        head, pages = source.read_at(source.start, 1 << 12), check_pages(source)
        known = next(known for known in FORMATS if known.matches(head))
        intact = pages.complete and not pages.damaged_parts
        *others, last = known.decoders_for(intact=intact)
        for name in others:
            with suppress(Refused):
                return OGG_DECODERS[name](source, known, self._mix, self._wanted)
        return OGG_DECODERS[last](source, known, self._mix, self._wanted)

    def close(self) -> None:
        """Close the decoder of the current link; the source stays open."""
        self._link.close()
