"""Python, the system, the processor, variables and libraries: each part of a report as a dict."""

from __future__ import annotations

import importlib
import os
import platform
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from keyscan.runtime import PINNED, THREAD_VARIABLES, usable_cores

Facts = dict[str, Any]

PREFIXES = (
    *("OMP_", "GOMP_", "KMP_", "MKL_", "OPENBLAS_", "GOTO_", "BLIS_", "VECLIB_", "NUMEXPR_"),
    *("TORCH_", "PYTORCH_", "ATEN_", "ONEDNN_", "DNNL_", "NPY_", "NUMBA_", "LIBROSA_"),
)
"""Of the environment variables that configure numerical libraries."""


def machine() -> dict[str, Facts]:
    """The interpreter, the operating system and the processor.

    ``folder`` is where a frozen app has its files, None in plain Python; ``libc`` is empty where it
    is part of the system; ``simd`` are the instruction sets that numpy can use here, the oldest
    first.
    """
    simd = _numpy_config()["SIMD Extensions"]
    return {
        "python": {
            "version": platform.python_version(),
            "implementation": platform.python_implementation(),
            "executable": sys.executable,
            "frozen": bool(getattr(sys, "frozen", False)),
            "folder": getattr(sys, "_MEIPASS", None),
            "utf8_mode": bool(sys.flags.utf8_mode),
        },
        "system": {
            "name": platform.system(),
            "release": platform.release(),
            "version": platform.version(),
            "machine": platform.machine(),
            "libc": " ".join(platform.libc_ver()).strip(),
        },
        "processor": {
            "name": processor_name(platform.system()),
            "cores": os.cpu_count() or 1,
            "usable_cores": usable_cores(),
            "simd": (*simd.get("baseline", ()), *simd.get("found", ())),
        },
    }


def processor_name(system: str, cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """The model name; ``system`` as in ``platform.system()``.

    The instruction set where the system does not tell the name (Linux on ARM).
    """
    try:
        if system == "Linux":
            found = re.search(r"^model name\s*: (.+)$", cpuinfo.read_text(), re.MULTILINE)
            return found[1].strip() if found else platform.machine()
        if system == "Darwin":
            command = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
            return subprocess.run(
                command, capture_output=True, text=True, check=True, timeout=10
            ).stdout.strip()
        if system == "Windows":
            winreg: Any = importlib.import_module("winreg")
            path = r"HARDWARE\DESCRIPTION\System\CentralProcessor\0"
            with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, path) as key:
                return str(winreg.QueryValueEx(key, "ProcessorNameString")[0]).strip()
    except (OSError, subprocess.SubprocessError):
        return platform.machine()
    return platform.processor() or platform.machine()


def variables(
    environ: Mapping[str, str] = os.environ, pinned: Collection[str] = PINNED
) -> dict[str, Facts]:
    """``value`` and ``set_by`` (None: not set) of the variables that set the number of threads,
    then of those that are set and configure numerical libraries otherwise."""
    others = sorted(name for name in environ if name.startswith(PREFIXES))
    unset: Facts = {"value": None, "set_by": None}
    found = dict.fromkeys(THREAD_VARIABLES, unset)
    for name in (*THREAD_VARIABLES, *others):
        if name in environ:
            setter = "keyscan" if name in pinned else "user"
            found[name] = {"value": environ[name], "set_by": setter}
    return found


def loaded_packages(modules: Mapping[str, ModuleType] = sys.modules) -> dict[str, Facts]:
    """``version`` and ``file`` of each top-level module outside the standard library.

    ``file`` is None for a module made at run time.
    """
    distributions = metadata.packages_distributions()  # by files: not in a frozen app
    found = {}
    for name, module in sorted(modules.items()):
        # "_" and "pyimod" begin parts of other packages, and of PyInstaller's bootloader
        if "." in name or name.startswith(("_", "pyimod")) or name in sys.stdlib_module_names:
            continue
        file = getattr(module, "__file__", None)
        # a frozen app has no metadata that says that torchgen is shipped with torch
        owner = modules.get("torch", module) if name == "torchgen" else module
        version = getattr(owner, "__version__", None)
        if name == "openkeyscan_analyzer_server" or (file is None and version is None):
            continue
        if version is None:
            with suppress(metadata.PackageNotFoundError):
                version = metadata.version(distributions.get(name, [name])[0])
        found[name] = {"version": None if version is None else str(version), "file": file}
    return found


def thread_pools() -> dict[str, Facts]:
    """The loaded BLAS and OpenMP runtimes by name (``openblas``, ``openmp``, ``openmp 2``, ...).

    ``architecture`` is the processor whose kernels a BLAS chose. A runtime linked into a library
    without a file of its own (MKL inside torch) is missing.
    """
    before = dict(os.environ)
    import threadpoolctl  # type: ignore[import-untyped]

    if "KMP_DUPLICATE_LIB_OK" not in before:
        os.environ.pop("KMP_DUPLICATE_LIB_OK", None)  # threadpoolctl sets it, and we never do
    return named_pools(threadpoolctl.threadpool_info())


def named_pools(infos: Iterable[Mapping[str, Any]]) -> dict[str, Facts]:
    """``thread_pools`` from what threadpoolctl gives."""
    pools: dict[str, Facts] = {}
    seen: Counter[str] = Counter()
    for info in sorted(infos, key=lambda info: (info["internal_api"], info["filepath"])):
        if "stubs" in Path(info["filepath"]).name:  # Intel's library of empty functions
            continue
        name = info["internal_api"]
        seen[name] += 1
        pools[name if seen[name] == 1 else f"{name} {seen[name]}"] = {
            "kind": info["user_api"],
            "version": info.get("version"),
            "threads": info["num_threads"],
            "architecture": info.get("architecture"),
            "threading_layer": info.get("threading_layer"),
            "file": info["filepath"],
        }
    return pools


def numpy_blas() -> str:
    """The BLAS that numpy was built for, with its version; Accelerate shows here only."""
    blas = _numpy_config()["Build Dependencies"]["blas"]
    return f"{blas.get('name', 'unknown')} {blas.get('version', '')}".strip()


def _numpy_config() -> Any:
    import numpy as np

    return np.show_config(mode="dicts")  # type: ignore[call-overload]


def audio_libraries() -> Facts:
    """Versions, the containers that libsndfile opens, FFmpeg's audio decoders and encoders."""
    import av
    import soundfile
    import soxr
    from av.codec.codec import UnknownCodecError

    def codecs(mode: Literal["r", "w"]) -> tuple[str, ...]:
        names = []
        for name in sorted(av.codecs_available):
            with suppress(UnknownCodecError):
                if av.Codec(name, mode).type == "audio":
                    names.append(name)
        return tuple(names)

    return {
        "libsndfile": soundfile.__libsndfile_version__,
        "libsndfile_formats": tuple(sorted(soundfile.available_formats())),
        "ffmpeg": av.ffmpeg_version_info,
        "ffmpeg_decoders": codecs("r"),
        "ffmpeg_encoders": codecs("w"),
        "libsoxr": soxr.__libsoxr_version__,
    }
