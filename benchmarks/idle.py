"""The costs of a server before its first file: the time to ``ready``, and its idle memory.

``python -m benchmarks.idle`` compares a server with one worker to ``python -c "import torch"``.
Both start anew in turns, ``--rounds`` times after a first one that fills the caches; the table
shows medians. ``--exe`` measures the frozen exe as well.

- *ready*: from the spawn to ``ready``; for torch, to the end of the process that imports it;
- *RSS*: resident MB (10^6 bytes) of the server and all its children, a second after ``ready``:
  the worker, and on POSIX the small process that Python starts beside it. Shared pages count once
  for each process; *PSS* (Linux) divides them among the processes. For torch, of a process that
  has imported it and waits.

Exit code: 1 if a ratio, of Python's server or of the exe's, is above its bar, otherwise 0.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks import script
from benchmarks.processes import children_of
from benchmarks.programs import SERVER, Program
from benchmarks.script import positive, progress

READY_BAR, SIZE_BAR = 1.3, 1.5
_IMPORT = "import torch"
_READY = '{"type": "ready"}'
_WAIT = f"{_IMPORT}, sys; print('{_READY}', flush=True); sys.stdin.read()"
_SETTLE_SECONDS = 1.0


@dataclass(frozen=True)
class Idle:
    """Seconds to ``ready``, and bytes while waiting; ``shares`` (PSS) is None where unknown."""

    ready: float
    resident: int
    shares: int | None


def measure_torch() -> Idle:
    """Seconds of ``python -c "import torch"``, and the memory of an idle process after it."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", _IMPORT], check=True)
    seconds = time.perf_counter() - start
    waiting = measure_server("torch", [sys.executable, "-c", _WAIT])
    return Idle(seconds, waiting.resident, waiting.shares)


def measure_server(name: str, command: list[str]) -> Idle:
    """Start a server, wait until it is ready, and measure its processes.

    Raises:
        SystemExit: it cannot start.
    """
    start = time.perf_counter()
    with Program(name, command) as program:
        seconds = time.perf_counter() - start
        time.sleep(_SETTLE_SECONDS)
        parent = psutil.Process(program.pid)
        every = [parent, *children_of(parent)]
        resident = sum(one.memory_info().rss for one in every)
        shares = sum(getattr(one.memory_full_info(), "pss", 0) for one in every)
    return Idle(seconds, resident, shares or None)


def median(runs: list[Idle]) -> Idle:
    """The median of each figure."""
    shares = [run.shares for run in runs if run.shares is not None]
    return Idle(
        statistics.median(run.ready for run in runs),
        round(statistics.median(run.resident for run in runs)),
        round(statistics.median(shares)) if shares else None,
    )


def row(name: str, idle: Idle, torch: Idle) -> str:
    """A line of the table, with ratios to an import of torch."""
    shares = "|"
    if idle.shares is not None and torch.shares is not None:
        shares = f"{idle.shares / 1e6:.0f} | {idle.shares / torch.shares:.2f}"
    return (
        f"| {name} | {idle.ready:.2f} | {idle.ready / torch.ready:.2f} | "
        f"{idle.resident / 1e6:.0f} | {idle.resident / torch.resident:.2f} | {shares} |"
    )


def main() -> int:
    parser = script.parser("idle", __doc__)
    parser.add_argument("--exe", type=Path, help="measure the frozen exe as well")
    parser.add_argument("--rounds", type=positive, default=7, help="rounds of all programs")
    options = parser.parse_args()
    servers = {"server": [*SERVER, "--workers", "1"]}
    if options.exe is not None:
        if not options.exe.is_file():
            parser.error(f"no program {options.exe}")
        servers["exe"] = [str(options.exe.absolute()), "--workers", "1"]
    torch: list[Idle] = []
    runs: dict[str, list[Idle]] = {name: [] for name in servers}
    for _ in progress(range(1 + options.rounds)):
        torch.append(measure_torch())
        for name, command in servers.items():
            runs[name].append(measure_server(name, command))
    usual = median(torch[1:])
    measured = {name: median(some[1:]) for name, some in runs.items()}
    print(
        "| | ready, s | ratio | RSS, MB | ratio | PSS, MB | ratio |\n|---|---|---|---|---|---|---|"
    )
    for name, idle in {_IMPORT: usual, **measured}.items():
        print(row(name, idle, usual))
    late = any(idle.ready > READY_BAR * usual.ready for idle in measured.values())
    large = any(idle.resident > SIZE_BAR * usual.resident for idle in measured.values())
    print(
        f"\nbars: ready {READY_BAR}, {'MISSED' if late else 'kept'}; "
        f"RSS {SIZE_BAR}, {'MISSED' if large else 'kept'}"
    )
    return 1 if late or large else 0


if __name__ == "__main__":
    sys.exit(main())
