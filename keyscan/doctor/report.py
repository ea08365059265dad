"""Everything that decides how fast tracks are analysed here, as a dict that becomes JSON."""

from __future__ import annotations

import hashlib
import importlib
import multiprocessing
import os
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from pathlib import Path
from typing import Any

from keyscan import __version__
from keyscan.doctor import environment
from keyscan.doctor.environment import Facts
from keyscan.doctor.progress import say
from keyscan.errors import AnalysisError
from keyscan.options import ModelOptions
from keyscan.runtime import THREAD_VARIABLES
from keyscan.start import loading

SCHEMA = 1
"""Rises when a name in the JSON changes its meaning."""

PROCESS_START = "process start"
REFERENCE_MODULES = ("scipy.signal", "keyscan.spectrogram.reference", "librosa.core.constantq")
"""Loaded only with ``--cqt librosa``."""
HEAVY_MODULES = (
    *("numpy", "soundfile", "soxr", "av", "keyscan.spectrogram.features"),  # of a worker
    *("torch", "keyscan.model.checkpoint", "keyscan.server.server"),  # of the server
    *REFERENCE_MODULES,
)
"""In this order: each is charged with what the ones before it have not imported."""

_NEEDED_CODECS = ("aac", "alac", "flac", "mp3float", "opus", "vorbis", "wmav2")


def make_report(options: ModelOptions) -> Facts:
    """Load what the server and its workers load, measure, and look at what is there.

    ``speed`` has all measurements, in seconds, ``warnings`` sentences for people; the rest are
    facts.

    Raises:
        StartFailed: a library, the filter bank or the model cannot be loaded.
    """
    # before libraries set variables of their own
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    variables = environment.variables()
    say("timing the imports in a fresh process")
    imports = import_seconds()
    say("loading the model")
    with loading():
        from keyscan.doctor.benchmark import benchmark
        from keyscan.model import checkpoint
        from keyscan.spectrogram.constant_q import FILTER_BANK_PATH, load_filter_bank
    checkpoint.configure_torch(options)
    load_filter_bank()
    start = time.perf_counter()
    model = checkpoint.load_model(options.path, options.device)
    loaded = time.perf_counter()
    model.warm_up()
    speed: Facts = {"load_average": load, "imports": imports, "model_load": loaded - start,
                    "warm_up": time.perf_counter() - loaded, "benchmark": {}}  # fmt: skip
    warnings = []
    try:
        speed["benchmark"] = benchmark(model)
    except (OSError, AnalysisError) as error:
        warnings += [f"no benchmark: temporary files cannot be written and read ({error}); "
                     "set TMPDIR to a folder that can be written to"]  # fmt: skip
    say("looking at the libraries")
    report = {
        "schema": SCHEMA,
        "keyscan": __version__,
        **environment.machine(),
        "packages": environment.loaded_packages(),
        "numpy_blas": environment.numpy_blas(),
        "thread_pools": environment.thread_pools(),
        "variables": variables,
        "torch": checkpoint.torch_facts(options.device),
        "audio": environment.audio_libraries(),
        "model": _data_file(model.info.name, options.path or checkpoint.PACKAGED_CHECKPOINT),
        "filter_bank": _data_file("filter bank", FILTER_BANK_PATH),
        "speed": speed,
    }
    return {**report, "warnings": [*warnings, *find_warnings(report)]}


def import_seconds() -> dict[str, float | None]:
    """Seconds by module in a fresh process, None for one that cannot be imported.

    Modules in the system's file cache come from memory: only the first report after a start of the
    machine includes the disk and a virus scanner. If the process dies, every value is None.
    """
    context = multiprocessing.get_context("spawn")  # works in the frozen app, on every system
    start = time.time()
    try:
        with ProcessPoolExecutor(1, mp_context=context) as executor:
            begun, seconds = executor.submit(_import_all).result()
    except BrokenProcessPool:
        return dict.fromkeys((PROCESS_START, *HEAVY_MODULES))
    return {PROCESS_START: begun - start, **seconds}


def _import_all() -> tuple[float, dict[str, float | None]]:
    """Runs in a process that has imported nothing heavy, so this module must not either."""
    begun = time.time()
    seconds: dict[str, float | None] = dict.fromkeys(HEAVY_MODULES)
    for name in HEAVY_MODULES:
        start = time.perf_counter()
        with suppress(ImportError):
            importlib.import_module(name)
            seconds[name] = time.perf_counter() - start
    return begun, seconds


def _data_file(name: str, path: Path) -> Facts:
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    return {"name": name, "file": str(path), "bytes": len(content), "sha256": digest}


# fmt: off
def find_warnings(report: Mapping[str, Any]) -> Iterator[str]:
    """One sentence for each thing that is known to make tracks slow, or to break."""
    variables, packages = report["variables"], report["packages"]
    runtimes = [p["file"] for p in report["thread_pools"].values() if p["kind"] == "openmp"]
    if len(runtimes) > 1:
        yield (f"{len(runtimes)} OpenMP runtimes are loaded, whose threads fight for the cores, "
               f"and which can crash: keep one of {', '.join(runtimes)}")
    if variables.get("KMP_DUPLICATE_LIB_OK", {}).get("value"):
        yield ("KMP_DUPLICATE_LIB_OK is set: if a second OpenMP runtime were loaded, it would "
               "hide that, and let the two crash; unset it")
    for name in THREAD_VARIABLES:
        value, setter = variables[name]["value"], variables[name]["set_by"]
        if setter == "user" and value != "1":
            yield (f"{name} is set to {value!r}: files are worked on side by side, and more "
                   "threads for each make all of them slower; unset it")
    load, cores = report["speed"]["load_average"], report["processor"]["cores"]
    if load is not None and load > cores:
        yield (f"the machine is busy: {load:.1f} processes want its {cores} cores, so the "
               "timings are not worth much; measure again when it is idle")
    threads, usable = report["torch"]["threads"], report["processor"]["usable_cores"]
    if threads > usable:
        yield (f"--threads {threads} is more than the {usable} cores that this "
               "process may use: they wait for each other")
    if "llvmlite" in packages and packages.get("numba", {}).get("file"):
        yield ("numba is loaded: it compiles for seconds when it is first called, again after "
               "every change of its cache folder; nothing that serves a file needs it")
    if report["python"]["frozen"] and report["python"]["version"] == "3.12.0":
        yield "Python 3.12.0 breaks scipy.stats in frozen apps: build with another version"
    decoders = report["audio"]["ffmpeg_decoders"]
    if missing := [codec for codec in _NEEDED_CODECS if codec not in decoders]:
        yield (f"FFmpeg lacks decoders for {', '.join(missing)}: files in these formats get "
               "errors; install PyAV from its own wheel")
# fmt: on
