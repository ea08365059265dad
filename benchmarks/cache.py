"""What ``--cache`` costs and saves: the server analyses a library of MP3s four times.

``python -m benchmarks.cache`` writes a track of its own as MP3 and copies of it that differ only in
their tags, so each has a digest of its own. A server analyses all of them without a cache, with an
empty one, with a full one, and after the files were renamed, when it reads each once for its
digest. Then the benchmark fills a cache with rows for a large library.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

from keyscan import runtime

runtime.pin_threads()

import numpy as np  # noqa: E402 - the threads must be pinned first

from benchmarks import script  # noqa: E402
from benchmarks.music import repeated  # noqa: E402
from benchmarks.programs import SERVER, Program  # noqa: E402
from benchmarks.script import positive  # noqa: E402
from examples.track import SAMPLE_RATE, write_audio  # noqa: E402
from keyscan.api import analyze  # noqa: E402
from keyscan.cache.database import Database  # noqa: E402
from keyscan.cache.lookup import FileRow, ResultRow, Stamp  # noqa: E402
from keyscan.keys import KEYS  # noqa: E402

_BATCH = 1000  # rows stored at a time


def write_library(folder: Path, tracks: int, seconds: float) -> list[Path]:
    """Copies of one piece of music as MP3, each with its own ID3v1 tag."""
    folder.mkdir()
    paths = [folder / f"Some artist - A title of a track {n}.mp3" for n in range(tracks)]
    write_audio(paths[0], repeated(KEYS[0], seconds), SAMPLE_RATE)
    for number, path in enumerate(paths):
        if number:
            shutil.copy(paths[0], path)
    for number, path in enumerate(paths):
        with path.open("ab") as file:
            file.write(f"TAG{number}".encode().ljust(128, b"\0"))
    return paths


def seconds_for(options: list[str], paths: list[Path]) -> float:
    """Seconds of one pass over the files, on a server whose workers are all running."""
    with (
        tempfile.NamedTemporaryFile(suffix=".mp3") as file,
        Program("the server", [*SERVER, *options]) as server,
    ):
        file.write(b"no music " * 1000)
        file.flush()
        server.ask_all(
            [Path(file.name)] * 8 * runtime.usable_cores()
        )  # the cache does not keep failures
        return server.seconds_for(paths)


def library_rows(folder: Path, tracks: int, seconds: float) -> list[str]:
    """Lines of the table: seconds of each pass over the library, and milliseconds a track."""
    paths = write_library(folder / "music", tracks, seconds)
    cache = ["--cache", str(folder / "keys.sqlite")]
    rows = []
    for what, options in (
        ("no cache", []),
        ("an empty cache", cache),
        ("unchanged", cache),
        ("moved", cache),
    ):
        if what == "moved":
            paths = [path.rename(path.with_name(f"moved {path.name}")) for path in paths]
        taken = seconds_for(options, paths)
        rows.append(f"| {what} | {taken:.2f} | {1000 * taken / tracks:.2f} |")
    return rows


def fill(path: Path, track: Path, tracks: int) -> tuple[float, float]:
    """Bytes a track, and milliseconds for its two look-ups, in a cache of that many tracks."""
    record = json.dumps(analyze(track, timeline=True).to_record()).encode()
    cache = Database(str(path), sys.exit, 10.0)
    stamp, settings = Stamp(10_000_000, time.time_ns(), time.time_ns()), bytes(16)
    names = [
        f"{track.parent}/{number % 997}/{track.name}{number}".encode() for number in range(tracks)
    ]
    digests = [number.to_bytes(20, "little") for number in range(tracks)]
    for first in range(0, tracks, _BATCH):
        part = slice(first, first + _BATCH)
        cache.store(
            [
                FileRow(*row)
                for row in zip(names[part], [stamp] * _BATCH, digests[part], strict=False)
            ],
            [ResultRow(digest, settings, record) for digest in digests[part]],
        )
    cache.close()
    size = path.stat().st_size
    some = np.random.default_rng(0).permutation(tracks)[:5000]
    start = time.perf_counter()
    for number in some:
        digest = cache.digest_of(names[number], stamp)
        assert digest is not None
        assert cache.record_of(digest, settings) is not None
    taken = time.perf_counter() - start
    cache.close()
    return size / tracks, 1000 * taken / len(some)


def main() -> None:
    parser = script.parser("cache", __doc__)
    parser.add_argument("--tracks", type=positive, default=100, help="files to analyse")
    parser.add_argument("--seconds", type=float, default=300.0, help="length of a track")
    parser.add_argument("--rows", type=positive, default=100_000, help="tracks in the large cache")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print(f"| {options.tracks} tracks of {options.seconds:g} s | s | ms a track |")
        print("|---|---|---|")
        print(*library_rows(folder, options.tracks, options.seconds), sep="\n")
        (track,) = (folder / "music").glob("* 0.mp3")
        size, taken = fill(folder / "large.sqlite", track, options.rows)
        print("\n| tracks in a cache | bytes a track | look-ups, ms |")
        print("|---|---|---|")
        print(f"| {options.rows:,} | {size:.0f} | {taken:.3f} |")


if __name__ == "__main__":
    main()
