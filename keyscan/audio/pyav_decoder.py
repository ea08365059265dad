"""FFmpeg: FLAC, MP3, AAC, MP4, WMA, WebM and everything else that libsndfile does not know."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from itertools import chain
from typing import Any

import av
import av.error
import av.subtitles.stream  # PyAV would load it later, perhaps with no memory left
import numpy as np
from av.stream import Discard, Disposition
from numpy.typing import NDArray

from keyscan.audio.decoder import Block, Damage, Refused, StreamNumbers
from keyscan.audio.ffmpeg import Readable, open_container
from keyscan.audio.formats import (
    ADTS,
    ASF,
    AVI,
    BY_DEMUXER,
    MP3,
    MP4,
    ROWS_OF_FRAMES,
    UNKNOWN,
    Format,
)
from keyscan.audio.mixdown import Mixdown
from keyscan.audio.protection import protected_tracks
from keyscan.audio.scale import PEEK_FRAMES, PEEKS, full_scale
from keyscan.audio.source import SourceFile
from keyscan.audio.stems import StemSum
from keyscan.audio.tags import behind_tags
from keyscan.audio.tracks import choose

_DTYPES = {"u8": "u1", "s16": "i2", "s32": "i4", "s64": "i8", "flt": "f4", "dbl": "f8"}
_BLOCK_SAMPLES = 1 << 17  # of all channels together
_NOT_READABLE = (av.error.FFmpegError, ValueError, OSError)  # what opening a file raises
_HIGHEST_ADX_RATE = 1 << 20  # Hz
_ERRORS_IN_A_ROW = 50  # a demuxer that only fails has nothing more to give

_PRIMING = 0.1  # seconds: what an encoder puts before the sound
_RUN_UP = (
    0.5  # seconds that are decoded before a part: MP3 refers to frames before, Opus needs 80 ms
)
_SMALLEST_GAP = 0.02  # seconds: more than the rounding of time stamps in milliseconds


class PyavDecoder:
    """Decodes the audio streams that ``tracks.choose`` takes, from ``source.start`` on.

    Raises:
        Refused: FFmpeg does not know these bytes.
        NoAudio, NoSuchStream, Protected, DecodeFailed, UnsupportedFormat: as ``tracks.choose``.
    """

    name = "pyav"

    def __init__(
        self,
        source: SourceFile | Readable,
        known: Format,
        mix: Mixdown,
        wanted: int | None = None,
        *,
        demuxer: str | None = None,
    ) -> None:
        """``wanted`` is the number of an audio stream; None: any.

        ``demuxer`` is FFmpeg's name of the container; None: FFmpeg finds out.
        """
        self._mix = mix
        self._file = source if isinstance(source, SourceFile) else None
        protected: frozenset[int] = frozenset()
        if self._file is not None and known is MP4:
            protected = protected_tracks(self._file)
        if self._file is not None and _overflows(self._file):
            raise Refused("the sample rate is impossible")
        if demuxer is None and known in (MP3, ADTS):  # by bytes FFmpeg errs
            demuxer = known.demuxer
        try:
            self._container = open_container(source, demuxer)
        except _NOT_READABLE as error:
            raise Refused(getattr(error, "strerror", None) or str(error)) from error
        demuxer = self._container.format.name
        self._demuxed = BY_DEMUXER.get(demuxer, UNKNOWN)
        try:
            self._streams = self._audio_streams(known, wanted, protected)
        except BaseException:
            self._container.close()
            raise
        self._stream = self._streams[0]
        self.format = f"{demuxer} {self._stream.codec_context.name}"
        self.damage = Damage()
        self._finds_gaps = self._demuxed.resyncs
        self._ends_anywhere = demuxer in ROWS_OF_FRAMES
        self.announced_seconds = self._announced_seconds()
        self.expected_seconds = (self._container.duration or 0) / av.time_base
        self._packets: Iterator[Any] = self._all_packets()
        self._begin: float | None = None  # the time stamp of the first sample
        self.full_scale = 1.0
        if isinstance(source, SourceFile) and _stores_floats(self._stream):
            self.full_scale = full_scale(_peek(source, self._stream.index))

    def _audio_streams(
        self, known: Format, wanted: int | None, protected: frozenset[int]
    ) -> list[av.AudioStream]:
        file = self._file
        # FFmpeg finds MPEG frames in random bytes; the probe has found no chain of them
        if known is UNKNOWN and self._demuxed in (MP3, ADTS):
            raise Refused("bytes that only resemble audio frames")
        is_mpeg = self._container.format.name == "mpeg"
        if is_mpeg and file is not None and file.read_at(file.start, 3) != b"\0\0\1":
            raise Refused("bytes that only resemble an MPEG program stream")
        audio = self._container.streams.audio
        choice = choose(audio, wanted, protected)
        numbers, self.other_streams = choice.chosen, choice.others
        self.stream: StreamNumbers | None = None
        if len(audio) > 1:
            self.stream = numbers if len(numbers) > 1 else numbers[0]
        chosen = [audio[number] for number in numbers]
        for stream in self._container.streams:
            if stream not in chosen:
                stream.discard = Discard.all
        for stream in chosen:  # one thread: there is one worker a core
            stream.codec_context.thread_count = 1
        return chosen

    def _announced_seconds(self) -> float | None:
        stream, container = self._stream, self._container
        start = float((stream.start_time or 0) * (stream.time_base or 0))
        if not self._demuxed.states_length or start > _PRIMING:
            return None
        if self._demuxed is AVI:  # FFmpeg states what is there
            return float(stream.frames * (stream.time_base or 0)) or None
        # else the file's length may be that of a video
        is_alone = all(each is stream or _is_attached(each) for each in container.streams)
        if stream.duration and stream.time_base and (is_alone or self._demuxed is not ASF):
            return float(stream.duration * stream.time_base)
        if container.duration and is_alone:
            return container.duration / av.time_base
        return None

    def __iter__(self) -> Iterator[Block]:
        return self._sum() if len(self._streams) > 1 else self._blocks(self._all_frames())

    def part(self, start: float, end: float) -> Iterator[Block]:
        """See ``Decoder.part``; of one stream only."""
        if self._begin is None:
            self._begin = next((_seconds(frame) for frame in self._frames()), math.nan)
        before = self._begin + start - _RUN_UP
        # what primes a decoder may lie before time 0, where some demuxers refuse to go
        if math.isnan(before) or not (self._seek(before) or self._seek(0)):
            return
        frames = self._all_frames()
        head = next(frames, None)
        if head is None or math.isnan(at := _seconds(head) - self._begin):
            return
        rate = head.sample_rate
        skip, left = (round(seconds * rate) - round(at * rate) for seconds in (start, end))
        if skip < 0:  # there is no way to the samples before this frame
            return
        for block in self._blocks(_first_of(chain([head], frames), left)):
            yield Block(block.samples[skip : max(left, 0)], block.sample_rate)
            skip = max(skip - len(block.samples), 0)
            left -= len(block.samples)

    def _seek(self, seconds: float) -> bool:
        """Go on with a packet at or before that time stamp; False: FFmpeg knows none."""
        tick = float(self._stream.time_base or 1)
        try:
            self._container.seek(round(seconds / tick), stream=self._stream)
        except (av.error.FFmpegError, OSError, OverflowError):
            return False
        self._packets = self._all_packets()
        return True

    def _sum(self) -> Iterator[Block]:
        stems = StemSum(len(self._streams))
        for number, frame in self._decoded():
            stems.push(number, self._block(frame))
            yield from stems.complete()
        yield from stems.rest()

    def _blocks(self, frames: Iterator[av.AudioFrame]) -> Iterator[Block]:
        fifo, channels, samples_at_once = av.AudioFifo(), 0, 0
        for frame in frames:
            if frame.layout.nb_channels != channels:  # AudioFifo would read beyond the planes
                yield from self._drain(fifo)
                fifo, channels = av.AudioFifo(), frame.layout.nb_channels
                samples_at_once = _BLOCK_SAMPLES // channels
            if frame.samples >= samples_at_once:  # need not be copied to be a large block
                yield from self._drain(fifo)
                yield self._block(frame)
                continue
            frame.pts = None  # gaps in time stamps are not ours to fill
            try:
                fifo.write(frame)
            except ValueError:  # another sample format or rate
                yield from self._drain(fifo)
                fifo = av.AudioFifo()
                fifo.write(frame)
            if fifo.samples >= samples_at_once:
                yield from self._drain(fifo)
        yield from self._drain(fifo)

    def _drain(self, fifo: av.AudioFifo) -> Iterator[Block]:
        frame = fifo.read(0, partial=True)
        if frame is not None:
            yield self._block(frame)

    def _block(self, frame: av.AudioFrame) -> Block:
        dtype, count = _DTYPES[frame.format.name.removesuffix("p")], frame.layout.nb_channels
        planes: list[Any] = list(frame.planes)  # of 8 channels PyAV sees more than there are
        if frame.format.is_planar:
            channels = [np.frombuffer(plane, dtype, frame.samples) for plane in planes[:count]]
            mix = self._mix.planar(channels, frame.sample_rate)
        else:
            packed = np.frombuffer(planes[0], dtype, frame.samples * count)
            mix = self._mix.interleaved(packed.reshape(-1, count), frame.sample_rate)
        return Block(mix, frame.sample_rate)

    def _all_frames(self) -> Iterator[av.AudioFrame]:
        return self._watched() if self._finds_gaps else self._frames()

    def _watched(self) -> Iterator[av.AudioFrame]:
        """The frames; counts by time stamps the parts that were skipped without an error."""
        expected, tick = None, float(self._stream.time_base or 0)
        for frame in self._frames():
            if frame.pts is not None and frame.sample_rate:
                start, length = frame.pts * tick, frame.samples / frame.sample_rate
                if expected is not None and start - expected > max(_SMALLEST_GAP, length / 2):
                    self.damage.bad_packets += 1
                expected = start + length
            yield frame

    def _frames(self) -> Iterator[av.AudioFrame]:
        return (frame for _, frame in self._decoded())

    def _decoded(self) -> Iterator[tuple[int, av.AudioFrame]]:
        """Every frame that can be decoded, and the place of its stream among the chosen ones.

        Counts the packets that cannot be decoded.
        """
        damage, bad, last, begun = self.damage, False, None, not self._ends_anywhere
        tag_end, in_tag = 0, False
        places = {stream.index: place for place, stream in enumerate(self._streams)}
        decoders = [stream.codec_context.decode for stream in self._streams]
        for packet in self._packets:
            place = places[packet.stream_index]
            if bad:
                damage.bad_packets += 1
            bad, last = False, packet
            try:
                frames = decoders[place](packet)
            except av.error.FFmpegError:
                if self._file is not None:
                    at = self._file.start + (packet.pos or 0)
                    tag_end = max(tag_end, behind_tags(self._file, at))
                    in_tag |= at < tag_end  # between two files that were joined
                bad = not in_tag
                continue
            in_tag = False
            for frame in frames:
                if not begun:  # FFmpeg looked for frames in what lies before the sound
                    damage.bad_packets, begun = 0, True
                bad |= frame.is_corrupt
                yield place, frame
        # A damaged last packet is the usual end of a broken download.
        if last is None:
            damage.breaks_off |= bool(self._stream.duration)
        else:
            damage.breaks_off |= bad and not self._ends_anywhere
        for place, decode in enumerate(decoders):
            with contextlib.suppress(av.error.FFmpegError):
                for frame in decode(None):
                    yield place, frame

    def _all_packets(self) -> Iterator[Any]:
        failures = 0
        while failures < _ERRORS_IN_A_ROW:
            try:
                for packet in self._container.demux(*self._streams):
                    if not packet.size:  # ends the demuxing; the decoder is flushed at the end
                        continue
                    if failures:
                        self.damage.bad_packets += 1
                        failures = 0
                    yield packet
            except (av.error.FFmpegError, OSError):
                failures += 1
            except IndexError:  # PyAV, at the end, over streams that appeared on the way
                break
            else:
                break
        self.damage.breaks_off |= failures > 0 and not self._ends_anywhere

    def close(self) -> None:
        """Close FFmpeg's container; the source stays open."""
        self._container.close()


