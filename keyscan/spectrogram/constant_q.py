"""Mono audio becomes a log-magnitude constant-Q spectrogram, block by block.

The constant-Q transform is that of Brown (1991) with the filters of ``librosa.filters.wavelet``,
which ``training/filterbank.py`` has written into a data file: here they are only applied, so that
neither librosa nor a JIT compiler is needed to analyse a file. Every constant of the front end
stands here.
"""

from __future__ import annotations

import mmap
from collections import deque
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from keyscan.audio.decoder import StreamNumbers
from keyscan.errors import AnalysisWarning, DamagedInstallation

FloatArray = npt.NDArray[np.float32]

FMIN = 65.0
"""The centre of the lowest bin, in Hz."""
N_BINS = 105
BINS_PER_OCTAVE = 24
SAMPLE_RATE = 3675
HOP_LENGTH = 735
FRAMES_PER_SECOND = SAMPLE_RATE // HOP_LENGTH
SILENCE = 1e-4
"""No bin of a silent frame is above this; a sine of full scale has 3 to 4.3."""
STRETCHES = 5
"""The parts of a track that may stand for all of it."""
MAX_SECONDS = 24 * 3600.0
"""The longest track that is analysed."""

CqtEngine = Literal["matrix", "librosa"]
CQT_ENGINES: tuple[CqtEngine, ...] = ("matrix", "librosa")

FILTER_BANK_PATH = Path(__file__).parent.parent / "data" / "filterbank.npz"
DROPPED_FRAMES = 2
"""The KeyNet family's spectrograms lack librosa's last two frames; so do ours."""


@dataclass(frozen=True, eq=False)
class Features:
    """The spectrogram ``log1p(|C|)`` of a file, shape ``(105, frames)``, five frames a second.

    ``duration`` is in seconds of sound, ``seconds`` the time spent by stage. ``stream``:
    which of several audio streams it is of, or of the sum of which; None: the file has only one.
    ``analysed_seconds``: of sound that the spectrogram is of; None: of all. ``version``: of the
    file, where parts of it were decoded (``Excerpts``).
    """

    spectrogram: FloatArray
    duration: float
    warnings: tuple[AnalysisWarning, ...]
    seconds: dict[str, float]
    stream: StreamNumbers | None = field(default=None, kw_only=True)
    analysed_seconds: float | None = field(default=None, kw_only=True)
    version: tuple[int, ...] = field(default=(), kw_only=True)


