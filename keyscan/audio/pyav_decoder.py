"""FFmpeg: MP3, AAC, MP4, WMA, WebM and everything else that libsndfile does not know."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any, NoReturn

import av
import av.error
import av.logging
import numpy as np
from av.container import InputContainer
from av.stream import Discard
from numpy.typing import NDArray

from keyscan.audio.decoder import Block, Damage, Refused, without_first
from keyscan.audio.ffmpeg_memory import limit_blocks
from keyscan.audio.mixdown import Mono, mean_of_planar
from keyscan.audio.mpeg import is_cut
from keyscan.audio.pyav_start import Start, start_at
from keyscan.audio.source import SourceFile
from keyscan.errors import DecodeFailed, NoAudio, UnsupportedFormat

_DTYPES = {"u8": "u1", "s16": "i2", "s32": "i4", "s64": "i8", "flt": "f4", "dbl": "f8"}
_BLOCK_SAMPLES = 1 << 17  # of all channels together
_READ_SIZE = 1 << 18
_ERRORS_IN_A_ROW = 50  # a demuxer that only fails has nothing more to give

# Formats that name other files or addresses, devices, subtitles, text, scripts that make hours of
# tones out of a line, and raw video, which is without sound and seen by FFmpeg in random bytes.
_DENIED_WORDS = ("_pipe", "image2", "jpeg", "webp", "gif", "png")
_DENIED = frozenset(
    (
        *("concat", "concatf", "hls", "applehttp", "dash", "smoothstreaming", "imf"),
        *("rtp", "rtsp", "sdp", "sap", "rtp_mpegts", "ffmetadata"),
        *("lavfi", "alsa", "oss", "pulse", "sndio", "jack", "fbdev", "x11grab", "xcbgrab"),
        *("kmsgrab", "v4l2", "video4linux2,v4l2", "dshow", "gdigrab", "vfwcap", "avfoundation"),
        *("ass", "srt", "webvtt", "lrc", "microdvd", "mpl2", "mpsub", "jacosub", "sami", "stl"),
        *("subviewer", "subviewer1", "vplayer", "pjs", "realtext", "tedcaptions", "aqtitle"),
        *("scc", "mcc", "sup", "vobsub", "dvbsub", "dvbtxt", "ttml"),
        *("tty", "ico", "cdg", "bin", "adf", "idf", "xbin", "tiertexseq"),
        *("data", "rawvideo", "yuv4mpegpipe", "sbg"),
        *("h261", "h263", "h264", "hevc", "vvc", "evc", "av1", "obu", "vc1", "vc1test", "m4v"),
        *("mpegvideo", "cavsvideo", "avs2", "avs3", "dirac", "dnxhd", "mjpeg", "apv", "ivf"),
    )
)

# Raw frames that FFmpeg also sees in random bytes: sniff must have found a chain of them.
_WEAK = frozenset(("mp3", "aac"))
# Demuxers that look for the next good frame behind damage, and do not say so.
_RESYNCING = frozenset(("flac", "ogg", "matroska,webm", "asf"))
# Demuxers whose length comes from the file's own words, and not from an estimate.
_ANNOUNCING = _RESYNCING | {"avi"}
_SKIPPING = 0.12  # measured for MP3 at 320 kbit/s
_SMALLEST_GAP = 0.02  # seconds: more than time stamps in milliseconds are rounded by

av.logging.set_level(None)
limit_blocks()


def _allowed_formats() -> str:
    names = (
        name
        for name in av.formats_available
        if name not in _DENIED and not any(word in name for word in _DENIED_WORDS)
    )
    return ",".join(sorted(names))


_CONTAINER_OPTIONS = {"protocol_whitelist": "none", "format_whitelist": _allowed_formats()}


def _refuse_to_open(*_: object) -> NoReturn:
    """A media file must never make FFmpeg open another file, or an address."""
    raise PermissionError("media files may not open other files")


class PyavDecoder:
    """Decodes the best audio stream from ``source.start`` on; pictures and videos are ignored.

    Raises:
        Refused: FFmpeg does not know these bytes.
        NoAudio: a known container without an audio stream.
        DecodeFailed: what the header says of the audio stream cannot be.
        UnsupportedFormat: an audio stream in a codec that FFmpeg does not know.
    """

    name = "pyav"
    finds_gaps = True

    def __init__(self, source: SourceFile, kind: str) -> None:
        source.seek(0)
        try:
            self._container: InputContainer = av.open(
                source,
                mode="r",
                container_options=_CONTAINER_OPTIONS,
                metadata_errors="replace",
                buffer_size=_READ_SIZE,
                io_open=_refuse_to_open,
            )
        except (av.error.FFmpegError, ValueError, OSError) as error:
            raise Refused(getattr(error, "strerror", None) or str(error)) from error
        self._container_format = self._container.format.name
        try:
            self._stream = self._audio_stream(kind)
        except BaseException:
            self._container.close()
            raise
        self.format = f"{self._container_format} {self._stream.codec_context.name}"
        self.damage = Damage()
        self.announced_seconds = self._announced_seconds()
        self.expected_seconds = self._expected_seconds()
        self._has_index = "mp4" in self._container_format
        self.skipping = 0.0 if self._has_index else _SKIPPING
        self._packets: Iterator[Any] = self._all_packets()
        self._start = Start([], 0)

    def _audio_stream(self, kind: str) -> av.AudioStream:
        if self._container_format in _WEAK and not kind:
            raise Refused("bytes that only resemble audio frames")
        stream = self._container.streams.best("audio")
        if stream is None and self._container.streams.audio:
            raise DecodeFailed("the sound has no sample rate or no channels that can be")
        if stream is None:
            raise NoAudio("the file has no audio stream")
        if stream.codec_context is None:
            raise UnsupportedFormat("the audio is in a codec that is not supported")
        for other in self._container.streams:
            if other is not stream:
                other.discard = Discard.all
        # One thread: the workers are as many as the cores already.
        stream.codec_context.thread_count = 1
        assert isinstance(stream, av.AudioStream)
        return stream

    def _announced_seconds(self) -> float | None:
        stream, container = self._stream, self._container
        if self._container_format not in _ANNOUNCING or (stream.start_time or 0) > 0:
            return None
        if stream.duration and stream.time_base:
            return float(stream.duration * stream.time_base)
        if container.duration and len(container.streams) == 1:  # else it may be a video's
            return container.duration / av.time_base
        return None

    def _expected_seconds(self) -> float | None:
        stream, container = self._stream, self._container
        if stream.duration and stream.time_base:
            return float(stream.duration * stream.time_base)
        return container.duration / av.time_base if container.duration else None

    def start_at(self, second: int, should_stop: Callable[[], bool]) -> int:
        """As ``Decoder.start_at``; what a decoder makes up by chance (AAC's noise) differs."""
        index = self._container if self._has_index else None
        self._start = start_at(self._stream, self._packets, second, index, should_stop)
        return second * self._stream.rate

    def __iter__(self) -> Iterator[Block]:
        return without_first(self._blocks(), self._start.surplus)

    def _blocks(self) -> Iterator[Block]:
        fifo, channels, samples_at_once = av.AudioFifo(), 0, 0
        looks_for_gaps = self.finds_gaps and self._container_format in _RESYNCING
        gaps = _Gaps(self._stream.time_base) if looks_for_gaps else None
        for frame in self._frames():
            if gaps is not None and gaps.before(frame):
                self.damage.bad_packets += 1
            if frame.layout.nb_channels != channels:  # AudioFifo would read beyond the planes
                yield from _drain(fifo)
                fifo, channels = av.AudioFifo(), frame.layout.nb_channels
                samples_at_once = _BLOCK_SAMPLES // channels
            if frame.samples >= samples_at_once:  # need not be copied to be a large block
                yield from _drain(fifo)
                yield Block(_mono(frame), frame.sample_rate)
                continue
            frame.pts = None  # gaps in time stamps are not ours to fill
            try:
                fifo.write(frame)
            except ValueError:  # another sample format or rate
                yield from _drain(fifo)
                fifo = av.AudioFifo()
                fifo.write(frame)
            if fifo.samples >= samples_at_once:
                yield from _drain(fifo)
        yield from _drain(fifo)

    def _frames(self) -> Iterator[av.AudioFrame]:
        """Every frame that can be decoded; counts the packets that cannot."""
        damage, bad, last = self.damage, False, None
        decode = self._stream.codec_context.decode
        yield from self._start.frames
        for packet in self._packets:
            if bad:
                damage.bad_packets += 1
            bad, last = False, packet
            try:
                frames = decode(packet)
            except av.error.FFmpegError:
                bad = True
                continue
            for frame in frames:
                bad |= frame.is_corrupt
                yield frame
        # A damaged last packet is the usual end of a broken download.
        if last is None:
            damage.breaks_off |= bool(self._stream.duration)
        else:
            damage.breaks_off |= bad or (self._container_format == "mp3" and is_cut(bytes(last)))
        with contextlib.suppress(av.error.FFmpegError):
            yield from decode(None)

    def _all_packets(self) -> Iterator[Any]:
        failures = 0
        while failures < _ERRORS_IN_A_ROW:
            try:
                for packet in self._container.demux(self._stream):
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
        self.damage.breaks_off |= failures > 0

    def close(self) -> None:
        """Let go of FFmpeg's side of the file."""
        self._container.close()


class _Gaps:
    """Finds the parts that a demuxer skipped without a word, by the frames' time stamps."""

    def __init__(self, time_base: Fraction | None) -> None:
        self._seconds_per_tick = float(time_base or 0)
        self._expected: float | None = None

    def before(self, frame: av.AudioFrame) -> bool:
        """Whether something is missing between the frame asked about before and this one."""
        if frame.pts is None or not frame.sample_rate:
            return False
        start, length = frame.pts * self._seconds_per_tick, frame.samples / frame.sample_rate
        missing = 0.0 if self._expected is None else start - self._expected
        self._expected = start + length
        return missing > max(_SMALLEST_GAP, length / 2)


def _drain(fifo: av.AudioFifo) -> Iterator[Block]:
    frame = fifo.read(0, partial=True)
    if frame is not None:
        yield Block(_mono(frame), frame.sample_rate)


def _mono(frame: av.AudioFrame) -> Mono:
    dtype, channels = _DTYPES[frame.format.name.removesuffix("p")], frame.layout.nb_channels
    if frame.format.is_planar:
        planes = frame.planes[:channels]  # of 8 channels PyAV sees more planes than there are
        return mean_of_planar([_buffer(plane, dtype, frame.samples) for plane in planes])
    packed = _buffer(frame.planes[0], dtype, frame.samples * channels)
    return mean_of_planar(list(packed.reshape(-1, channels).T))


def _buffer(plane: Any, dtype: str, count: int) -> NDArray[Any]:
    """The samples of a plane, without its padding and without a copy."""
    return np.frombuffer(plane, dtype, count)
