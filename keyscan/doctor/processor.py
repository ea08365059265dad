"""Which processor this is, and which of its SIMD instructions the libraries have found."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from keyscan.runtime import usable_cores


@dataclass(frozen=True)
class Processor:
    """``simd``: instruction sets that numpy can use here, from the oldest to the newest."""

    name: str
    cores: int
    usable_cores: int
    simd: tuple[str, ...]


def processor() -> Processor:
    """This machine's; imports numpy."""
    import numpy as np

    simd = np.show_config(mode="dicts")["SIMD Extensions"]  # type: ignore[index,call-overload]
    found = (*simd.get("baseline", ()), *simd.get("found", ()))
    return Processor(processor_name(platform.system()), os.cpu_count() or 1, usable_cores(), found)


def processor_name(system: str, cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """Its maker's name for it; ``system`` as in ``platform.system()``.

    Where the system does not tell (Linux on ARM), the instruction set.
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
            return _windows_name()
    except (OSError, subprocess.SubprocessError):
        return platform.machine()
    return platform.processor() or platform.machine()


def _windows_name() -> str:
    import winreg

    path = r"HARDWARE\DESCRIPTION\System\CentralProcessor\0"
    with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, path) as key:  # type: ignore[attr-defined]
        name = winreg.QueryValueEx(key, "ProcessorNameString")[0]  # type: ignore[attr-defined]
    return str(name).strip()
