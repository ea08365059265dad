"""What a process under watch does: its peak of memory, the files it opens, the network."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

_CALL = re.compile(r"^(?P<pid>\d+) +(?P<call>\w+)\((?P<arguments>.*)")
_PATH = re.compile(r'"((?:[^"\\]|\\.)*)"')
_OPENING = ("open", "openat", "openat2", "creat", "execve", "readlink", "readlinkat")
_CALLS = ",".join((*_OPENING, "connect", "socket", "bind", "sendto", "unlink", "mkdir", "rename"))


@dataclass(frozen=True)
class Call:
    """A system call, with the paths among its arguments."""

    pid: int
    name: str
    paths: tuple[str, ...]
    text: str


def tracing(log: Path) -> tuple[str, ...]:
    """The words in front of a command that have strace write its calls to ``log``."""
    known = [f"?{name}" for name in _CALLS.split(",")]  # not every processor has them all
    return ("strace", "-f", "-qq", "-s", "4096", "-xx", "-o", str(log), "-e",
            f"trace={','.join(known)}")  # fmt: skip


def may_trace() -> bool:
    """Whether strace is installed, and the system lets it look at its own children."""
    if shutil.which("strace") is None:
        return False
    command = ["strace", "-f", "-e", "trace=openat", "true"]
    return subprocess.run(command, capture_output=True).returncode == 0


def calls(log: Path, start: int = 0) -> list[Call]:
    """The calls in the log from byte ``start`` on."""
    found = []
    for line in log.read_bytes()[start:].decode("ascii").splitlines():
        match = _CALL.match(line)
        if match is not None:
            paths = tuple(map(_plain, _PATH.findall(match["arguments"])))
            found.append(Call(int(match["pid"]), match["call"], paths, line))
    return found


def _plain(text: str) -> str:
    """What strace writes as ``\\x2f\\x61``."""
    return bytes(int(pair, 16) for pair in text.split("\\x")[1:]).decode("utf-8", "surrogateescape")


def forget_peak(pid: int) -> None:
    """Measure a process's peak anew (Linux)."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def peak_bytes(pid: int) -> int:
    """The largest resident size that a process had (Linux)."""
    status = Path(f"/proc/{pid}/status").read_text()
    match = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert match is not None
    return int(match[1]) * 1024
