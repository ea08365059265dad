"""The peers, each as a process that stays running and replies to paths with keys.

``PYTHON -m benchmarks.peer_adapters NAME``, with a Python in which the peer is installed (3.8 or
newer, without our packages). ``peers.md`` explains the installation, and ``serve`` the lines. The
peers keep their defaults; comments explain the exceptions.
"""

from __future__ import annotations

import argparse
import ctypes
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Callable, Dict  # noqa: UP035 - as Python 3.8 has them

from benchmarks.line_program import serve

SAMPLE_RATE = 44100


def serve_essentia() -> None:
    """MonoLoader and KeyExtractor: an HPCP against key profiles ("bgate")."""
    import essentia  # type: ignore[import-not-found]

    essentia.log.infoActive = False
    essentia.log.warningActive = False  # else it prints a line per frame outside a graph
    from essentia.standard import (  # type: ignore[import-not-found]
        KeyExtractor,
        MonoLoader,
    )

    extract = KeyExtractor()

    def analyse(path: str) -> str:
        tonic, mode, _ = extract(MonoLoader(filename=path)())
        return f"{tonic} {mode}"

    serve(analyse, essentia=essentia.__version__)


def serve_madmom() -> None:
    """CNNKeyRecognitionProcessor; it decodes all formats but WAV with ``ffmpeg``."""
    import madmom  # type: ignore[import-not-found]
    from madmom.features.key import (  # type: ignore[import-not-found]
        CNNKeyRecognitionProcessor,
        key_prediction_to_label,
    )

    process = CNNKeyRecognitionProcessor()
    serve(lambda path: str(key_prediction_to_label(process(path))), madmom=madmom.__version__)


def serve_mixxx_analyzer() -> None:
    """A program with Mixxx's analyses: key, tempo, loudness, intro and outro; a process a file."""
    from importlib.metadata import version

    import mixxx_analyzer  # type: ignore[import-not-found]

    serve(lambda path: str(mixxx_analyzer.analyze(path).key), version=version("mixxx-analyzer"))


def serve_qm_dsp() -> None:
    """GetKeyMode, Mixxx's default; the key of most frames. It takes samples: PyAV decodes."""
    import av

    count_keys = compiled("qm_dsp.cpp", "-I/usr/include/qm-dsp", "-lqm-dsp").count_keys
    tonics = "C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"
    names = [f"{tonic} {mode}" for mode in ("major", "minor") for tonic in tonics]

    def analyse(path: str) -> str:
        samples = mono(path)
        frames = (ctypes.c_int * (1 + len(names)))()  # the first: in no key
        count_keys(
            samples.ctypes.data_as(ctypes.c_void_p),
            ctypes.c_size_t(len(samples)),
            ctypes.c_int(SAMPLE_RATE),
            frames,
        )
        counts = frames[1:]
        return names[counts.index(max(counts))]

    serve(analyse, av=av.__version__)


def compiled(source: str, *options: str) -> ctypes.CDLL:
    """A C++ source beside this file as a library, compiled with ``g++``."""
    with tempfile.TemporaryDirectory() as folder:
        library, path = Path(folder) / "library.so", Path(__file__).with_name(source)
        command = ["g++", "-O2", "-shared", "-fPIC", str(path), "-o", str(library), *options]
        subprocess.run(command, check=True)
        return ctypes.CDLL(str(library))


def mono(path: str) -> Any:
    """All samples at 44.1 kHz as float64, decoded with PyAV."""
    import av
    import numpy as np

    with av.open(path) as container:
        resampler = av.AudioResampler("dbl", "mono", SAMPLE_RATE)
        frames = [
            part.to_ndarray()
            for frame in container.decode(audio=0)
            for part in resampler.resample(frame)
        ]
    return np.concatenate(frames, axis=1)[0]


PEERS: Dict[str, Callable[[], None]] = {  # noqa: UP006
    "essentia": serve_essentia,
    "madmom": serve_madmom,
    "mixxx-analyzer": serve_mixxx_analyzer,
    "qm-dsp": serve_qm_dsp,
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="benchmarks.peer_adapters", description=__doc__)
    parser.add_argument("peer", choices=PEERS)
    PEERS[parser.parse_args().peer]()
