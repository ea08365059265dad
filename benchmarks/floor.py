"""The floor: decode a file and drop the samples.

``python -m benchmarks.floor`` reads paths, or ``{"id", "path"}`` lines, from stdin and replies to
each after decoding it at its own rate and channels: soundfile decodes WAV, FLAC and Ogg Vorbis,
PyAV the rest. Both libraries keep their defaults.
"""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import soundfile

from benchmarks import script
from benchmarks.line_program import serve

BY_SOUNDFILE = {".wav", ".flac", ".ogg"}
BLOCK = 1 << 16  # frames read at once


def decode(path: str) -> str:
    """Decode a file; returns the name of the decoding library."""
    if Path(path).suffix.lower() in BY_SOUNDFILE:
        with soundfile.SoundFile(path) as file:
            buffer = np.empty((BLOCK, file.channels), np.float32)
            while len(file.read(out=buffer)):
                pass
        return "soundfile"
    with av.open(path) as container:
        for _ in container.decode(audio=0):
            pass
    return "PyAV"


def main() -> None:
    script.parser("floor", __doc__).parse_args()
    serve(decode, soundfile=soundfile.__version__, av=av.__version__)


if __name__ == "__main__":
    main()