@dataclass(frozen=True, eq=False)
class FilterBank:
    """Complex filters to be multiplied with the samples around a frame's centre.

    ``octaves`` run from low to high, each an array ``(bins, length)`` of filters whose sample
    ``length // 2`` meets the frame's centre. The filters carry the whole scale:
    ``|samples . filter|`` is a bin's magnitude.
    """

    sample_rate: int
    hop_length: int
    fmin: float
    bins_per_octave: int
    octaves: tuple[npt.NDArray[np.complex64], ...]

    @property
    def n_bins(self) -> int:
        return sum(len(filters) for filters in self.octaves)

    @cached_property
    def products(self) -> tuple[tuple[_Product, ...], ...]:
        """The filters as real matrices, by octave, cut where the hops are cut."""
        return tuple(self._cut_at_hops(filters) for filters in self.octaves)

    @cached_property
    def reach(self) -> int:
        """How many whole hops before and after a frame's own hop the longest filter touches."""
        return max(abs(product.hop) for octave in self.products for product in octave)

    def _cut_at_hops(self, filters: npt.NDArray[np.complex64]) -> tuple[_Product, ...]:
        """A frame's centre is the middle of hop 0, so that short filters stay within one hop."""
        matrix = np.concatenate([filters.real, filters.imag]).T
        start = -(len(matrix) // 2) + self.hop_length // 2  # of the filters, within hop 0
        stop = start + len(matrix)
        products = []
        for hop in range(start // self.hop_length, (stop - 1) // self.hop_length + 1):
            hop_start = hop * self.hop_length
            a, b = max(start, hop_start), min(stop, hop_start + self.hop_length)
            part = np.ascontiguousarray(matrix[a - start : b - start])
            products.append(_Product(hop, slice(a - hop_start, b - hop_start), part))
        return tuple(products)


class _Product(NamedTuple):
    """``samples[frame + hop, columns] @ matrix``: a part of (real, imaginary) of some bins."""

    hop: int
    columns: slice
    matrix: FloatArray


@cache
def load_filter_bank(path: Path = FILTER_BANK_PATH) -> FilterBank:
    """Read the file that ``training/filterbank.py`` wrote.

    Raises:
        DamagedInstallation: the file is missing or damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as data:
            return FilterBank(
                sample_rate=int(data["sample_rate"]),
                hop_length=int(data["hop_length"]),
                fmin=float(data["fmin"]),
                bins_per_octave=int(data["bins_per_octave"]),
                octaves=tuple(data[f"octave{i}"] for i in range(int(data["n_octaves"]))),
            )
    except Exception as error:  # those of zipfile, zlib and numpy
        reason = str(error) or type(error).__name__
        raise DamagedInstallation(f"{path}: {reason}: install the analyzer again") from error


class ConstantQ:
    """Turns mono blocks into a spectrogram; memory is one block, and 2 kB a second of sound."""

    _HOPS_AT_ONCE = 128  # a product of that many frames runs at full speed and stays in the cache

    def __init__(self, bank: FilterBank) -> None:
        self.sample_rate = bank.sample_rate
        self._bank = bank
        self._columns: deque[FloatArray] = deque()
        self._samples_seen = 0
        self._silence = np.zeros(bank.reach * bank.hop_length + bank.hop_length // 2, np.float32)
        self._pending: list[FloatArray] = [self._silence]
        self._pending_samples = len(self._silence)

    def push(self, samples: FloatArray) -> None:
        """Take the next block, shape ``(n,)``, at the bank's sample rate."""
        self._samples_seen += len(samples)
        self._pending.append(samples)
        self._pending_samples += len(samples)
        hops = self._pending_samples // self._bank.hop_length
        if hops >= self._HOPS_AT_ONCE + 2 * self._bank.reach:
            self._transform()

    def finish(self) -> FloatArray:
        """The spectrogram ``log1p(|C|)``, shape ``(n_bins, frames)``, frame ``t`` at ``t * hop``.

        As many frames as ``librosa.cqt`` gives (one more than whole hops) less the last two.
        """
        self._pending.append(self._silence)
        self._transform()
        frames = max(0, 1 + self._samples_seen // self._bank.hop_length - DROPPED_FRAMES)
        spectrogram = _mapped(self._bank.n_bins, frames)
        first = 0
        while self._columns:  # each part is freed: a day of music should not be held twice
            part = self._columns.popleft()[: frames - first]
            spectrogram[:, first : first + len(part)] = part.T
            first += len(part)
        return spectrogram

    def _transform(self) -> None:
        """Turn every complete frame of what is pending into a column."""
        bank = self._bank
        samples = np.concatenate(self._pending)
        hops = samples[: len(samples) // bank.hop_length * bank.hop_length]
        rows = hops.reshape(-1, bank.hop_length)
        frames = max(0, len(rows) - 2 * bank.reach)
        if frames:
            self._columns.append(_log_magnitudes(rows, frames, bank))
        self._pending = [samples[frames * bank.hop_length :]]
        self._pending_samples = len(self._pending[0])


def _log_magnitudes(rows: FloatArray, frames: int, bank: FilterBank) -> FloatArray:
    """Hops of samples, ``(frames + 2 * reach, hop)`` -> ``log1p(|C|)``, ``(frames, bins)``."""
    result = _mapped(frames, bank.n_bins)
    low = 0
    for octave in bank.products:
        parts = np.zeros((frames, octave[0].matrix.shape[1]), np.float32)
        for product in octave:
            first = bank.reach + product.hop
            parts += rows[first : first + frames, product.columns] @ product.matrix
        bins = parts.shape[1] // 2
        result[:, low : low + bins] = np.hypot(parts[:, :bins], parts[:, bins:])
        low += bins
    return np.log1p(result, out=result)


def _mapped(rows: int, columns: int) -> FloatArray:
    """An empty array whose memory grows as it is written, and goes back when it is freed.

    malloc keeps freed memory, and numpy's huge pages are all written to by the first column.
    """
    count = rows * columns
    memory = mmap.mmap(-1, max(count * np.float32().itemsize, 1))
    return np.frombuffer(memory, np.float32, count).reshape(rows, columns)


def constant_q(samples: FloatArray, bank: FilterBank) -> FloatArray:
    """The spectrogram of a whole track in memory; see ``ConstantQ``."""
    transform = ConstantQ(bank)
    transform.push(samples)
    return transform.finish()