def _seconds(frame: av.AudioFrame) -> float:
    """The time stamp of a frame; NaN if it has none."""
    return math.nan if frame.pts is None else float(frame.pts * (frame.time_base or 0))


def _first_of(frames: Iterator[av.AudioFrame], count: int) -> Iterator[av.AudioFrame]:
    """Frames with the first ``count`` samples."""
    for frame in frames:
        yield frame
        count -= frame.samples
        if count <= 0:
            return


def _is_attached(stream: Any) -> bool:
    """Whether the stream is a cover picture or an attached file."""
    return stream.type == "attachment" or bool(stream.disposition & Disposition.attached_pic)


def _overflows(source: SourceFile) -> bool:
    """Whether an ADX has a sample rate at which FFmpeg 8 divides by zero: its product wraps."""
    head = source.read_at(source.start, 12)
    return head[:2] == b"\x80\0" and int.from_bytes(head[8:12], "big") > _HIGHEST_ADX_RATE


def _stores_floats(stream: av.AudioStream) -> bool:
    """Whether the samples are floats as a program wrote them, on any scale."""
    context = stream.codec_context
    sample_format = context.format.name if context.format else ""
    return sample_format.startswith(("flt", "dbl")) and context.codec.lossless


def _peek(source: SourceFile, stream: int) -> list[NDArray[Any]]:
    """Samples from all over the file, through a container of their own."""
    position, parts = source.tell(), []
    with contextlib.suppress(*_NOT_READABLE, IndexError), open_container(source, None) as container:
        for place in range(PEEKS):
            with contextlib.suppress(av.error.FFmpegError, StopIteration):
                container.seek((container.duration or 0) * place // PEEKS)
                frame: Any = next(container.decode(container.streams[stream]))
                parts.append(frame.to_ndarray()[:, :PEEK_FRAMES].copy())
    source.seek(position)
    return parts
