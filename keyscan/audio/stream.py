"""A file becomes mono float32 blocks at one sample rate, in flat memory."""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Callable, Iterator
from types import TracebackType

import numpy as np

from keyscan.audio.decoder import Block, Decoder, Refused, joined, without_first
from keyscan.audio.decoders import decoders_for
from keyscan.audio.extent import announced_samples, breaks_off, lost_wav_size
from keyscan.audio.mixdown import Mono
from keyscan.audio.ogg import check_pages
from keyscan.audio.prefetch import Ahead
from keyscan.audio.resampling import Resampler
from keyscan.audio.sniff import sniff
from keyscan.audio.source import SourceFile
from keyscan.errors import (
    AnalysisError,
    AnalysisWarning,
    DecodeFailed,
    NoAudio,
    UnsupportedFormat,
)
from keyscan.runtime import Stages

SAMPLE_RATE = 3675  # that of the filter bank
_SAMPLES_AHEAD = 1 << 19  # in a block that a thread decodes ahead: 2 MiB
_BLOCKS_AHEAD = 2
_RATES = range(1_000, 1_000_001)  # Hz: beyond, a header is damaged
_TOLERATED_SECONDS = 0.2  # time stamps in milliseconds, and frames that only prime the decoder
_TOLERATED_SHARE_OF_AVI = 0.01  # its length is a count at a mean rate that writers round
_TOLERATED_SAMPLES = 5 * 1152  # an MP3's count covers encoder delay and padding, which are cut off
_UNKNOWN_SIZE = b"\xff\xff\xff\xff"  # of a WAV: FFmpeg takes all there is
_LOUDEST = 1e5  # above any scale that people use, 16-bit integers written as floats included


