"""Spawn the server as an app does, and ask it for the keys of a few files.

``python -m examples.demo`` writes a short track of its own as WAV, FLAC, MP3 and M4A into ``demo/``
and has it analysed; ``python -m examples.demo FILE ...`` analyses your files too.
"""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from examples.track import SAMPLE_RATE, render_track, write_audio
from keyscan.keys import Key

ROOT = Path(__file__).parent.parent
FOLDER = Path("demo")
KEY = Key.parse("A minor")
SECONDS = 20.0


def write_demo_files(folder: Path) -> list[Path]:
    """The same twenty seconds in ``KEY``, in four formats."""
    folder.mkdir(exist_ok=True)
    samples = render_track(KEY, SECONDS)
    paths = [folder / f"demo.{extension}" for extension in ("wav", "flac", "mp3", "m4a")]
    for path in paths:
        write_audio(path, samples, SAMPLE_RATE)
    return paths


def replies(paths: list[Path]) -> Iterator[dict[str, Any]]:
    """What the server says: ``ready``, then one reply a file, in the order they are done."""
    command = [sys.executable, str(ROOT / "openkeyscan_analyzer_server.py")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        yield json.loads(server.stdout.readline())
        for number, path in enumerate(paths):
            request = {"id": number, "path": str(path.absolute())}
            server.stdin.write(json.dumps(request).encode() + b"\n")
            server.stdin.flush()
        server.stdin.close()
        for line in server.stdout:
            message = json.loads(line)
            if "status" in message:
                yield message


def main() -> int:
    """Print a table; 1 if a file has no key, or ours has the wrong one."""
    parser = argparse.ArgumentParser(prog="examples.demo", description=__doc__)
    parser.add_argument("files", nargs="*", type=Path, help="audio files of yours")
    options = parser.parse_args()
    assert isinstance(sys.stdout, io.TextIOWrapper)
    sys.stdout.reconfigure(errors="replace")  # file names may hold what a console cannot show
    try:
        own = write_demo_files(FOLDER)
    except OSError as error:
        print(f"the demo's files cannot be written to {FOLDER.absolute()}: {error.strerror}",
              file=sys.stderr)  # fmt: skip
        return 1
    paths = [*own, *options.files]
    print(f"wrote {SECONDS:g} seconds of {KEY.name()} as " + ", ".join(map(str, own)))
    start = time.perf_counter()
    answers = replies(paths)
    ready = next(answers)
    if ready["type"] != "ready":
        print(f"the server did not start: {ready.get('error', ready)}", file=sys.stderr)
        return 1
    print(f"server ready after {time.perf_counter() - start:.1f} s\n")
    print(f"{'file':30} {'Camelot':8} {'Open Key':9} {'key':20} {'length':>8}")
    failed = False
    for reply in answers:
        name = reply["filename"]
        if reply["status"] == "error":
            print(f"{name:30} {reply['code']}: {reply['error']}")
            failed = True
            continue
        length = f"{reply['duration']:.1f} s"
        print(f"{name:30} {reply['camelot']:8} {reply['openkey']:9} {reply['key']:20} {length:>8}")
        for warning in reply["warnings"]:
            print(f"{'':30} warning: {warning['message']}")
        failed |= reply["id"] < len(own) and reply["camelot"] != KEY.camelot
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
