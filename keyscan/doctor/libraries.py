"""What this process has loaded: packages, BLAS and OpenMP runtimes, decoders."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

_OURS = ("__main__", "__mp_main__", "openkeyscan_analyzer_server")
_INNER = ("_", "pyimod")  # parts of other packages, and of PyInstaller's bootloader
_SHIPPED_WITH = {"torchgen": "torch"}  # a frozen app has no metadata that says so
_HIDES_DUPLICATES = "KMP_DUPLICATE_LIB_OK"


@dataclass(frozen=True)
class Package:
    """``file`` is None for what has none, such as a module made at run time."""

    version: str | None
    file: str | None


@dataclass(frozen=True)
class ThreadPool:
    """A BLAS or OpenMP runtime; ``architecture`` is the processor whose kernels a BLAS chose."""

    kind: str
    version: str | None
    threads: int
    architecture: str | None
    threading_layer: str | None
    file: str


@dataclass(frozen=True)
class AudioLibraries:
    """Versions, the containers libsndfile opens, the audio codecs FFmpeg decodes and encodes."""

    libsndfile: str
    libsndfile_formats: tuple[str, ...]
    ffmpeg: str
    ffmpeg_decoders: tuple[str, ...]
    ffmpeg_encoders: tuple[str, ...]
    libsoxr: str


def loaded_packages(modules: Mapping[str, ModuleType] = sys.modules) -> dict[str, Package]:
    """Every top-level module that is not of the standard library, by name."""
    found = {}
    for name, module in sorted(modules.items()):
        if "." in name or name in sys.stdlib_module_names or name in _OURS:
            continue
        if name.startswith(_INNER):
            continue
        file = getattr(module, "__file__", None)
        owner = modules.get(_SHIPPED_WITH.get(name, name), module)
        own_version = getattr(owner, "__version__", None)
        if file is None and own_version is None:
            continue
        version = str(own_version) if own_version is not None else _distribution_version(name)
        found[name] = Package(version, file)
    return found


def thread_pools() -> dict[str, ThreadPool]:
    """The runtimes loaded so far by name (``openblas``, ``openmp``, ``openmp 2``, ...).

    What is linked into a library without a file of its own (MKL inside torch) is not among them.
    """
    before = os.environ.get(_HIDES_DUPLICATES)
    import threadpoolctl  # type: ignore[import-untyped]

    if before is None:
        os.environ.pop(_HIDES_DUPLICATES, None)  # threadpoolctl sets it, and we never do
    return _named(threadpoolctl.threadpool_info())


def _named(infos: Iterable[Mapping[str, Any]]) -> dict[str, ThreadPool]:
    pools: dict[str, ThreadPool] = {}
    for info in sorted(infos, key=lambda info: (info["internal_api"], info["filepath"])):
        if "stubs" in Path(info["filepath"]).name:  # Intel's library of empty functions
            continue
        kind, number = info["internal_api"], 2
        name = kind
        while name in pools:
            name, number = f"{kind} {number}", number + 1
        pools[name] = ThreadPool(
            info["user_api"],
            info.get("version"),
            info["num_threads"],
            info.get("architecture"),
            info.get("threading_layer"),
            info["filepath"],
        )
    return pools


def numpy_blas() -> str:
    """The BLAS that numpy was built for, with its version; Accelerate shows here only."""
    import numpy as np

    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]  # type: ignore[index,call-overload]
    return f"{blas.get('name', 'unknown')} {blas.get('version', '')}".strip()


def audio_libraries() -> AudioLibraries:
    """Of the decoders that the front end uses."""
    import av
    import soundfile
    import soxr

    return AudioLibraries(
        soundfile.__libsndfile_version__,
        tuple(sorted(soundfile.available_formats())),
        av.ffmpeg_version_info,
        _audio_codecs("r"),
        _audio_codecs("w"),
        soxr.__libsoxr_version__,
    )


def _audio_codecs(mode: str) -> tuple[str, ...]:
    import av
    from av.codec.codec import UnknownCodecError

    names = []
    for name in sorted(av.codecs_available):
        try:
            codec = av.Codec(name, mode)  # type: ignore[arg-type]
        except UnknownCodecError:
            continue
        if codec.type == "audio":
            names.append(name)
    return tuple(names)


@cache
def _distributions() -> Mapping[str, list[str]]:
    return metadata.packages_distributions()


def _distribution_version(module: str) -> str | None:
    # Distributions are found by their files, which a frozen app keeps in its archive.
    distribution = _distributions().get(module, [module])[0]
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None
