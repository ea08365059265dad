"""Write librosa's constant-Q filters into the data file of ``keyscan.spectrogram.constant_q``.

``python -m training.filterbank`` rebuilds ``keyscan/data/filterbank.npz``.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import librosa
import numpy as np
import numpy.typing as npt

from keyscan.spectrogram.constant_q import (
    BINS_PER_OCTAVE,
    FILTER_BANK_PATH,
    FMIN,
    FRAMES_PER_SECOND,
    N_BINS,
    SAMPLE_RATE,
    FilterBank,
)

REFERENCE_RATE = 44100
DECIMATION = REFERENCE_RATE // SAMPLE_RATE  # the top bin, 1,310 Hz, is far below half the rate
SPARSITY = 0.01  # librosa.cqt's default: this share of a filter's spectrum is set to zero


def analyser_bank() -> FilterBank:
    """The filters of ``librosa.cqt`` at 44.1 kHz, for samples at a twelfth of that rate."""
    return decimated(
        build_filter_bank(REFERENCE_RATE, REFERENCE_RATE // FRAMES_PER_SECOND), DECIMATION
    )


def decimated(bank: FilterBank, factor: int) -> FilterBank:
    """The same filters, ``factor`` times shorter, for samples at a ``factor``-th of the rate.

    ``librosa.cqt`` keeps only the part of a filter's spectrum around its frequency, so decimation
    loses nothing.
    """
    octaves = []
    for filters in bank.octaves:
        centre = filters.shape[1] // 2
        octaves.append(np.ascontiguousarray(factor * filters[:, centre % factor :: factor]))
    return FilterBank(
        sample_rate=bank.sample_rate // factor,
        hop_length=bank.hop_length // factor,
        fmin=bank.fmin,
        bins_per_octave=bank.bins_per_octave,
        octaves=tuple(octaves),
    )


def build_filter_bank(
    sample_rate: int,
    hop_length: int,
    fmin: float = FMIN,
    n_bins: int = N_BINS,
    bins_per_octave: int = BINS_PER_OCTAVE,
) -> FilterBank:
    """The filters of ``librosa.cqt``, scaled as it scales them at 44.1 kHz.

    ``librosa.cqt`` works in octaves from the top, each with its own size of Fourier transform. It
    multiplies L1-normalised wavelets by the square root of their length in samples (``norm=1,
    scale=True``), so the same music at a quarter of the rate gives half the magnitude: the lengths
    at 44.1 kHz are used at any ``sample_rate``. It also drops the weakest ``SPARSITY`` of each
    wavelet's spectrum, which moves the result more than the sample rate does, so we do the same.

    Raises:
        librosa.ParameterError: a wavelet does not fit below half the sample rate.
    """
    frequencies = librosa.cqt_frequencies(n_bins, fmin=fmin, bins_per_octave=bins_per_octave)
    alpha: Any = librosa.filters._relative_bandwidth(freqs=frequencies)
    first_octave = n_bins % bins_per_octave or bins_per_octave
    octaves = []
    for bins in np.split(np.arange(n_bins), range(first_octave, n_bins, bins_per_octave)):
        wavelets, lengths = librosa.filters.wavelet(
            freqs=frequencies[bins], sr=sample_rate, norm=1, pad_fft=True, alpha=alpha[bins]
        )
        scale = np.sqrt(lengths * REFERENCE_RATE / sample_rate)
        filters = scale[:, np.newaxis] * [_spectral_product(wavelet) for wavelet in wavelets]
        octaves.append(filters.astype(np.complex64))
    return FilterBank(sample_rate, hop_length, fmin, bins_per_octave, tuple(octaves))


def _spectral_product(wavelet: npt.NDArray[np.complex64]) -> npt.NDArray[np.complex128]:
    """The time-domain equivalent of librosa's product of spectra.

    With ``X = rfft(x)`` and ``B`` the sparse half spectrum of the wavelet, ``B . X / n`` equals
    ``x . fft(B) / n`` with ``B`` padded to the full length.
    """
    half_spectrum = np.fft.fft(wavelet)[: len(wavelet) // 2 + 1]
    sparse = librosa.util.sparsify_rows(half_spectrum, quantile=SPARSITY).toarray()[0]
    return np.fft.fft(sparse, n=len(wavelet)) / len(wavelet)


def save_filter_bank(bank: FilterBank, path: Path) -> None:
    """Write ``bank`` as an ``.npz`` without pickles, uncompressed: it is read at every start."""
    arrays: dict[str, Any] = {f"octave{i}": filters for i, filters in enumerate(bank.octaves)}
    np.savez(
        path,
        sample_rate=bank.sample_rate,
        hop_length=bank.hop_length,
        fmin=bank.fmin,
        bins_per_octave=bank.bins_per_octave,
        n_octaves=len(bank.octaves),
        **arrays,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, default=FILTER_BANK_PATH)
    arguments = parser.parse_args()
    try:
        save_filter_bank(analyser_bank(), arguments.out)
    except OSError as error:
        sys.exit(f"training.filterbank: {error}")


if __name__ == "__main__":
    main()
