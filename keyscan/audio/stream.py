"""A file becomes mono float32 blocks at one sample rate, in flat memory."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import chain, groupby
from typing import Self

import numpy as np

from keyscan.audio.bitstream import BitstreamDecoder
from keyscan.audio.chain import OGG_DECODERS, ChainDecoder
from keyscan.audio.decoder import Block, Decoder, Refused, StreamNumbers
from keyscan.audio.formats import FREE_FORMAT_MP3, MP3, DecoderName
from keyscan.audio.mixdown import Mixdown, Mono
from keyscan.audio.probing import probe
from keyscan.audio.pyav_decoder import PyavDecoder
from keyscan.audio.resampling import Resampler
from keyscan.audio.soundfile_decoder import SoundfileDecoder
from keyscan.audio.source import SourceFile
from keyscan.errors import AnalysisError, AnalysisWarning, DecodeFailed, NoAudio, UnsupportedFormat
from keyscan.runtime import Stages

RATES = range(1_000, 1_000_001)
"""Sample rates of sound, in Hz: outside, a header is damaged."""
_DSD_RATES = [
    base * factor // 8 for base in (44_100, 48_000) for factor in (256, 512, 1024)
]  # of bytes
_ROUNDED_SECONDS = 0.2  # time stamps in milliseconds, and frames that only prime the decoder
_LAST_FRAME = 0.05  # seconds, at most, that converters leave incomplete
_LEAST_BYTES = 1_000  # a second: 8 kbit/s; what takes fewer is silence
_LOUDEST = 1e3  # 60 dB above full scale; no writer of floats goes as far

_DECODERS: dict[DecoderName, type[SoundfileDecoder | PyavDecoder | ChainDecoder]] = {
    **OGG_DECODERS,
    "chain": ChainDecoder,
    "bitstream": BitstreamDecoder,
}


class AudioStream:
    """One file as mono float32 blocks, the mean of its channels; a context manager.

    It is iterated once, and once more after each ``rewind``.

    Overwritten bytes that break no checksum, no frame and no length (samples of a WAV, say) are
    not noticed, nor is a gap in an AVI below 1 % of its length, nor a missing end where nothing
    states the length (MP3 without a Xing header, AAC in ADTS, AC-3).

    Args:
        file: a path, or an opened file at its start, which the stream closes.
        sample_rate: of the blocks, in Hz.
        stages: collects the seconds spent in ``"decode"`` (opening and mix-down included) and
            ``"resample"``.
        stream: the number of the audio stream to decode, counted from 0; None: see
            ``audio.tracks``.

    Attributes:
        mix: how many channels there are, and whether they cancel each other.
        duration: seconds decoded so far.
        warnings: what is wrong with the file; complete once the iteration has ended.

    Raises:
        FileNotFound, InvalidPath, NotAFile, PermissionDenied, EmptyFile, ReadFailed: on opening.
        UnsupportedFormat, NoAudio, NoSuchStream, Protected, DecodeFailed: on opening.
        ReadFailed, NoAudio, DecodeFailed: while iterating.
    """

    def __init__(
        self,
        file: str | os.PathLike[str] | SourceFile,
        sample_rate: int,
        stages: Stages | None = None,
        stream: int | None = None,
    ) -> None:
        self.sample_rate = sample_rate
        self.mix = Mixdown()
        self.duration = 0.0
        self.warnings: tuple[AnalysisWarning, ...] = ()
        self._stages = stages if stages is not None else Stages()
        self._wanted = stream
        self._samples = 0
        self._bad_samples = 0
        with self._stages.measure("decode"):
            self._source = file if isinstance(file, SourceFile) else SourceFile(file)
            try:
                self._probed = probe(self._source)
                self._range = self._source.start, self._source.end
                self._untried = list(self._probed.decoders)
                self._decoder = self._open()
                self._source.check()
            except BaseException:
                self._source.close()
                raise

    @property
    def decoder(self) -> str:
        """The library that decodes, ``"soundfile"`` or ``"pyav"``."""
        return self._decoder.name

    @property
    def expected_seconds(self) -> float:
        """The length that the file states, as far as its bytes can hold it; 0 if it states none."""
        start, end = self._range
        return max(min(self._decoder.expected_seconds, (end - start) / _LEAST_BYTES), 0.0)

    @property
    def format(self) -> str:
        """Container and codec, in the decoder's words."""
        return self._decoder.format

    @property
    def stream(self) -> StreamNumbers | None:
        """Which of several audio streams is decoded, or which are added; None: the only one."""
        return self._decoder.stream

    @property
    def other_streams(self) -> tuple[int, ...]:
        """Numbers of those to try, in this order, if that one holds no music."""
        return self._decoder.other_streams

    def __iter__(self) -> Iterator[Mono]:
        """Blocks (samples,) of float32, of any size above zero."""
        return self._resampled(self._decoded())

    def _resampled(self, blocks: Iterator[Block]) -> Iterator[Mono]:
        for rate, same in groupby(blocks, lambda block: block.sample_rate):
            resampler = Resampler(rate, self.sample_rate)
            pushes: Iterator[Callable[[], Mono]]
            pushes = (partial(resampler.push, block.samples) for block in same)
            for step in chain(pushes, [resampler.finish]):
                with self._stages.measure("resample"):
                    samples = step()
                if len(samples):
                    yield samples

    def rewind(self, row: int) -> None:
        """Go back to the start, for row ``row`` of the mixes of ``Mixdown``.

        Raises:
            DecodeFailed, ReadFailed, UnsupportedFormat: the file has changed.
        """
        self._decoder.close()
        self.mix = Mixdown(row)
        self.duration, self._samples, self._bad_samples = 0.0, 0, 0
        with self._stages.measure("decode"):
            self._untried = list(self._probed.decoders)
            self._decoder = self._open()

    def close(self) -> None:
        """Close the decoder and the file."""
        self._decoder.close()
        self._source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self) -> Decoder:
        """The next decoder that does not refuse the bytes."""
        known, reasons = self._probed.format, []
        while self._untried:
            try:
                self._source.narrow(*self._range)  # a chain goes from link to link
                kind = _DECODERS[self._untried.pop(0)]
                decoder = kind(self._source, known, self.mix, self._wanted)
            except Refused as refusal:
                reasons.append(str(refusal))
                continue
            if isinstance(decoder, BitstreamDecoder):  # FLAC counts the samples that carry it
                self._probed = replace(self._probed, announced_samples=None)
            return decoder
        self._source.check()
        file = f"the {known.name} file" if known.name else "the file"
        if self._probed.ends_in_tag:
            message = "the file breaks off within the tag at its start, before any sound"
            raise DecodeFailed(message, [AnalysisWarning("truncated", message)])
        if self._probed.breaks_off or self._source.shrank:
            message = f"{file} breaks off before it can be decoded"
            raise DecodeFailed(message, [AnalysisWarning("truncated", message)])
        if known is FREE_FORMAT_MP3:
            raise UnsupportedFormat(f"free-format MP3 that libsndfile refuses: {reasons[0]}")
        if known.name:
            words = reasons[0].rstrip(".")
            message = f"{file} cannot be decoded: its header is incomplete or damaged"
            raise DecodeFailed(f'{message} (the decoder says "{words}")')
        if self._source.start:
            raise DecodeFailed("no sound that is known follows the tag at the file's start")
        raise UnsupportedFormat("the bytes are no audio format that is known")

    def _decoded(self) -> Iterator[Block]:
        """All blocks; where a decoder finds no sound or gives up, the next one takes over."""
        skip, gave_up = 0, False
        while True:
            for block in self._cleaned(iter(self._decoder), skip):
                self._samples += len(block.samples)
                self.duration += len(block.samples) / block.sample_rate
                yield block
            gave_up |= self._decoder.damage.gave_up
            if not (self._untried and (gave_up or not self._samples)):
                break
            try:
                with self._stages.measure("decode"):
                    decoder = self._open()
            except AnalysisError:
                break
            self._decoder.close()
            self._decoder, skip = decoder, self._samples
        self.warnings = self._damage_found()
        if self._samples:
            return
        if self.warnings:
            message = "no part of the sound in the file could be decoded"
            raise DecodeFailed(message, self.warnings)
        raise NoAudio("the file has no sound in it: its length is zero")

    def _cleaned(self, blocks: Iterator[Block], skip: int = 0) -> Iterator[Block]:
        """The decoder's ``blocks`` without the first ``skip`` samples and without nonsense."""
        while True:
            with self._stages.measure("decode"):
                block = next(blocks, None)
                self._source.check()
                if block is None:
                    return
                if block.sample_rate not in RATES and block.sample_rate not in _DSD_RATES:
                    raise DecodeFailed(f"the sample rate of {block.sample_rate} Hz is no real one")
                samples = block.samples[skip:]
                if self._decoder.full_scale != 1:
                    with np.errstate(invalid="ignore"):  # signalling NaN
                        samples = samples / np.float32(self._decoder.full_scale)
                skip = max(skip - len(block.samples), 0)
                self._bad_samples += silence_nonsense(samples)
            if len(samples):
                yield Block(samples, block.sample_rate)

    def _damage_found(self) -> tuple[AnalysisWarning, ...]:
        """Compare what was decoded with what the file announces, once all is decoded."""
        probed, damage, found = self._probed, self._decoder.damage, []
        truncated = self._missing_end()
        if truncated is not None:
            found.append(AnalysisWarning("truncated", truncated))
        bad_parts = damage.bad_packets + damage.gave_up or probed.damaged_pages
        announced = self._decoder.announced_seconds or 0
        tolerated = max(_ROUNDED_SECONDS, probed.format.tolerance * announced, _unheard(announced))
        if announced - self.duration > tolerated and truncated is None:
            bad_parts = max(bad_parts, 1)
        if bad_parts:
            text = f"{bad_parts} damaged part(s) of the file were skipped"
            found.append(AnalysisWarning("bad_packets", text))
        if self._bad_samples:
            found.append(silenced(self._bad_samples))
        if probed.has_more:
            text = "the file has a second chunk of sound, which was left out, as players do"
            found.append(AnalysisWarning("more_sound", text))
        return tuple(found)

    def _missing_end(self) -> str | None:
        """What to say of an end that a listener would miss, and of how much where that is known.

        A count in the header of an MP3 whose last frame is whole is left over from a longer file.
        """
        probed, damage, announced = self._probed, self._decoder.damage, None
        breaks_off = probed.breaks_off or damage.breaks_off or self._source.shrank
        if probed.announced_samples and not probed.ends_clean:
            breaks_off |= probed.format is MP3 or not damage.bad_packets
            if self._samples:
                announced = self.duration * probed.announced_samples / self._samples
        elif not probed.format.paged:
            announced = self._announced_by_headers()
        elif probed.lost_samples is not None and self._samples:
            announced = self.duration * (1 + probed.lost_samples / self._samples)
        if not breaks_off:
            return None
        if announced is None:
            return "the file breaks off before its end"
        if announced - self.duration <= _unheard(announced) and not self._source.shrank:
            return None
        whole = f"{announced:.1f}" if announced < 10 else f"{announced:.0f}"
        return f"the file breaks off before its end: {self.duration:.1f} s decoded of {whole} s"

    def _announced_by_headers(self) -> float | None:
        """Seconds of the whole sound; last, if the missing bytes are as long as the others."""
        probed = self._probed
        if probed.missing_bytes and not probed.announced_bytes:  # fragments may follow
            return None
        seconds = probed.announced_seconds or self._decoder.announced_seconds
        if seconds or not (probed.announced_bytes and self._samples):
            return seconds
        present = probed.announced_bytes - probed.missing_bytes
        return self.duration * probed.announced_bytes / present if present > 0 else None


def _unheard(seconds: float) -> float:
    """How much of a track of this length may be missing without a listener's notice."""
    return max(_LAST_FRAME, min(1.0, seconds / 100))


def silence_nonsense(samples: Mono) -> int:
    """Set NaN and absurdly large samples to zero in place; returns how many there were."""
    with np.errstate(over="ignore", invalid="ignore"):
        if np.dot(samples, samples) <= _LOUDEST**2:  # false for NaN and anything louder
            return 0
    bad = ~(np.abs(samples) <= _LOUDEST)
    samples[bad] = 0
    return int(np.count_nonzero(bad))


def silenced(count: int) -> AnalysisWarning:
    """The warning that ``silence_nonsense`` has found ``count`` samples."""
    return AnalysisWarning("bad_samples", f"{count} sample(s) that are no sound were silenced")
