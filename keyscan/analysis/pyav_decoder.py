"""FFmpeg: MP3, AAC, MP4, WMA, WebM and everything else that libsndfile does not know."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NoReturn

import av
import av.error
import av.logging

from keyscan.analysis.decoding import Block, Damage, Refused
from keyscan.analysis.errors import NoAudio, UnsupportedFormat
from keyscan.analysis.mixdown import Mono, mean_of_planar
from keyscan.analysis.source import SourceFile

_BLOCK_FRAMES = 1 << 16
_READ_SIZE = 1 << 18
_ERRORS_IN_A_ROW = 50  # a demuxer that only fails has nothing more to give

# Formats that name other files or addresses, images, subtitles, and headerless ones.
_DENIED_WORDS = ("_pipe", "image2", "jpeg", "webp", "gif", "png", "ico")
_DENIED = frozenset(
    "concat concatf hls applehttp dash smoothstreaming imf rtp rtsp sdp sap rtp_mpegts ffmetadata "
    "ass srt webvtt lrc microdvd mpl2 mpsub jacosub sami stl subviewer subviewer1 vplayer pjs "
    "realtext tedcaptions aqtitle scc mcc sup vobsub dvbsub dvbtxt ttml tty bin adf idf xbin "
    "lavfi alsa oss pulse fbdev v4l2 video4linux2,v4l2 x11grab xcbgrab kmsgrab jack sndio "
    "tiertexseq data rawvideo s337m".split()
)

av.logging.set_level(None)


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
        UnsupportedFormat: an audio stream in a codec that FFmpeg does not know.
    """

    name = "pyav"

    def __init__(self, source: SourceFile) -> None:
        source.seek(0)
        try:
            self._container = av.open(
                source,
                container_options=_CONTAINER_OPTIONS,
                metadata_errors="replace",
                buffer_size=_READ_SIZE,
                io_open=_refuse_to_open,
            )
        except (av.error.FFmpegError, ValueError, OSError) as error:
            raise Refused(getattr(error, "strerror", None) or str(error)) from error
        try:
            self._stream = self._audio_stream()
        except BaseException:
            self._container.close()
            raise
        self.container_format = self._container.format.name
        self.format = f"{self.container_format} {self._stream.codec_context.name}"
        self.damage = Damage()

    def _audio_stream(self) -> av.AudioStream:
        stream = self._container.streams.best("audio")
        if stream is None:
            raise NoAudio("the file has no audio stream")
        if stream.codec_context is None:
            raise UnsupportedFormat("the audio is in a codec that is not supported")
        for other in self._container.streams:
            if other is not stream:
                other.discard = "all"
        # One thread: the workers are as many as the cores already.
        stream.codec_context.thread_count = 1
        assert isinstance(stream, av.AudioStream)
        return stream

    def __iter__(self) -> Iterator[Block]:
        fifo, kind = av.AudioFifo(), None
        for frame in self._frames():
            frame_kind = (frame.format.name, frame.layout.nb_channels, frame.sample_rate)
            if frame_kind != kind:  # AudioFifo would read beyond the planes of another layout
                yield from _drain(fifo)
                fifo, kind = av.AudioFifo(), frame_kind
            frame.pts = None  # gaps in time stamps are not ours to fill
            fifo.write(frame)
            if fifo.samples >= _BLOCK_FRAMES:
                yield from _drain(fifo)
        yield from _drain(fifo)

    def _frames(self) -> Iterator[av.AudioFrame]:
        """Every frame that can be decoded; counts the packets that cannot."""
        damage, bad = self.damage, False
        for packet in self._packets():
            if bad:
                damage.bad_packets += 1
            bad = False
            try:
                yield from packet.decode()
            except av.error.FFmpegError:
                bad = packet.size > 0
        damage.breaks_off |= bad  # the last packet is cut, the usual end of a broken download

    def _packets(self) -> Iterator[Any]:
        failures = 0
        while failures < _ERRORS_IN_A_ROW:
            try:
                for packet in self._container.demux(self._stream):
                    failures = 0
                    yield packet
            except (av.error.FFmpegError, OSError):
                failures += 1
                self.damage.breaks_off = True
            else:
                return

    def close(self) -> None:
        """Let go of FFmpeg's side of the file."""
        self._container.close()


def _drain(fifo: av.AudioFifo) -> Iterator[Block]:
    frame = fifo.read(0, partial=True)
    if frame is not None:
        yield Block(_mono(frame), frame.sample_rate)


def _mono(frame: av.AudioFrame) -> Mono:
    samples = frame.to_ndarray()
    if not frame.format.is_planar:
        samples = samples.reshape(-1, frame.layout.nb_channels).T
    return mean_of_planar(samples)
