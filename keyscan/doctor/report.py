"""Everything that decides how fast tracks are analysed here, in one report."""

from __future__ import annotations

import hashlib
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from keyscan import __version__
from keyscan.doctor.environment import (
    Python,
    System,
    Variable,
    load_average,
    python,
    system,
    variables,
)
from keyscan.doctor.findings import find_warnings
from keyscan.doctor.import_times import import_seconds
from keyscan.doctor.libraries import (
    AudioLibraries,
    Package,
    ThreadPool,
    audio_libraries,
    loaded_packages,
    numpy_blas,
    thread_pools,
)
from keyscan.doctor.processor import Processor, processor
from keyscan.errors import DamagedInstallation
from keyscan.model_options import ModelOptions

if TYPE_CHECKING:
    from keyscan.model.checkpoint import KeyModel

SCHEMA = 1
"""Rises when a name in the JSON changes its meaning."""


@dataclass(frozen=True)
class Torch:
    """``cpu_capability``: the SIMD level of torch's kernels; ``build``: what is linked into it.

    ``mkl_threads`` are those of the BLAS inside torch, None where that is not MKL.
    """

    version: str
    device: str
    threads: int
    interop_threads: int
    mkl_threads: int | None
    precision: str
    cpu_capability: str
    build: tuple[str, ...]


@dataclass(frozen=True)
class DataFile:
    """A file of ours that decides about the answers."""

    name: str
    file: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Speed:
    """Seconds; ``load_average`` was taken before anything was measured.

    ``imports`` is by module, ``benchmark`` by format and stage (see ``benchmark.Timing``), empty
    if it could not be run.
    """

    load_average: float | None
    imports: dict[str, float | None]
    model_load: float
    warm_up: float
    benchmark: dict[str, Any]


@dataclass(frozen=True)
class Report:
    """``warnings`` are sentences for people; all other fields are facts and measurements."""

    schema: int
    keyscan: str
    python: Python
    system: System
    processor: Processor
    packages: dict[str, Package]
    numpy_blas: str
    thread_pools: dict[str, ThreadPool]
    variables: dict[str, Variable]
    torch: Torch
    audio: AudioLibraries
    model: DataFile
    filter_bank: DataFile
    speed: Speed
    warnings: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Dicts, lists, strings and numbers, to be written as JSON."""
        return asdict(self)


def make_report(options: ModelOptions) -> Report:
    """Load what the server and its workers load, measure, and look at what is there.

    Raises:
        ModelError: the model cannot be used.
        DamagedInstallation: the filter bank cannot.
    """
    load, environ = load_average(), variables()  # before libraries set some of their own
    imports = import_seconds()
    options.apply_to_torch()
    from keyscan.model.checkpoint import PACKAGED_CHECKPOINT, load_model
    from keyscan.spectrogram.constant_q import FILTER_BANK_PATH, load_filter_bank

    try:
        load_filter_bank()
    except (OSError, ValueError, KeyError) as error:
        message = f"{FILTER_BANK_PATH}: {error}: the installation is damaged; install it anew"
        raise DamagedInstallation(message) from error

    start = time.perf_counter()
    model = load_model(options.path, options.device)
    loaded = time.perf_counter()
    model.warm_up()
    warm = time.perf_counter()
    timings, warnings = _benchmark(model)
    packages, pools = loaded_packages(), thread_pools()
    here, cpu, audio = python(), processor(), audio_libraries()
    warnings += find_warnings(here, cpu, packages, pools, environ, audio, options.threads, load)
    return Report(
        SCHEMA,
        __version__,
        here,
        system(),
        cpu,
        packages,
        numpy_blas(),
        pools,
        environ,
        _torch(options),
        audio,
        data_file(model.info.name, options.path or PACKAGED_CHECKPOINT),
        data_file("filter bank", FILTER_BANK_PATH),
        Speed(load, imports, loaded - start, warm - loaded, timings),
        tuple(warnings),
    )


def _benchmark(model: KeyModel) -> tuple[dict[str, Any], list[str]]:
    """Timings by format, or a warning that says why there are none."""
    from keyscan.doctor.benchmark import benchmark
    from keyscan.errors import AnalysisError

    try:
        return {name: asdict(timing) for name, timing in benchmark(model).items()}, []
    except (OSError, AnalysisError) as error:
        return {}, [
            f"no benchmark: temporary files cannot be written and read ({error}); set TMPDIR to "
            "a folder that can be written to"
        ]


def data_file(name: str, path: Path) -> DataFile:
    """Raises OSError if the file cannot be read."""
    content = path.read_bytes()
    return DataFile(name, str(path), len(content), hashlib.sha256(content).hexdigest())


def _torch(options: ModelOptions) -> Torch:
    import torch

    lines = [line.strip() for line in torch.__config__.parallel_info().splitlines()]
    mkl = [line for line in lines if line.startswith("mkl_get_max_threads")]
    return Torch(
        torch.__version__,
        options.device,
        torch.get_num_threads(),
        torch.get_num_interop_threads(),
        int(mkl[0].rpartition(":")[2]) if mkl else None,
        torch.get_float32_matmul_precision(),
        torch.backends.cpu.get_cpu_capability(),
        tuple(
            line
            for line in lines
            if line.startswith(("OpenMP", "Intel(R)", "ATen parallel backend"))
        ),
    )
