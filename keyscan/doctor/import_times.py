"""What importing costs, module by module, in a process that has imported nothing yet."""

from __future__ import annotations

import importlib
import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

REFERENCE_MODULES = ("scipy.signal", "keyscan.spectrogram.reference", "librosa.core.constantq")
"""What only ``--cqt-engine librosa`` loads."""

HEAVY_MODULES = (
    *("numpy", "soundfile", "soxr", "av", "keyscan.spectrogram.features"),  # of a worker
    *("torch", "keyscan.model.checkpoint", "keyscan.server.server"),  # of the server
    *REFERENCE_MODULES,
)
"""In this order, so that each is charged with what the ones before it have not imported."""

PROCESS_START = "process start"


def import_seconds() -> dict[str, float | None]:
    """Seconds by module, None for one that cannot be imported; ``PROCESS_START`` comes first.

    Files that the system keeps in memory are read from there: the first report after the machine
    was started shows the disk, and a virus scanner. A process that dies leaves all without time.
    """
    context = multiprocessing.get_context("spawn")  # works in the frozen app, on every system
    start = time.time()
    try:
        with ProcessPoolExecutor(1, mp_context=context) as executor:
            began, seconds = executor.submit(_import_all).result()
    except BrokenProcessPool:
        return dict.fromkeys((PROCESS_START, *HEAVY_MODULES))
    return {PROCESS_START: began - start, **seconds}


def _import_all() -> tuple[float, dict[str, float | None]]:
    began = time.time()
    seconds: dict[str, float | None] = {}
    for name in HEAVY_MODULES:
        start = time.perf_counter()
        try:
            importlib.import_module(name)
        except ImportError:
            seconds[name] = None
        else:
            seconds[name] = time.perf_counter() - start
    return began, seconds
