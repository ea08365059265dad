"""Analyse a few files with the Python client.

``python -m examples.demo`` writes a short track of its own as WAV, FLAC, MP3 and M4A into ``demo/``
and analyses it; ``python -m examples.demo FILE ...`` analyses your files too.
"""

from __future__ import annotations

import argparse
import io
import sys
import time
from pathlib import Path

from examples.track import SAMPLE_RATE, render_track, write_audio
from keyscan.client import Client, ServerEnded
from keyscan.keys import Key

FOLDER = Path("demo")
KEY = Key.parse("A minor")
SECONDS = 20.0


def write_demo_files(folder: Path) -> list[Path]:
    """Twenty seconds of the same track in ``KEY``, in four formats."""
    folder.mkdir(exist_ok=True)
    samples = render_track(KEY, SECONDS)
    paths = [folder / f"demo.{extension}" for extension in ("wav", "flac", "mp3", "m4a")]
    for path in paths:
        write_audio(path, samples, SAMPLE_RATE)
    return paths


def print_keys(client: Client, paths: list[Path], own: list[Path]) -> bool:
    """Print a table; true if every file has a key, and each of ours the right one."""
    print(f"{'file':30} {'Camelot':8} {'Open Key':9} {'key':20} {'length':>8}")
    good = True
    for path, reply in client.analyze_all(paths):
        name = Path(path).name
        if reply["status"] == "error":
            print(f"{name:30} {reply['code']}: {reply['error']}")
            good = False
            continue
        length = f"{reply['duration']:.1f} s"
        print(f"{name:30} {reply['camelot']:8} {reply['openkey']:9} {reply['key']:20} {length:>8}")
        for warning in reply["warnings"]:
            print(f"{'':30} warning: {warning['message']}")
        good &= path not in own or reply["camelot"] == KEY.camelot
    return good


def main() -> int:
    """Returns the exit code: 1 if a file has no key, or one of ours a wrong one."""
    parser = argparse.ArgumentParser(prog="examples.demo", description=__doc__)
    parser.add_argument("files", nargs="*", type=Path, help="your audio files")
    options = parser.parse_args()
    assert isinstance(sys.stdout, io.TextIOWrapper)
    sys.stdout.reconfigure(errors="replace")  # a console may lack characters of file names
    try:
        own = write_demo_files(FOLDER)
    except OSError as error:
        print(f"the demo's files cannot be written to {FOLDER.absolute()}: {error.strerror}",
              file=sys.stderr)  # fmt: skip
        return 1
    paths = [*own, *options.files]
    print(f"wrote {SECONDS:g} seconds of {KEY.name()} as " + ", ".join(map(str, own)))
    start = time.perf_counter()
    try:
        with Client() as client:
            print(f"server ready after {time.perf_counter() - start:.1f} s\n")
            return 0 if print_keys(client, paths, own) else 1
    except ServerEnded as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
