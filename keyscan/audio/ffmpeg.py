"""FFmpeg opens a file: which formats it may find, and how much memory it may take."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path
from typing import NoReturn, Protocol

import av
import av.logging
from av.container import InputContainer

from keyscan.audio.source import SourceFile

_READ_SIZE = 1 << 18
_LARGEST_ALLOCATION = 128 << 20  # bytes: the index of 24 hours of AAC in an MP4 takes 100 MB

# Formats that name other files or addresses, devices, subtitles, text, scripts that make hours of
# tones out of a line, raw video, which has no sound and which FFmpeg finds in random bytes, and AMR
# without its header, which it finds in columns of numbers.
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
        *("data", "rawvideo", "yuv4mpegpipe", "sbg", "amrnb", "amrwb"),
        *("h261", "h263", "h264", "hevc", "vvc", "evc", "av1", "obu", "vc1", "vc1test", "m4v"),
        *("mpegvideo", "cavsvideo", "avs2", "avs3", "dirac", "dnxhd", "mjpeg", "apv", "ivf"),
    )
)


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


def open_container(source: SourceFile | Readable, demuxer: str | None) -> InputContainer:
    """FFmpeg's container; ``demuxer`` is its name for the format, None: FFmpeg finds out.

    Raises:
        av.error.FFmpegError, ValueError, OSError: FFmpeg does not know the bytes.
    """
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
