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
from keyscan.output import clock, fitted, percent, shown

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
    row = "{:28}  {:7}  {:8}  {:19}  {:>10}  {:>7}"
    print(row.format("file", "Camelot", "Open Key", "key", "confidence", "length"))
    good, start = True, time.perf_counter()
    for path, reply in client.analyze_all(paths):
        name = fitted(shown(Path(path).name), 28)
        if reply["status"] == "error":
            print(f"{name}  {reply['code']}: {reply['error']}")
            good = False
            continue
        keys = ("-", "-", "not tonal", "-")
        if reply["tonal"]:
            sure = percent(reply["confidence"])
            keys = (reply["camelot"], reply["openkey"], reply["key"], sure)
        print(row.format(name, *keys, clock(reply["duration"])))
        for warning in reply["warnings"]:
            print(f"{'':28}  warning: {shown(warning['message'])}")
        good &= path not in own or reply["camelot"] == KEY.camelot
    seconds = time.perf_counter() - start
    print(f"\n{len(paths)} files in {seconds:.1f} s: {seconds / len(paths):.2f} s a file")
    return good


def print_next_steps() -> None:
    """Commands for the user's own music, as they work in this folder."""
    folder, program = Path.cwd(), Path(sys.executable)
    python = program.relative_to(folder) if program.is_relative_to(folder) else program
    print("\nNext:")
    print(f"  {python} -m keyscan analyze FOLDER  your own music")
    print(f"  {python} -m keyscan help            all commands")


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
            good = print_keys(client, paths, own)
    except ServerEnded as error:
        print(error, file=sys.stderr)
        return 1
    print_next_steps()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
