"""The peers, each as a process that stays running and replies to paths with keys.

``PYTHON -m benchmarks.peer_adapters NAME``, with a Python in which the peer is installed (3.8 or
newer, without our packages). ``peers.md`` explains the installation, and ``serve`` the lines. The
peers keep their defaults; comments explain the exceptions.
"""

from __future__ import annotations

import argparse
from typing import Callable, Dict  # noqa: UP035 - as Python 3.8 has them

from benchmarks.line_program import serve


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


PEERS: Dict[str, Callable[[], None]] = {  # noqa: UP006
    "essentia": serve_essentia,
    "madmom": serve_madmom,
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="benchmarks.peer_adapters", description=__doc__)
    parser.add_argument("peer", choices=PEERS)
    PEERS[parser.parse_args().peer]()
