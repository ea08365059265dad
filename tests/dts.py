"""A DTS encoder for low notes, as FFmpeg has none: the lowest 750 Hz of 48 kHz, in stereo.

Source: ETSI TS 102 114, section 5 (core frames). Of the 32 subbands only the lowest has samples,
and a subband's samples are the signal itself at a 32nd of the rate, but for the filter bank's
phase. They are stored as plain integers, without prediction, Huffman codes or block codes.
"""

from __future__ import annotations

import numpy as np
import soxr

from tests.audio_files import Samples

RATE = 48_000
_BANDS = 32
_BLOCK = 8  # subband samples in a subsubframe
_BLOCKS = 2  # subsubframes in a frame: 512 samples
_BITS_CODE, _BITS = 17, 14  # codes above 10 are integers of three bits fewer
_SCALE = 104  # index of a scale factor that makes full scale of the largest integer
_LOUDEST = (1 << _BITS - 1) - 1
FRAME_SAMPLES = _BANDS * _BLOCK * _BLOCKS
FRAME_BYTES = 504  # whole words of 16 and of 14 bits


class _Bits:
    def __init__(self) -> None:
        self._text = ""

    def put(self, *pairs: tuple[int, int]) -> None:
        """Append numbers, each with its width in bits."""
        self._text += "".join(f"{number & (1 << width) - 1:0{width}b}" for number, width in pairs)

    def bytes(self, size: int) -> bytes:
        """All bits, with zeros up to ``size`` bytes."""
        return int(self._text.ljust(8 * size, "0"), 2).to_bytes(size, "big")


def frames(samples: Samples) -> list[bytes]:
    """Frames of big-endian 16-bit words, of samples (n, 2) at 48 kHz."""
    band = soxr.resample(samples, RATE, RATE / _BANDS, "HQ")
    numbers = np.clip(np.round(band * _LOUDEST), -_LOUDEST, _LOUDEST).astype(int)
    step = _BLOCK * _BLOCKS
    count = len(numbers) // step
    return [_frame(numbers[step * i : step * (i + 1)]) for i in range(count)]


def in_words_of_14_bits(frame: bytes) -> bytes:
    """The frame as a DTS CD holds it: 14 bits in each word, whose sign is extended."""
    bits = np.unpackbits(np.frombuffer(frame, np.uint8)).reshape(-1, 14)
    words = bits @ (1 << np.arange(13, -1, -1))
    return np.where(words < 1 << 13, words, words - (1 << 14)).astype(">i2").tobytes()


def _frame(numbers: np.ndarray) -> bytes:
    bits = _Bits()
    bits.put((0x7FFE8001, 32), (1, 1), (31, 5), (0, 1))  # a normal frame without CRC
    bits.put((_BLOCK * _BLOCKS - 1, 7), (FRAME_BYTES - 1, 14))
    bits.put((2, 6), (13, 4), (15, 5), (0, 1))  # left and right, 48 kHz, 768 kbit/s
    bits.put((0, 4), (0, 3), (0, 1), (0, 1))  # no range, time stamps, extension
    bits.put((0, 2), (0, 1), (1, 1), (7, 4), (0, 2), (0, 3), (0, 2), (0, 4))  # no LFE; 16 bits
    bits.put((_BLOCKS - 1, 4), (1, 3))  # subframes of one subsubframe; two channels
    for value, width in ((0, 5), (1, 5), (0, 3), (0, 2), (6, 3), (6, 3)):
        bits.put((value, width), (value, width))  # two subbands; plain scale factors, bit counts
    for width in (1, 2, 2, 2, 2, 3, 3, 3, 3, 3):
        bits.put(((1 << width) - 1, width), ((1 << width) - 1, width))  # no Huffman codes
    for block in np.split(numbers, _BLOCKS):
        bits.put((0, 2), (0, 3), (0, 4))  # one subsubframe; no prediction
        bits.put(*[(_BITS_CODE, 5), (0, 5)] * 2)  # samples in the lowest subband only
        bits.put((_SCALE, 7), (_SCALE, 7))
        for channel in block.T:
            bits.put(*[(int(number), _BITS) for number in channel])
        bits.put((0xFFFF, 16))
    return bits.bytes(FRAME_BYTES)
