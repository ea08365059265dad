"""AC-3, DTS, MP3 or AAC in the samples of a lossless file, which sounds like noise.

DTS CDs and recordings of a digital output are such files. Sources: IEC 61937-1 (S/PDIF: bursts,
each with a preamble), ETSI TS 102 114 (DTS core frames, also in words of 14 bits) and ETSI
TS 102 366 (AC-3 frames; E-AC-3 in annex E).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import soundfile
from numpy.typing import NDArray

from keyscan.audio.decoder import Block, Refused
from keyscan.audio.formats import ADTS, MP3, Format
from keyscan.audio.mixdown import Mixdown
from keyscan.audio.mpeg import leading_frames
from keyscan.audio.pyav_decoder import PyavDecoder
from keyscan.audio.source import SourceFile
from keyscan.audio.tags import tag_length
from keyscan.errors import AnalysisError

_WordArray = NDArray[np.uint16]

_SUBTYPES = ("PCM_16", "PCM_24", "PCM_32", "FLOAT")  # of more bits, the upper 16 are taken
_BYTES_AT_ONCE = 1 << 16
_WINDOW = 1 << 17  # bytes in which two frames must begin
_MAX_SILENCE = 1 << 22  # bytes before that: 24 seconds of a CD

_LITTLE, _BIG = "<u2", ">u2"
_AC3_RATES = (48_000, 44_100, 32_000)
_AC3_KBITS = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576,
              640)  # fmt: skip


def _ac3_words(second: int, third: int) -> int:
    """The size of the AC-3 frame with these words (4.3); too large for none."""
    rate, code, version = third >> 14, third >> 8 & 0x3F, third >> 3 & 0x1F
    if rate >= len(_AC3_RATES) or code >> 1 >= len(_AC3_KBITS) or version not in (6, 8):
        return _WINDOW
    hertz = _AC3_RATES[rate]
    return _AC3_KBITS[code >> 1] * 1000 * 1536 // (16 * hertz) + (code & 1 and hertz == 44_100)


def _eac3_words(second: int, third: int) -> int:
    """The size of the E-AC-3 frame with these words (E.1.2); too large for none."""
    return (second & 0x7FF) + 1 if 11 <= third >> 3 & 0x1F <= 16 else _WINDOW


@dataclass(frozen=True)
class _Kind:
    """What samples may carry.

    Attributes:
        name: FFmpeg's, of a container.
        order: of bytes, that FFmpeg reads; they may be stored in the other.
        sync: masks and values of the words with which every frame begins.
        words: the size of a frame by its second and third word, if no gap follows.
    """

    name: str
    order: str
    sync: tuple[tuple[int, int], ...]
    words: Callable[[int, int], int] | None = None


_ALL = 0xFFFF
_KINDS = (
    _Kind("spdif", _LITTLE, ((_ALL, 0xF872), (_ALL, 0x4E1F))),
    # Behind the sync word, in words of 16 or 14 bits, a normal frame has six set bits.
    _Kind("dts", _BIG, ((_ALL, 0x7FFE), (_ALL, 0x8001), (0xFC00, 0xFC00))),
    _Kind("dts", _BIG, ((_ALL, 0x1FFF), (_ALL, 0xE800), (0xFFF0, 0x07F0))),
    _Kind("ac3", _BIG, ((_ALL, 0x0B77),), _ac3_words),
    _Kind("eac3", _BIG, ((_ALL, 0x0B77),), _eac3_words),
)
_MPEG = {"mp3": MP3.demuxer, "adts": ADTS.demuxer}


class BitstreamDecoder(PyavDecoder):
    """Decodes AC-3, DTS, MP3 or AAC in the samples of a file that libsndfile reads.

    Raises:
        Refused: there is none, as in all but a few files.
    """

    def __init__(
        self, source: SourceFile, known: Format, mix: Mixdown, wanted: int | None = None
    ) -> None:
        self._words = _Words(source)
        try:
            super().__init__(self._words, known, mix, wanted, demuxer=self._words.find())
        except AnalysisError as error:  # it only looked like frames
            self._words.close()
            raise Refused(str(error)) from error
        except BaseException:
            self._words.close()
            raise
        self.expected_seconds = self._words.seconds

    def __iter__(self) -> Iterator[Block]:
        yield from super().__iter__()
        self.damage.breaks_off = False  # tracks of a CD end within a frame
        self.damage.bad_packets += self._words.incomplete

    def close(self) -> None:
        """Close FFmpeg's container and libsndfile's handle; the source stays open."""
        super().close()
        self._words.close()


class _Words:
    """A file for FFmpeg: the samples of ``source`` as words of 16 bits.

    ``incomplete``: there are fewer than the header announces.

    Raises:
        Refused: libsndfile does not know the file.
    """

    def __init__(self, source: SourceFile) -> None:
        source.seek(0)
        try:
            self._file = soundfile.SoundFile(source)
        except (soundfile.SoundFileError, RuntimeError, ValueError) as error:
            raise Refused(str(error).rpartition(": ")[2]) from error
        self.seconds = self._file.frames / self._file.samplerate
        self.incomplete = False
        self._left: int = self._file.frames
        self._pending = b""
        self._swap = False

    def find(self) -> str:
        """FFmpeg's name of what the words carry; reading begins with its first frame.

        Raises:
            Refused: they carry nothing that is known.
        """
        data = self._first_sounding() if self._file.subtype in _SUBTYPES else b""
        for order in (_LITTLE, _BIG):
            words: _WordArray = np.frombuffer(data, order)
            for kind in _KINDS:
                first = _first_frame(words, kind)
                if first is not None:
                    self._swap = order != kind.order
                    self._pending = self._ordered(data[2 * first :])
                    return kind.name
            self._swap = order == _BIG
            found = self._ordered(data)
            while size := tag_length(found[:32]):
                found = found[size:]
            if frames := leading_frames(found):
                self._pending = found
                return _MPEG[frames]
        raise Refused("the samples are sound")

    def read(self, count: int) -> bytes:
        """Up to ``count`` bytes; none at the end."""
        while not self._pending and self._left:
            self._pending = self._ordered(self._next())
        data, self._pending = self._pending[:count], self._pending[count:]
        return data

    def close(self) -> None:
        self._file.close()

    def _first_sounding(self) -> bytes:
        """The words from the first on that is not zero."""
        data, silence = b"", 0
        while self._left and len(data) < _WINDOW and silence < _MAX_SILENCE:
            data += self._next()
            zeros = (len(data) - len(data.lstrip(b"\0"))) & ~1
            data, silence = data[zeros:], silence + zeros
        return data

    def _next(self) -> bytes:
        """Little-endian words, as many as are read at once."""
        frames = min(self._left, max(_BYTES_AT_ONCE // (2 * self._file.channels), 1))
        is_float = self._file.subtype == "FLOAT"
        try:
            words = self._file.read(frames, np.float32 if is_float else np.int16, always_2d=True)
        except (soundfile.SoundFileError, RuntimeError):
            words = np.empty((0, 1), np.int16)
        self.incomplete |= len(words) < frames
        self._left = self._left - frames if len(words) == frames else 0
        if is_float:  # NaN and what is too large are no words of a bitstream
            with np.errstate(over="ignore", invalid="ignore"):
                words = (words * np.float32(1 << 15)).astype(np.int16)
        return bytes(words.astype("<i2", copy=False).tobytes())

    def _ordered(self, data: bytes) -> bytes:
        return np.frombuffer(data, "<i2").byteswap().tobytes() if self._swap else data


def _first_frame(words: _WordArray, kind: _Kind) -> int | None:
    """The word with which the first of two frames begins; of three where no gaps are between."""
    starts = np.flatnonzero(words[: len(words) - 2] == kind.sync[0][1])
    for offset, (mask, value) in enumerate(kind.sync):
        starts = starts[words[starts + offset] & mask == value]
    if kind.words is None:
        return int(starts[0]) if len(starts) > 1 else None
    size = kind.words
    after = {at: at + size(int(words[at + 1]), int(words[at + 2])) for at in starts.tolist()}
    for first in sorted(after):
        if after.get(after[first]) in after:
            return int(first)
    return None
