"""The tables of ``PROFILE_PERFORMANCE=1``: where the time goes, for people to paste."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import PurePath
from typing import TYPE_CHECKING

from keyscan.errors import AnalysisError
from keyscan.runtime import THREAD_VARIABLES

if TYPE_CHECKING:
    from keyscan.engine.engine import Outcome

PREPROCESS_STAGES = ("decode", "resample", "cqt", "postprocess")
ANSWER_STAGES = ("to_device", "model_inference", "format_output")


def profiling_enabled(environ: Mapping[str, str] = os.environ) -> bool:
    """``PROFILE_PERFORMANCE`` is set, and neither empty nor ``0``."""
    return environ.get("PROFILE_PERFORMANCE", "").strip() not in ("", "0")


def file_table(path: str, outcome: Outcome, format_seconds: float = 0.0) -> str:
    """One block of text for one file; the reply to a request took ``format_seconds`` to make.

    The total is the wall time since a worker took the file, so the percentages of the stages add
    up to less than 100. With a cache there is a row for the look-up, the digest and the storing of
    the answer; a cached file has no rows of the analysis. A failed file has its total alone.
    """
    name, total = PurePath(path).name, time.perf_counter() - outcome.since
    if isinstance(outcome.result, AnalysisError):
        return f"[PROFILE] {name}: no key ({outcome.result.code})\n  TOTAL: {total:.3f}s\n"
    seconds = {**outcome.seconds, "format_output": format_seconds}

    def row(label: str, value: float) -> str:
        percent = 100 * value / total if total else 0.0
        return f"{label}: {value:.3f}s ({percent:.1f}%)"

    answer_stages: tuple[str, ...] = ANSWER_STAGES
    lines = [f"[PROFILE] {name}:"]
    if "cache" in seconds:
        lines.append(row("  cache", seconds["cache"]))
    if seconds.keys() & {*PREPROCESS_STAGES}:
        lines += [row(f"  - {stage}", seconds.get(stage, 0.0)) for stage in PREPROCESS_STAGES]
        preprocess = sum(seconds.get(stage, 0.0) for stage in PREPROCESS_STAGES)
        lines.append(row("  preprocess_audio", preprocess))
    else:
        answer_stages = ("format_output",)
    lines += [row(f"  {stage}", seconds.get(stage, 0.0)) for stage in answer_stages]
    lines.append(f"  TOTAL: {total:.3f}s")
    return "\n".join(lines) + "\n"


def threading_lines(
    cores: int, torch_threads: int, workers: int, environ: Mapping[str, str] = os.environ
) -> str:
    """Everything that decides how many threads compete for the cores."""
    rows = [("CPU cores", str(cores))]
    rows += [(name, environ.get(name, "not set")) for name in THREAD_VARIABLES]
    rows += [("torch threads", str(torch_threads)), ("workers", str(workers))]
    return "".join(f"[THREADING] {name}: {value}\n" for name, value in rows)


def startup_line(name: str, seconds: float) -> str:
    """What was paid before ``ready``, and so is in no file's table."""
    return f"[STARTUP] {name}: {seconds:.2f}s\n"
