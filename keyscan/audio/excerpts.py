"""Parts of a file as mono float32 samples, without decoding what lies between them."""

from __future__ import annotations

import os
from collections.abc import Iterator

from keyscan.audio.decoder import Block
from keyscan.audio.formats import MP3
from keyscan.audio.mixdown import Mono
from keyscan.audio.source import SourceFile
from keyscan.audio.stream import AudioStream
from keyscan.runtime import Stages

_END_SECONDS = 0.5  # of the sound that are decoded to find its end
_BEHIND_SECONDS = 5.0  # behind the stated end, in which there must be no sound
_ROUNDED_SECONDS = 0.2  # of a length: time stamps in milliseconds, and frames that only prime
_LAST_FRAME = 0.05  # seconds that may be missing at the end


class NotInParts(Exception):
    """The file is to be decoded as a whole; the message says why."""


class Excerpts(AudioStream):
    """An ``AudioStream`` that gives parts of a file.

    Attributes:
        length: seconds of sound in the file.
        version: differs between two files at the same path, and when a file has changed.

    Raises:
        NotInParts: the file has damage, more than one audio stream, or no index by which a time is
            found, or its length is not the stated one.
        AnalysisError: as of ``AudioStream``.
    """

    def __init__(
        self,
        file: str | os.PathLike[str] | SourceFile,
        sample_rate: int,
        stages: Stages | None = None,
        stream: int | None = None,
    ) -> None:
        super().__init__(file, sample_rate, stages, stream)
        try:
            status = self._source.status()
            self.version = (status.st_ino, status.st_size, status.st_mtime_ns)
            self._require_parts()
            self.length = self._find_end()
        except BaseException:
            self.close()
            raise

    def part(self, start: float, end: float) -> Iterator[Mono]:
        """Blocks (samples,) of float32 from ``start`` to before ``end``, in seconds.

        The samples are those of the whole file, but for a few at both ends, which the resampler
        would make of the samples beside them.

        Raises:
            NotInParts: the part is damaged.
        """
        return self._resampled(self._whole_part(start, min(end, self.length)))

    def _require_parts(self) -> None:
        probed = self._probed
        damaged = probed.breaks_off or probed.damaged_pages or probed.has_more
        if damaged or (probed.format is MP3 and not probed.ends_clean):
            raise NotInParts("its headers tell of damage")
        if self.stream is not None:
            raise NotInParts("it has several audio streams")
        if not probed.format.seeks:
            raise NotInParts("its format has no exact index")

    def _find_end(self) -> float:
        stated = self.expected_seconds
        start = max(stated - _END_SECONDS, 0.0)
        end = start + sum(
            len(block.samples) / block.sample_rate
            for block in self._cleaned(self._decoder.part(start, stated + _BEHIND_SECONDS))
        )
        if not stated or abs(end - stated) > _ROUNDED_SECONDS:
            raise NotInParts("its length is not the stated one")
        return end

    def _whole_part(self, start: float, end: float) -> Iterator[Block]:
        seconds = 0.0
        for block in self._cleaned(self._decoder.part(start, end)):
            seconds += len(block.samples) / block.sample_rate
            yield block
        damage = self._decoder.damage
        if damage.bad_packets or damage.gave_up or self._bad_samples:
            raise NotInParts("a part of it is damaged")
        if abs(seconds - (end - start)) > _LAST_FRAME:
            raise NotInParts("a part of it is not reached")
