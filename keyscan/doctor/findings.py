"""What is wrong with an environment, in sentences that say what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from keyscan.doctor.environment import Python, Variable
from keyscan.doctor.libraries import AudioLibraries, Package, ThreadPool
from keyscan.doctor.processor import Processor
from keyscan.runtime import THREAD_VARIABLES

_NEEDED_CODECS = ("aac", "alac", "flac", "mp3float", "opus", "vorbis", "wmav2")
_BROKEN_WHEN_FROZEN = "3.12.0"


def find_warnings(
    python: Python,
    processor: Processor,
    packages: Mapping[str, Package],
    pools: Mapping[str, ThreadPool],
    variables: Mapping[str, Variable],
    audio: AudioLibraries,
    threads: int,
    load: float | None,
) -> Iterator[str]:
    """One sentence for each thing that is known to make tracks slow, or to break."""
    runtimes = [pool.file for pool in pools.values() if pool.kind == "openmp"]
    if len(runtimes) > 1:
        yield (
            f"{len(runtimes)} OpenMP runtimes are loaded, whose threads fight for the cores, and "
            f"which can crash: keep one of {', '.join(runtimes)}"
        )
    if variables.get("KMP_DUPLICATE_LIB_OK", Variable(None, "nobody")).value:
        yield (
            "KMP_DUPLICATE_LIB_OK is set: if a second OpenMP runtime were loaded, it would hide "
            "that, and let the two crash; unset it"
        )
    for name in THREAD_VARIABLES:
        variable = variables[name]
        if variable.set_by == "user" and variable.value != "1":
            yield (
                f"{name} is set to {variable.value!r}: files are worked on side by side, and more "
                "threads for each make all of them slower; unset it"
            )
    if load is not None and load > processor.cores:
        yield (
            f"the machine is busy: {load:.1f} processes want its {processor.cores} cores, so the "
            "timings are not worth much; measure again when it is idle"
        )
    if threads > processor.usable_cores:
        yield (
            f"--threads {threads} is more than the {processor.usable_cores} cores that this "
            "process may use: they wait for each other"
        )
    if "numba" in packages and packages["numba"].file and "llvmlite" in packages:
        yield (
            "numba is loaded: it compiles for seconds when it is first called, again after every "
            "change of its cache folder; nothing that serves a file needs it"
        )
    if python.frozen and python.version == _BROKEN_WHEN_FROZEN:
        yield "Python 3.12.0 breaks scipy.stats in frozen apps: build with another version"
    missing = [codec for codec in _NEEDED_CODECS if codec not in audio.ffmpeg_decoders]
    if missing:
        yield (
            f"FFmpeg lacks decoders for {', '.join(missing)}: files in these formats get errors; "
            "install PyAV from its own wheel"
        )
