"""The baseline pipeline: librosa decodes and transforms, and a CNN in torch classifies.

``python -m benchmarks.baseline`` reads paths, or ``{"id", "path"}`` lines, from stdin and replies
to each with a line: ``librosa.load`` at 44.1 kHz, ``librosa.cqt`` as our front end defines it, and
a CNN of 462,788 parameters. All libraries keep their defaults: numba compiles, and BLAS and torch
choose their threads. The first file is slow because numba compiles; the weights are random, so the
keys mean nothing.
"""

from __future__ import annotations

import audioread  # type: ignore[import-untyped]
import av
import librosa
import numba
import numpy as np
import numpy.typing as npt
import torch

from benchmarks import script
from benchmarks.line_program import serve
from keyscan.keys import KEYS
from keyscan.model.network import KeyNet

SAMPLE_RATE = 44100

FloatArray = npt.NDArray[np.float32]


def load(path: str) -> FloatArray:
    """Mono samples at 44.1 kHz.

    librosa decodes with ``ffmpeg`` what libsndfile cannot read; where ``ffmpeg`` is missing, PyAV
    decodes, which is faster.
    """
    try:
        samples, _ = librosa.load(path, sr=SAMPLE_RATE)
    except audioread.NoBackendError:
        samples = load_with_pyav(path)
    return np.asarray(samples)


def load_with_pyav(path: str) -> FloatArray:
    """Mono samples, decoded with PyAV frame by frame as in its examples."""
    with av.open(path) as container:
        resampler = av.AudioResampler(format="fltp")
        frames = [
            part.to_ndarray()
            for frame in container.decode(audio=0)
            for part in resampler.resample(frame)
        ]
        rate = container.streams.audio[0].codec_context.sample_rate
    samples = np.concatenate(frames, axis=1).mean(axis=0)
    if rate != SAMPLE_RATE:
        samples = librosa.resample(samples, orig_sr=rate, target_sr=SAMPLE_RATE)
    return np.asarray(samples, np.float32)


def spectrogram(samples: FloatArray) -> FloatArray:
    """``log1p(|C|)``, shape ``(105, frames)``."""
    transform = librosa.cqt(
        samples, sr=SAMPLE_RATE, hop_length=8820, n_bins=105, bins_per_octave=24, fmin=65
    )
    magnitudes: FloatArray = np.log1p(np.abs(transform))
    return magnitudes


def network() -> KeyNet:
    """The CNN with random weights from a fixed seed."""
    torch.manual_seed(0)
    return KeyNet().eval()


def main() -> None:
    script.parser("baseline", __doc__).parse_args()
    net = network()

    def analyse(path: str) -> str:
        with torch.inference_mode():
            logits = net(torch.from_numpy(spectrogram(load(path)))[None])
        return KEYS[int(logits.argmax())].name("sharps")

    serve(
        analyse,
        librosa=librosa.__version__,  # type: ignore[attr-defined]
        numba=numba.__version__,  # type: ignore[attr-defined]
        compiles=not numba.config.DISABLE_JIT,  # type: ignore[attr-defined]
        threads=torch.get_num_threads(),
    )


if __name__ == "__main__":
    main()
