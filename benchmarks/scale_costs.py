"""What the files of a folder cost: the measured part of the forecast in ``benchmarks.scale``."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

from benchmarks.processes import usage
from examples.distributed import TIMEOUT, OneByOne, Row
from keyscan.options import Effort


@dataclass(frozen=True)
class Cost:
    """Minutes of sound, core-seconds of all processes, and MB of a file.

    ``adaptive``: the core-seconds of adaptive analysis; 0: not measured.
    """

    minutes: float
    seconds: float
    megabytes: float
    adaptive: float = 0.0


Costs = dict[str, list[Cost]]
"""By extension."""


def measure(folder: Path, adaptive: bool) -> Costs:
    """The costs of every file that has a key, analysed one at a time."""
    engine, process = OneByOne(TIMEOUT), psutil.Process()

    def analyse(path: Path, effort: Effort) -> tuple[Row, float]:
        before = usage(process).processor_seconds  # the measurement itself costs time
        row = engine.row(str(path), effort)
        return row, usage(process).processor_seconds - before

    efforts: tuple[Effort, ...] = ("full", "adaptive") if adaptive else ("full",)
    found = defaultdict(list)
    for path in sorted(folder.iterdir()):
        efforts = efforts[::-1]  # neither is always the first
        runs = {effort: analyse(path, effort) for effort in efforts}
        row, seconds = runs["full"]
        if row["status"] == "success":
            second = runs["adaptive"][1] if adaptive else 0.0
            cost = Cost(row["duration"] / 60, seconds, path.stat().st_size / 1e6, second)
            found[path.suffix[1:]].append(cost)
    return found


def print_rates(found: Costs) -> None:
    """A linear fit for each format, as in ``benchmarks.scale.RATES``."""
    print("| format | files | minutes | core-s a file | core-s a minute | spread | MB a minute |")
    print("|---|---|---|---|---|---|---|")
    for kind, files in sorted(found.items()):
        minutes = np.array([cost.minutes for cost in files])
        seconds = np.array([cost.seconds for cost in files])
        megabytes = sum(cost.megabytes for cost in files)
        per_minute, per_file = np.polyfit(minutes, seconds, 1)
        spread = (seconds / (per_file + per_minute * minutes)).std()
        print(f"| {kind} | {len(files)} | {minutes.sum():.0f} | {per_file:.3f} | {per_minute:.4f} "
              f"| {spread:.2f} | {megabytes / minutes.sum():.2f} |")  # fmt: skip


def print_shares(found: Costs) -> None:
    """What adaptive analysis takes of full analysis, and the option for the forecast with it."""
    print("\n| format | core-seconds, full | adaptive | share |")
    print("|---|---|---|---|")
    pairs = []
    for kind, files in found.items():
        full, adaptive = sum(cost.seconds for cost in files), sum(cost.adaptive for cost in files)
        print(f"| {kind} | {full:.2f} | {adaptive:.2f} | {adaptive / full:.3f} |")
        pairs.append(f"{kind}={min(adaptive / full, 1.0):.3f}")
    print(f"\n--share {','.join(pairs)}")