class AudioStream:
    """One file as mono float32 blocks; a context manager, iterated once.

    ``file`` is a path, or what was opened there: at its start, and closed in the end.
    ``sample_rate`` is the rate in Hz that blocks come at. ``stages`` collects the seconds spent
    in ``"decode"`` (opening and mix-down included) and ``"resample"``. ``start`` leaves out so
    many seconds, during which ``should_stop`` is asked; the file as a whole is then not examined.
    ``ahead``, which may be changed before iterating: decode in a thread of its own, done sooner
    where a core is free, for more computing. ``decoder`` is the library that decodes
    (``"soundfile"`` or ``"pyav"``) and ``format`` what it found. ``duration`` (seconds from the
    file's start to what was decoded last) and ``warnings`` are complete once the iteration has
    ended. Overwritten bytes that break no checksum, no frame and no length (samples of a WAV, say)
    are not noticed, nor is a gap in an AVI below 1 % of its length.

    Raises:
        FileNotFound, InvalidPath, NotAFile, PermissionDenied, EmptyFile, ReadFailed: on opening.
        UnsupportedFormat, NoAudio, DecodeFailed: on opening.
        ReadFailed, NoAudio, DecodeFailed: while iterating.
    """

    def __init__(
        self,
        file: str | os.PathLike[str] | SourceFile,
        sample_rate: int = SAMPLE_RATE,
        stages: Stages | None = None,
        *,
        start: int = 0,
        should_stop: Callable[[], bool] = lambda: False,
        ahead: bool = False,
    ) -> None:
        self.sample_rate = sample_rate
        self.duration = 0.0
        self.ahead = ahead
        self.warnings: tuple[AnalysisWarning, ...] = ()
        self._stages = stages if stages is not None else Stages()
        self._samples = 0
        self._bad_samples = 0
        self._lost_pages = 0
        self._gave_up = False
        self._maker: Ahead[Block] | None = None
        with self._stages.measure("decode"):
            self._source = file if isinstance(file, SourceFile) else SourceFile(file)
            try:
                sniffed = sniff(self._source)
                self._source.start, self._source.end = sniffed.start, sniffed.end
                self._kind = sniffed.kind
                if self._kind == "wav":
                    self._mend_size()
                self._breaks_off = breaks_off(self._source, self._kind)
                if self._kind.startswith("ogg") and not start:
                    pages = check_pages(self._source)
                    self._breaks_off = not pages.complete
                    self._lost_pages = pages.damaged_parts
                self._announced_samples = announced_samples(self._source, self._kind)
                pages_are_whole = not (self._breaks_off or self._lost_pages)
                self._untried = decoders_for(self._kind, pages_are_whole=pages_are_whole)
                self._decoder = self._open()
                if start:
                    self._start_at(start, should_stop)
                self._source.check()
            except BaseException:
                self._source.close()
                raise

    @property
    def decoder(self) -> str:
        """``"soundfile"`` or ``"pyav"``."""
        return self._decoder.name

    @property
    def format(self) -> str:
        """Container and codec, in the decoder's words."""
        return self._decoder.format

    @property
    def expected_duration(self) -> float | None:
        """Seconds, by what the file says or its first packets let expect: a guess."""
        return self._decoder.expected_seconds

    @property
    def skipping(self) -> float:
        """The time that leaving a second out takes of what decoding it would."""
        return self._decoder.skipping

    @property
    def is_intact(self) -> bool:
        """Whether nothing wrong was found so far."""
        damage = self._decoder.damage
        cut = self._breaks_off or self._source.shrank or damage.breaks_off
        bad = damage.bad_packets or self._gave_up or self._lost_pages or self._bad_samples
        return not (cut or bad or self.warnings)

    def status(self) -> os.stat_result:
        """Of the opened file, whatever its path now leads to."""
        return self._source.status()

    def __iter__(self) -> Iterator[Mono]:
        """Blocks (samples,) of float32, any size above zero."""
        resampler, rate = None, 0
        for block in self._decoded_ahead() if self.ahead else self._decoded():
            if resampler is None or block.sample_rate != rate:
                yield from self._rest_of(resampler)
                rate = block.sample_rate
                resampler = Resampler(rate, self.sample_rate)
            with self._stages.measure("resample"):
                samples = resampler.push(block.samples)
            if len(samples):
                yield samples
        yield from self._rest_of(resampler)

    def close(self) -> None:
        """Let go of the file."""
        if self._maker is not None:
            self._maker.close()
        self._decoder.close()
        self._source.close()

    def __enter__(self) -> AudioStream:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _mend_size(self) -> None:
        """Make FFmpeg read a WAV whose size 32 bits cannot hold up to its real end."""
        lost = lost_wav_size(self._source)
        if lost is not None:
            self._source.replace(lost.field, _UNKNOWN_SIZE)
            self._source.end = lost.end
            self._kind = "large wav"  # libsndfile would stop at 4 GiB

    def _open(self) -> Decoder:
        """The first decoder left to try that does not refuse the bytes."""
        reasons = []
        while self._untried:
            try:
                return self._untried.pop(0)(self._source, self._kind)
            except Refused as refusal:
                reasons.append(str(refusal))
        self._source.check()
        if self._breaks_off or self._source.shrank:
            kind = f"{self._kind} file" if self._kind else "file"
            raise DecodeFailed(f"the {kind} breaks off before it can be decoded")
        if self._kind:
            raise DecodeFailed(f"the {self._kind} file cannot be decoded: {reasons[0]}")
        if self._source.start:
            raise DecodeFailed("no sound that is known follows the tag at the file's start")
        raise UnsupportedFormat("the bytes are no audio format that is known")

    def _start_at(self, second: int, should_stop: Callable[[], bool]) -> None:
        self._untried.clear()
        try:
            self._samples = self._decoder.start_at(second, should_stop)
        except Refused as refusal:
            raise DecodeFailed(str(refusal)) from refusal
        self.duration = float(second)

    def _decoded_ahead(self) -> Iterator[Block]:
        """What ``_decoded`` gives, joined: threads that take turns often hinder each other."""
        blocks = joined(self._decoded(), _SAMPLES_AHEAD)
        for first in itertools.islice(blocks, 1):
            if len(first.samples) >= _SAMPLES_AHEAD:  # else that was all, in most cases
                with contextlib.suppress(RuntimeError):  # no room for a thread: then without
                    self._maker = Ahead(blocks, _BLOCKS_AHEAD)
            yield first
        yield from self._maker or blocks

    def _decoded(self) -> Iterator[Block]:
        """The blocks of the first decoder; where it finds nothing or gives up, of the other."""
        skip = 0
        while True:
            for block in self._blocks(skip):
                self._samples += len(block.samples)
                self.duration += len(block.samples) / block.sample_rate
                yield block
            self._gave_up |= self._decoder.damage.gave_up
            if not (self._untried and (self._gave_up or not self._samples)):
                break
            try:
                with self._stages.measure("decode"):
                    decoder = self._open()
            except AnalysisError:
                break
            self._decoder.close()
            self._decoder, skip = decoder, self._samples
        self.warnings = self._found_wrong()
        if self._samples:
            return
        if self.warnings:
            raise DecodeFailed("no part of the sound in the file could be decoded")
        raise NoAudio("the file has no sound in it: its length is zero")

    def _blocks(self, skip: int) -> Iterator[Block]:
        """What the decoder finds behind the first ``skip`` samples, cleaned."""
        blocks = without_first(self._decoder, skip)
        while True:
            with self._stages.measure("decode"):
                block = next(blocks, None)
                self._source.check()
                if block is None:
                    return
                if block.sample_rate not in _RATES:
                    raise DecodeFailed(f"the sample rate of {block.sample_rate} Hz is no real one")
                self._silence_nonsense(block.samples)
            yield block

    def _found_wrong(self) -> tuple[AnalysisWarning, ...]:
        """To be asked when everything is decoded: promises are held against what there was."""
        damage, found = self._decoder.damage, []
        lacking_samples = (self._announced_samples or 0) - self._samples
        lacking_seconds = (self._decoder.announced_seconds or 0) - self.duration
        truncated = self._breaks_off or damage.breaks_off or self._source.shrank
        truncated |= lacking_samples > _TOLERATED_SAMPLES and not damage.bad_packets
        if truncated:
            found.append(AnalysisWarning("truncated", "the file breaks off before its end"))
        bad_parts = damage.bad_packets + damage.gave_up or self._lost_pages
        if lacking_seconds > self._tolerated_seconds() and not truncated:
            bad_parts = max(bad_parts, 1)
        if bad_parts:
            text = f"{bad_parts} damaged part(s) of the file were skipped"
            found.append(AnalysisWarning("bad_packets", text))
        if self._bad_samples:
            text = f"{self._bad_samples} sample(s) that are no sound were silenced"
            found.append(AnalysisWarning("bad_samples", text))
        return tuple(found)

    def _tolerated_seconds(self) -> float:
        """How much less sound than announced is still no damage."""
        if self._kind != "avi":
            return _TOLERATED_SECONDS
        announced = self._decoder.announced_seconds or 0
        return max(_TOLERATED_SECONDS, _TOLERATED_SHARE_OF_AVI * announced)

    def _silence_nonsense(self, samples: Mono) -> None:
        """Set what is no number, or absurdly large, to zero in place."""
        with np.errstate(over="ignore", invalid="ignore"):
            if np.dot(samples, samples) <= _LOUDEST**2:  # not so of a NaN, nor of anything louder
                return
        bad = ~(np.abs(samples) <= _LOUDEST)
        samples[bad] = 0
        self._bad_samples += int(np.count_nonzero(bad))

    def _rest_of(self, resampler: Resampler | None) -> Iterator[Mono]:
        if resampler is None:
            return
        with self._stages.measure("resample"):
            samples = resampler.finish()
        if len(samples):
            yield samples
