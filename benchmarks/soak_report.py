"""The report of the soak: a table of the samples and an exit code."""

from __future__ import annotations

import enum
import statistics
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import psutil
from tqdm import tqdm

from benchmarks.processes import Usage, usage

WARM_UP = 0.1  # of the whole time
LINE_SECONDS = 60.0
FEWEST_OF_A_QUARTER = 2  # samples, the minimum for a rate


@dataclass(frozen=True)
class Sample:
    """The number of ``replies`` and the usage, ``seconds`` after the start."""

    seconds: float
    replies: int
    usage: Usage


@dataclass(frozen=True)
class Quantity:
    """A figure that must stay flat, and its tolerance from the first quarter to the last."""

    name: str
    unit: str
    share: float
    amount: float
    fewer_is_worse: bool = False

    def flat(self, first: float, last: float) -> bool:
        worse = first - last if self.fewer_is_worse else last - first
        return worse <= max(self.share * first, self.amount)

    def tolerance(self) -> str:
        sign = "-" if self.fewer_is_worse else "+"
        share = f"{sign}{self.share:.0%}" if self.share else ""
        amount = f"{sign}{self.amount:g}" if self.amount else ""
        return " or ".join(filter(None, (share, amount))) or "none"


QUANTITIES = (
    Quantity("throughput", "replies/s", 0.25, 0, fewer_is_worse=True),
    Quantity("processor", "ms/reply", 0.15, 0),
    Quantity("server", "MB", 0.03, 10),
    Quantity("workers", "MB", 0.05, 10),
    Quantity("descriptors", "", 0, 2),
    Quantity("threads", "", 0, 1),
    Quantity("children", "", 0, 0),
)


class Recorder:
    """Samples the server once a second, in a thread, and prints a line once a minute."""

    def __init__(self, pid: int, replies: Callable[[], int], progress: tqdm) -> None:
        self.samples: list[Sample] = []
        self._server = psutil.Process(pid)
        self._replies = replies
        self._progress = progress
        self._start = time.monotonic()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        print(f"| minutes | replies | {' | '.join(titles())} |\n{'|---' * (2 + len(QUANTITIES))}|")
        told = 0
        while not self._stop.wait(1.0):
            seconds = time.monotonic() - self._start
            replies = self._replies()
            self.samples.append(Sample(seconds, replies, usage(self._server)))
            self._progress.update(replies - self._progress.n)
            if seconds > (told + 1) * LINE_SECONDS:
                told += 1
                recent = [s for s in self.samples if s.seconds > seconds - LINE_SECONDS]
                cells = " | ".join(f"{value:.0f}" for value in medians(recent))
                tqdm.write(f"| {told} | {replies:,} | {cells} |")
                sys.stdout.flush()


def titles() -> list[str]:
    """The names of the quantities, with their units."""
    return [f"{q.name}, {q.unit}" if q.unit else q.name for q in QUANTITIES]


def medians(samples: list[Sample]) -> list[float]:
    """The median of every quantity, as in ``QUANTITIES``; the first two are means over the time."""
    first, last = samples[0], samples[-1]
    replies = max(last.replies - first.replies, 1)
    computed = last.usage.processor_seconds - first.usage.processor_seconds
    rate = replies / max(last.seconds - first.seconds, 1e-9)
    columns = zip(
        *(
            (
                sample.usage.server_bytes / 1e6,
                sample.usage.worker_bytes / 1e6,
                sample.usage.descriptors,
                sample.usage.threads,
                sample.usage.children,
            )
            for sample in samples
        ),
        strict=True,
    )
    return [rate, computed / replies * 1e3, *(statistics.median(column) for column in columns)]


class Verdict(enum.Enum):
    """The value is the exit code."""

    HELD = 0
    MISSED = 1
    TOO_SHORT = 2


def verdict(samples: list[Sample]) -> Verdict:
    """Print which figures are flat; returns the verdict, if there are enough samples."""
    end = samples[-1].seconds if samples else 0.0
    warm = [sample for sample in samples if sample.seconds >= WARM_UP * end]
    quarter = len(warm) // 4
    if quarter < FEWEST_OF_A_QUARTER:
        print(f"\ntoo short to tell what is flat: {len(samples)} samples, and "
              f"{4 * FEWEST_OF_A_QUARTER} are needed after the warm-up")  # fmt: skip
        return Verdict.TOO_SHORT
    rows = zip(QUANTITIES, titles(), medians(warm[:quarter]), medians(warm[-quarter:]), strict=True)
    print("\n| | first quarter | last quarter | tolerance | flat |\n|---|---|---|---|---|")
    flat = True
    for quantity, title, first, last in rows:
        good = quantity.flat(first, last)
        flat &= good
        answer = "yes" if good else "NO"
        print(f"| {title} | {first:.1f} | {last:.1f} | {quantity.tolerance()} | {answer} |")
    return Verdict.HELD if flat else Verdict.MISSED
