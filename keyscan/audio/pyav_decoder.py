"""FFmpeg: MP3, AAC, MP4, WMA, WebM and everything else that libsndfile does not know."""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn, Protocol

import av
import av.error
import av.logging
import av.subtitles.stream  # PyAV would load it later, perhaps with no memory left
import numpy as np
from av.container import InputContainer
from av.stream import Discard
from numpy.typing import NDArray

from keyscan.audio.decoder import Block, Damage, Mono, Refused, mean_of_planar
from keyscan.audio.formats import ADTS, BY_DEMUXER, MP3, UNKNOWN, Format
from keyscan.audio.mpeg import is_cut
from keyscan.audio.scale import PEEKS, full_scale
from keyscan.audio.source import SourceFile
from keyscan.errors import DecodeFailed, NoAudio, UnsupportedFormat

_DTYPES = {"u8": "u1", "s16": "i2", "s32": "i4", "s64": "i8", "flt": "f4", "dbl": "f8"}
_BLOCK_SAMPLES = 1 << 17  # of all channels together
_READ_SIZE = 1 << 18
_LARGEST_ALLOCATION = 128 << 20  # bytes: the index of 24 hours of AAC in an MP4 takes 100 MB
_NOT_READABLE = (av.error.FFmpegError, ValueError, OSError)  # what opening a file raises
_ERRORS_IN_A_ROW = 50  # a demuxer that only fails has nothing more to give

# Formats that name other files or addresses, devices, subtitles, text, scripts that make hours of
# tones out of a line, and raw video, which has no sound and which FFmpeg finds in random bytes.
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

_SMALLEST_GAP = 0.02  # seconds: more than the rounding of time stamps in milliseconds


def limit_allocations(size: int = _LARGEST_ALLOCATION) -> bool:
    """Make FFmpeg refuse to allocate more than ``size`` bytes at once, in this process.

    A file of 1 kB can claim as many samples as fill the memory, and a QuickTime index can be packed
    a thousandfold. The function is ``av_max_alloc`` of libavutil/mem.h, which PyAV does not
    expose. Returns False where it is not found.
    """
    libraries = [Path(av.logging.__file__)]  # linked with libavutil
    if os.name == "nt":
        libraries = list(Path(av.__file__).parent.parent.glob("av.libs/avutil-*.dll"))
    for library in libraries:
        function = getattr(ctypes.CDLL(str(library)), "av_max_alloc", None)
        if function is not None:
            function.argtypes, function.restype = [ctypes.c_size_t], None
            function(size)
            return True
    return False


av.logging.set_level(None)
limit_allocations()


_ALLOWED = sorted(
    name
    for name in av.formats_available - _DENIED
    if not any(word in name for word in _DENIED_WORDS)
)
_CONTAINER_OPTIONS = {"protocol_whitelist": "none", "format_whitelist": ",".join(_ALLOWED)}


def _refuse_to_open(*_: object) -> NoReturn:
    """A media file must not make FFmpeg open another file or an address."""
    raise PermissionError("media files may not open other files")


class Readable(Protocol):
    """What FFmpeg reads that is no file."""

    def read(self, count: int, /) -> bytes:
        """Up to ``count`` bytes; none at the end."""


