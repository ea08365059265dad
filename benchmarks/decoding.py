"""Decoders alone: libsndfile, FFmpeg with one thread and with more, and PyAV's cost per packet.

``python -m benchmarks.decoding FILE ...``: all ways that decode a whole file take turns, each in
one process alone, then in one for every core at once:

- *FFmpeg, no Python*: its ``amovie`` filter reads and decodes, ``atrim`` drops the frames;
- *container.decode* and *demux + decode*: PyAV's two loops, the frames are dropped;
- *frame threads*, *slice threads*: the same with threads of the decoder's own, where it has any;
- *AudioFifo*, *AudioResampler*: the same, and the frames are joined to large ones;
- *parse*: ``CodecContext.parse`` cuts the file's packets, joined before, 64 kB at a time;
- *64 packets at once*: the decoder takes them as one; only some decoders can;
- *libsndfile*: 16-bit samples, or floats;
- *keyscan, FFmpeg* and *keyscan, libsndfile*: our decoders, with the mix-down to mono.

Milliseconds are medians: wall time and processor time, in brackets the ratio to *demux + decode*;
with all cores busy, wall time of all files divided by their number.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import av
import av.error
import numpy as np
import soundfile
from av.codec.codec import Capabilities
from av.filter import Graph

from benchmarks import script
from benchmarks.script import audio_file, positive, progress
from keyscan import runtime
from keyscan.audio.decoder import Refused
from keyscan.audio.mixdown import Mixdown
from keyscan.audio.probing import probe
from keyscan.audio.pyav_decoder import PyavDecoder
from keyscan.audio.soundfile_decoder import SoundfileDecoder
from keyscan.audio.source import SourceFile

BASE = "demux + decode"
BLOCK = 1 << 16  # samples of a joined frame, bytes given to a parser
PACKETS = 64
_THREADS = {"frame": Capabilities.frame_threads, "slice": Capabilities.slice_threads}

Decode = Callable[[], int | None]
"""Decodes a file once; returns the samples of each channel, or None where they are not counted."""


class NotForThisFile(Exception):
    """This way does not decode the file."""


def _frames(path: str, kind: str = "", threads: int = 1) -> Iterator[av.AudioFrame]:
    with av.open(path) as container:
        stream = container.streams.audio[0]
        context = stream.codec_context
        context.thread_count = threads
        if kind:
            context.thread_type = kind.upper()
        for packet in container.demux(stream):
            yield from context.decode(packet)


def _demux_and_decode(path: str, kind: str = "", threads: int = 1) -> Decode:
    if kind:
        with av.open(path) as container:
            if not container.streams.audio[0].codec_context.codec.capabilities & _THREADS[kind]:
                raise NotForThisFile
    return lambda: sum(frame.samples for frame in _frames(path, kind, threads))


def _container_decode(path: str) -> Decode:
    def decode() -> int:
        with av.open(path) as container:
            container.streams.audio[0].codec_context.thread_count = 1
            return sum(frame.samples for frame in container.decode(audio=0))

    return decode


def _no_python(path: str) -> Decode:
    def decode() -> None:
        graph = Graph()
        graph.threads = 1
        steps = [graph.add("amovie", filename=path),
                 graph.add("atrim", start=str(10**6)), graph.add("abuffersink")]  # fmt: skip
        graph.link_nodes(*steps).configure()
        with contextlib.suppress(av.error.EOFError):
            graph.pull()  # no frame is left

    return decode


def _fifo(path: str) -> Decode:
    def decode() -> int:
        fifo, samples = av.AudioFifo(), 0
        for frame in _frames(path):
            frame.pts = None
            fifo.write(frame)
            if fifo.samples >= BLOCK:
                samples += fifo.samples
                fifo.read()
        return samples + fifo.samples

    return decode


def _resampler(path: str) -> Decode:
    def decode() -> int:
        resampler, samples = av.AudioResampler(frame_size=BLOCK), 0
        for frame in _frames(path):
            frame.pts = None
            samples += sum(joined.samples for joined in resampler.resample(frame))
        return samples + sum(joined.samples for joined in resampler.resample(None))

    return decode


def _packets(path: str) -> tuple[list[bytes], Callable[[], Any]]:
    """The bytes of all packets, and a maker of decoders."""
    with av.open(path) as container:
        stream = container.streams.audio[0]
        name, extradata = stream.codec_context.name, stream.codec_context.extradata
        packets = [bytes(packet) for packet in container.demux(stream) if packet.size]

    def new_decoder() -> Any:
        context = av.CodecContext.create(name, "r")
        context.thread_count, context.extradata = 1, extradata
        return context

    return packets, new_decoder


def _parse(path: str) -> Decode:
    packets, new_decoder = _packets(path)
    data = b"".join(packets)

    def decode() -> int:
        context, samples = new_decoder(), 0
        for start in range(0, len(data) + BLOCK, BLOCK):  # at last nothing, which ends the parsing
            for packet in context.parse(data[start : start + BLOCK]):
                samples += sum(frame.samples for frame in context.decode(packet))
        return samples

    return decode


def _joined_packets(path: str) -> Decode:
    packets, new_decoder = _packets(path)
    groups = [b"".join(packets[at : at + PACKETS]) for at in range(0, len(packets), PACKETS)]

    def decode() -> int:
        context = new_decoder()
        return sum(f.samples for group in groups for f in context.decode(av.Packet(group)))

    return decode


def _libsndfile(path: str) -> Decode:
    def decode() -> int:
        with soundfile.SoundFile(path) as file:
            dtype = np.int16 if file.subtype == "PCM_16" else np.float32
            buffer = np.empty((BLOCK, file.channels), dtype)
            return sum(iter(lambda: len(file.read(out=buffer)), 0))

    return decode


def _keyscan(path: str, kind: type[PyavDecoder | SoundfileDecoder]) -> Decode:
    def decode() -> int:
        source = SourceFile(path)
        decoder = kind(source, probe(source).format, Mixdown())
        samples = sum(len(block.samples) for block in decoder)
        decoder.close()
        source.close()
        return samples

    return decode


WAYS: dict[str, Callable[[str], Decode]] = {
    "FFmpeg, no Python": _no_python,
    "container.decode": _container_decode,
    BASE: _demux_and_decode,
    **{f"{count} {kind} threads": partial(_demux_and_decode, kind=kind, threads=count)
       for kind in _THREADS for count in (2, 4)},
    "AudioFifo": _fifo,
    "AudioResampler": _resampler,
    "parse": _parse,
    f"{PACKETS} packets at once": _joined_packets,
    "libsndfile": _libsndfile,
    "keyscan, FFmpeg": partial(_keyscan, kind=PyavDecoder),
    "keyscan, libsndfile": partial(_keyscan, kind=SoundfileDecoder),
}  # fmt: skip


@dataclass(frozen=True)
class Run:
    """One decoding: seconds of wall and of processor time, and samples of each channel."""

    wall: float
    processor: float
    samples: int | None


def run(way: str, path: str) -> Run | None:
    """Decode once in this process; None if the file cannot be decoded in this way."""
    try:
        decode = WAYS[way](path)
        wall, processor = time.perf_counter(), time.process_time()
        samples = decode()
        return Run(time.perf_counter() - wall, time.process_time() - processor, samples)
    except (NotForThisFile, Refused, av.error.FFmpegError, soundfile.LibsndfileError, ValueError):
        return None


def run_on(cores: int, executor: Executor, way: str, path: str) -> Run | None:
    """Decode in as many processes at once: wall time over ``cores``, mean processor time."""
    runs = list(executor.map(run, [way] * cores, [path] * cores))
    done = [each for each in runs if each is not None]
    if not done:
        return None
    wall = statistics.fmean(each.wall for each in done) / cores
    return Run(wall, statistics.fmean(each.processor for each in done), done[0].samples)


def ways_for(executor: Executor, path: Path) -> list[str]:
    """The ways that decode the whole file, after a first run of each.

    Raises:
        SystemExit: FFmpeg does not decode it.
    """
    first = {way: run_on(1, executor, way, str(path)) for way in WAYS}
    base = first[BASE]
    if base is None or not base.samples:
        raise SystemExit(f"{path}: FFmpeg does not decode this file")
    least = 0.99 * base.samples
    return [
        way for way, run in first.items() if run and (run.samples is None or run.samples > least)
    ]


def measure(path: Path, cores: int, rounds: int) -> list[str]:
    """The lines of the file's table."""
    runs: defaultdict[tuple[str, int], list[Run]] = defaultdict(list)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(cores, context, runtime.keep_freed_memory) as executor:
        ways = ways_for(executor, path)
        for way in progress(ways * rounds, path.name):
            for busy in (1, cores):
                result = run_on(busy, executor, way, str(path))
                assert result is not None
                runs[way, busy].append(result)

    def cell(way: str, busy: int, name: str) -> str:
        value, base = (
            statistics.median(getattr(run, name) for run in runs[each, busy])
            for each in (way, BASE)
        )
        return f"{value * 1000:.0f} ({value / base:.2f})"

    columns = [(busy, name) for busy in (1, cores) for name in ("wall", "processor")]
    return [f"| {way} | {' | '.join(cell(way, *column) for column in columns)} |" for way in ways]


def main() -> None:
    parser = script.parser("decoding", __doc__)
    parser.add_argument("files", nargs="+", type=audio_file, metavar="FILE")
    parser.add_argument("--rounds", type=positive, default=5)
    options = parser.parse_args()
    cores = runtime.usable_cores()
    titles = ("alone: wall, ms", "processor, ms", f"{cores} at once: wall, ms", "processor, ms")
    for path in options.files:
        lines = measure(path, cores, options.rounds)
        print(f"\n| {path.name} | {' | '.join(titles)} |\n|---|---|---|---|---|")
        print("\n".join(lines), flush=True)


if __name__ == "__main__":
    main()
