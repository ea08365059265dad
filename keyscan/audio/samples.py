"""Samples in memory become mono float32 blocks at one sample rate, as those of a WAV file do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keyscan.audio.mixdown import Mixdown, Mono
from keyscan.audio.resampling import Resampler
from keyscan.audio.scale import PEEK_FRAMES, PEEKS, full_scale
from keyscan.audio.soundfile_decoder import BLOCK_SAMPLES
from keyscan.audio.stream import RATES, silence_nonsense, silenced
from keyscan.errors import AnalysisWarning, InvalidInput, NoAudio
from keyscan.runtime import Stages

AnySamples = NDArray[Any]
"""(n,) or (n, channels), of uint8, int16, int32, float16, float32 or float64."""

_TYPES = ("u1", "i2", "i4", "f2", "f4", "f8")
_SHAPES = "(n,) for mono or (n, channels) is needed"
_MOST_CHANNELS = 1024  # of a file, in libsndfile


class SampleStream:
    """Samples as mono float32 blocks, the mean of their channels; as ``AudioStream`` for a file.

    It is iterated once, and once more after each ``rewind``. The samples are neither changed nor
    copied as a whole.

    Args:
        samples: (n,) or (n, channels). Full scale is 1 for floats, the range of the type for
            integers; uint8 rests at 128. Floats on a scale of integers are scaled down.
        rate: of the samples, in Hz.
        sample_rate: of the blocks, in Hz.
        stages: collects the seconds spent in ``"decode"`` (mix-down) and ``"resample"``.

    Attributes:
        mix, duration, warnings: as of ``AudioStream``.

    Raises:
        InvalidInput: the shape, the type or the rate is not one of these, or doubtful.
        NoAudio: there are no samples.
    """

    stream = None

    def __init__(
        self, samples: AnySamples, rate: int, sample_rate: int, stages: Stages | None = None
    ) -> None:
        self.sample_rate = sample_rate
        self.warnings: tuple[AnalysisWarning, ...] = ()
        self._samples = _frames(samples)
        self._rate = _whole(rate)
        self._stages = stages if stages is not None else Stages()
        self._full_scale = np.float32(_full_scale(self._samples))
        self.rewind(0)

    def __iter__(self) -> Iterator[Mono]:
        """Blocks (samples,) of float32, of any size above zero."""
        resampler, bad = Resampler(self._rate, self.sample_rate), 0
        step = max(BLOCK_SAMPLES // self._samples.shape[1], 1)  # as of a WAV: the last bits agree
        for first in range(0, len(self._samples), step):
            with self._stages.measure("decode"):
                block = self._mono(self._samples[first : first + step])
                bad += silence_nonsense(block)
                self.duration += len(block) / self._rate
            with self._stages.measure("resample"):
                block = resampler.push(block)
            if len(block):
                yield block
        self.warnings = (silenced(bad),) if bad else ()
        with self._stages.measure("resample"):
            rest = resampler.finish()
        if len(rest):
            yield rest

    def rewind(self, row: int) -> None:
        """Go back to the start, for row ``row`` of the mixes of ``Mixdown``."""
        self.mix = Mixdown(row)
        self.duration = 0.0

    def _mono(self, block: AnySamples) -> Mono:
        if block.dtype.kind == "u":
            block = (block.astype(np.int16) - 128) << 8
        elif block.dtype.kind == "f":
            with np.errstate(over="ignore", invalid="ignore"):  # of float64, NaN
                block = block.astype(np.float32) / self._full_scale
        return self.mix.interleaved(np.ascontiguousarray(block), self._rate)


def _frames(samples: AnySamples) -> AnySamples:
    """The samples as (n, channels)."""
    shape, kind = samples.shape, samples.dtype
    if kind.str[1:] not in _TYPES:
        raise InvalidInput(
            f"samples of {kind} are not supported: uint8, int16, int32, float16, float32 or "
            "float64 is needed"
        )
    if samples.ndim not in (1, 2):
        raise InvalidInput(f"samples of the shape {shape} are not supported: {_SHAPES}")
    if not samples.size:
        raise NoAudio(f"there are no samples: the shape is {shape}")
    frames = samples.reshape(len(samples), -1)
    channels = frames.shape[1]
    if channels > min(len(frames), _MOST_CHANNELS):
        raise InvalidInput(
            f"samples of the shape {shape} would have {channels} channels: {_SHAPES}; "
            "transpose (channels, n) with samples.T"
        )
    return frames


def _whole(rate: Any) -> int:
    """The rate as an int; numpy's numbers and floats without a fraction are as good."""
    is_number = isinstance(rate, int | float | np.integer | np.floating)
    if is_number and RATES.start <= rate < RATES.stop and rate == int(rate):
        return int(rate)
    raise InvalidInput(
        f"the sample rate must be a whole number of Hz from {RATES.start} to {RATES.stop - 1}, "
        f"not {rate!r}"
    )


def _full_scale(frames: AnySamples) -> float:
    """That of a file of the same samples."""
    if frames.dtype.kind != "f":
        return 1.0
    places = [len(frames) * place // PEEKS for place in range(PEEKS)]
    with np.errstate(over="ignore", invalid="ignore"):
        return full_scale(
            [frames[place : place + PEEK_FRAMES].astype(np.float32) for place in places]
        )