class PyavDecoder:
    """Decodes the best audio stream from ``source.start`` on; pictures and videos are ignored.

    Raises:
        Refused: FFmpeg does not know these bytes.
        NoAudio: a known container without an audio stream.
        DecodeFailed: the header of the audio stream is impossible.
        UnsupportedFormat: an audio stream in a codec that FFmpeg does not know.
    """

    name = "pyav"

    def __init__(
        self, source: SourceFile | Readable, known: Format, *, demuxer: str | None = None
    ) -> None:
        """``demuxer`` is FFmpeg's name of the container; None: FFmpeg finds out."""
        try:
            self._container = _open(source, demuxer)
        except _NOT_READABLE as error:
            raise Refused(getattr(error, "strerror", None) or str(error)) from error
        demuxer = self._container.format.name
        self._demuxed = BY_DEMUXER.get(demuxer, UNKNOWN)
        try:
            self._stream = self._audio_stream(known)
        except BaseException:
            self._container.close()
            raise
        self.format = f"{demuxer} {self._stream.codec_context.name}"
        self.damage = Damage()
        self._finds_gaps = self._demuxed.resyncs
        self.announced_seconds = self._announced_seconds()
        self.expected_seconds = (self._container.duration or 0) / av.time_base
        self._packets: Iterator[Any] = self._all_packets()
        self.full_scale = 1.0
        if isinstance(source, SourceFile) and _stores_floats(self._stream):
            self.full_scale = full_scale(_peek(source, self._stream.index))

    def _audio_stream(self, known: Format) -> av.AudioStream:
        # FFmpeg finds MPEG frames in random bytes; the probe has found no chain of them
        if known is UNKNOWN and self._demuxed in (MP3, ADTS):
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
        # One thread: there is one worker a core.
        stream.codec_context.thread_count = 1
        assert isinstance(stream, av.AudioStream)
        return stream

    def _announced_seconds(self) -> float | None:
        stream, container = self._stream, self._container
        if not self._demuxed.states_length or (stream.start_time or 0) > 0:
            return None
        if stream.duration and stream.time_base:
            return float(stream.duration * stream.time_base)
        if container.duration and len(container.streams) == 1:  # else it may be a video's
            return container.duration / av.time_base
        return None

    def __iter__(self) -> Iterator[Block]:
        fifo, channels, samples_at_once = av.AudioFifo(), 0, 0
        for frame in self._watched() if self._finds_gaps else self._frames():
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
        """Every frame that can be decoded; counts the packets that cannot."""
        damage, bad, last = self.damage, False, None
        decode = self._stream.codec_context.decode
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
            damage.breaks_off |= bad or (self._demuxed is MP3 and is_cut(bytes(last)))
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
        """Close FFmpeg's container; the source stays open."""
        self._container.close()


def _open(source: SourceFile | Readable, demuxer: str | None) -> InputContainer:
    if isinstance(source, SourceFile):
        source.seek(0)
    return av.open(
        source,
        mode="r",
        format=demuxer,
        container_options=_CONTAINER_OPTIONS,
        metadata_errors="replace",
        buffer_size=_READ_SIZE,
        io_open=_refuse_to_open,
    )


def _stores_floats(stream: av.AudioStream) -> bool:
    """Whether the samples are floats as a program wrote them, on any scale."""
    context = stream.codec_context
    sample_format = context.format.name if context.format else ""
    return sample_format.startswith(("flt", "dbl")) and context.codec.lossless


def _peek(source: SourceFile, stream: int) -> list[NDArray[Any]]:
    """Samples from all over the file, through a container of their own."""
    position, parts = source.tell(), []
    with contextlib.suppress(*_NOT_READABLE, IndexError), _open(source, None) as container:
        for place in range(PEEKS):
            with contextlib.suppress(av.error.FFmpegError, StopIteration):
                container.seek((container.duration or 0) * place // PEEKS)
                frame: Any = next(container.decode(container.streams[stream]))
                parts.append(frame.to_ndarray())
    source.seek(position)
    return parts


def _drain(fifo: av.AudioFifo) -> Iterator[Block]:
    frame = fifo.read(0, partial=True)
    if frame is not None:
        yield Block(_mono(frame), frame.sample_rate)


def _mono(frame: av.AudioFrame) -> Mono:
    dtype, channels = _DTYPES[frame.format.name.removesuffix("p")], frame.layout.nb_channels
    planes: list[Any] = list(frame.planes)  # of 8 channels PyAV sees more than there are
    if frame.format.is_planar:
        return mean_of_planar([np.frombuffer(p, dtype, frame.samples) for p in planes[:channels]])
    packed = np.frombuffer(planes[0], dtype, frame.samples * channels)
    return mean_of_planar(list(packed.reshape(-1, channels).T))
