"""The costs of a library of 100 million tracks, extrapolated from those of a thousand.

``python -m benchmarks.scale`` draws every track of the library, simulates a cluster that takes
blocks of them from one store and loses machines, and prints the time it needs;
``python -m benchmarks.scale --measure FOLDER`` measures the rates: it analyses the files of a
folder one at a time and prints a line of ``RATES`` for each format. With ``--adaptive`` it also
analyses each file adaptively, and prints the ``--share`` of the work that this takes, for a
forecast with adaptive analysis. [scale.md](scale.md) says which of the other numbers are measured,
and which are assumed.
"""

from __future__ import annotations

import argparse
import contextlib
import heapq
import sys
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks import script
from benchmarks.script import positive

Seconds = NDArray[np.float64]
_DRAWN_AT_A_TIME = 1 << 20  # tracks


@dataclass(frozen=True)
class Rate:
    """The costs of a format: core-seconds a file and a minute of sound, MB a minute.

    ``share`` of the library has that format (assumed). ``spread`` is the standard deviation of the
    ratio of measured to predicted core-seconds.
    """

    share: float
    per_file: float
    per_minute: float
    spread: float
    megabytes: float


RATES = {
    "mp3": Rate(0.60, 0.012, 0.0753, 0.21, 1.79),
    "m4a": Rate(0.15, 0.011, 0.0672, 0.16, 1.90),
    "flac": Rate(0.15, 0.002, 0.0839, 0.19, 5.09),
    "wav": Rate(0.05, 0.010, 0.0196, 0.24, 9.61),
    "ogg": Rate(0.05, 0.016, 0.0775, 0.28, 1.10),
}


@dataclass(frozen=True)
class Library:
    """Lengths are log-normal with the mean ``minutes``, except for recordings of a whole night.

    ``night_share`` is the share of these recordings, log-uniform from 1 to 10 hours;
    ``hung_share`` is the share of files that reach ``timeout`` seconds.
    """

    tracks: int = 100_000_000
    block: int = 200
    minutes: float = 4.5
    length_spread: float = 0.35
    night_share: float = 1e-3
    hung_share: float = 1e-5
    timeout: float = 120.0


@dataclass(frozen=True)
class Cluster:
    """``store`` and ``link`` (of a machine) are in GB/s, ``latency`` in seconds a file.

    A machine is lost every ``hours_to_loss`` on average, with the blocks of its cores, and
    replaced ``replaced_after`` seconds later; a core needs ``start`` seconds to start.
    """

    cores: int
    store: float = 25.0
    cores_per_machine: int = 16
    link: float = 1.25
    latency: float = 0.05
    hours_to_loss: float = 720.0
    replaced_after: float = 600.0
    start: float = 10.0


CLUSTERS = (
    Cluster(64),
    Cluster(1_000),
    Cluster(1_000, hours_to_loss=24.0),
    Cluster(1_000, store=5.0),
    Cluster(10_000),
    Cluster(10_000, store=250.0),
)


@dataclass(frozen=True)
class Blocks:
    """Core-seconds and MB of each block; ``tracks`` is the size of a full block."""

    seconds: Seconds
    megabytes: Seconds
    tracks: int


@dataclass(frozen=True)
class Simulation:
    """Seconds until the last block is done (``wall``), and core-seconds.

    ``working`` is the sum over all blocks, including the wait for the store; ``lost`` is work that
    was lost with a machine.
    """

    wall: float
    working: float
    lost: float


Shares = Mapping[str, float]
"""Core-seconds of adaptive analysis relative to those of full analysis, by format."""
FULL: Shares = dict.fromkeys(RATES, 1.0)


def draw(library: Library, rng: np.random.Generator, shares: Shares = FULL) -> Blocks:
    """Every track of the library, summed by block."""
    seconds, megabytes = [], []
    left = library.tracks
    chunk = max(1, _DRAWN_AT_A_TIME // library.block) * library.block
    while left:
        count = min(left, chunk)
        left -= count
        starts = np.arange(0, count, library.block)
        cost, size = _draw_tracks(library, count, rng, shares)
        seconds.append(np.add.reduceat(cost, starts))
        megabytes.append(np.add.reduceat(size, starts))
    return Blocks(np.concatenate(seconds), np.concatenate(megabytes), library.block)


def _draw_tracks(
    library: Library, count: int, rng: np.random.Generator, shares: Shares
) -> tuple[Seconds, Seconds]:
    rates = list(RATES.values())
    table = np.array(
        [
            (r.per_file, r.per_minute, r.spread, r.megabytes, shares[name])
            for name, r in RATES.items()
        ]
    )
    drawn = table[rng.choice(len(rates), count, p=[rate.share for rate in rates])]
    per_file, per_minute, spread, megabytes, share = drawn.T
    sigma = library.length_spread
    minutes = library.minutes * np.exp(sigma * rng.standard_normal(count) - sigma**2 / 2)
    nights = rng.random(count) < library.night_share
    minutes[nights] = 60 * 10 ** rng.random(int(nights.sum()))
    noise = np.maximum(0.1, 1 + spread * rng.standard_normal(count))
    cost = (per_file + per_minute * minutes) * noise * share
    cost[rng.random(count) < library.hung_share] = library.timeout
    return cost, minutes * megabytes


def on_a_core(blocks: Blocks, cluster: Cluster) -> Seconds:
    """Seconds of each block: it is read while it is decoded, at most at the store's rate."""
    link = 1e3 * cluster.link / cluster.cores_per_machine  # MB/s
    alone = blocks.seconds + blocks.megabytes / link + cluster.latency * blocks.tracks
    return np.maximum(alone, blocks.megabytes / (1e3 * cluster.store / cluster.cores))


def simulate(seconds: Seconds, cluster: Cluster, rng: np.random.Generator) -> Simulation:
    """Give blocks to free cores until all are done; lost blocks start again."""
    run = _Run(seconds.tolist(), cluster, rng)
    while run.left:
        run.step()
    return Simulation(run.wall, float(seconds.sum()), run.lost)


class _Run:
    """The state between two events: a core becomes free, or a machine is lost."""

    def __init__(self, seconds: list[float], cluster: Cluster, rng: np.random.Generator) -> None:
        self.left = len(seconds)
        self.wall = self.lost = 0.0
        self._seconds = seconds
        self._cluster = cluster
        self._rng = rng
        self._waiting = deque(range(len(seconds)))
        self._held: list[int | None] = [None] * cluster.cores
        self._since = [0.0] * cluster.cores
        self._life = [0] * cluster.cores  # events of a core's earlier life do not count
        self._idle: set[int] = set()
        self._free = [(cluster.start, core, 0) for core in range(cluster.cores)]
        machines = -(-cluster.cores // cluster.cores_per_machine)
        self._losses = [(self._next_loss(0.0), machine) for machine in range(machines)]
        heapq.heapify(self._losses)

    def step(self) -> None:
        if self._losses[0][0] <= self._free[0][0]:
            self._lose(*heapq.heappop(self._losses))
            return
        time, core, life = heapq.heappop(self._free)
        if life != self._life[core]:
            return
        if self._held[core] is not None:
            self._held[core] = None
            self.left -= 1
            self.wall = time
        if self._waiting:
            block = self._waiting.popleft()
            self._held[core], self._since[core] = block, time
            heapq.heappush(self._free, (time + self._seconds[block], core, life))
        else:
            self._idle.add(core)

    def _lose(self, time: float, machine: int) -> None:
        size = self._cluster.cores_per_machine
        back = time + self._cluster.replaced_after
        for core in range(machine * size, min(self._cluster.cores, (machine + 1) * size)):
            block = self._held[core]
            if block is not None:
                self.lost += time - self._since[core]
                self._waiting.appendleft(block)
                self._held[core] = None
            self._idle.discard(core)
            self._life[core] += 1
            heapq.heappush(self._free, (back + self._cluster.start, core, self._life[core]))
        for _ in range(min(len(self._idle), len(self._waiting))):
            core = self._idle.pop()
            heapq.heappush(self._free, (time, core, self._life[core]))
        heapq.heappush(self._losses, (self._next_loss(back), machine))

    def _next_loss(self, time: float) -> float:
        return time + float(self._rng.exponential(3600 * self._cluster.hours_to_loss))


def print_forecast(library: Library, seed: int, work: Shares) -> None:
    """The library's totals, and a line for each cluster."""
    blocks = draw(library, np.random.default_rng(seed), work)
    total = blocks.seconds.sum()
    print(f"{library.tracks:,} tracks: {total / 3600:,.0f} core-hours, "
          f"{blocks.megabytes.sum() / 1e6:,.0f} TB read\n")  # fmt: skip
    print("| cores | store, GB/s | hours between losses of a machine | hours | core-hours "
          "| working | reading | lost | idle |")  # fmt: skip
    print("|---" * 9 + "|")
    for cluster in CLUSTERS:
        outcome = simulate(on_a_core(blocks, cluster), cluster, np.random.default_rng(seed))
        paid = outcome.wall * cluster.cores
        shares = (total, outcome.working - total, outcome.lost,
                  paid - outcome.working - outcome.lost)  # fmt: skip
        cells = " | ".join(f"{100 * share / paid:.1f} %" for share in shares)
        given = f"{cluster.cores:,} | {cluster.store:g} | {cluster.hours_to_loss:g}"
        took = f"{outcome.wall / 3600:,.1f} | {paid / 3600:,.0f}"
        print(f"| {given} | {took} | {cells} |")


def shares(text: str) -> Shares:
    """``0.5`` for all formats, or ``mp3=0.5,flac=0.4``; the others are analysed in full.

    Raises:
        argparse.ArgumentTypeError: an unknown format, or a share that is not above 0 and up to 1.
    """
    if "=" not in text:
        return dict.fromkeys(RATES, _share(text))
    found = dict(FULL)
    for pair in text.split(","):
        kind, _, share = pair.partition("=")
        if kind not in RATES:
            raise argparse.ArgumentTypeError(f"{kind!r} must be of {', '.join(RATES)}")
        found[kind] = _share(share)
    return found


def _share(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 < float(text) <= 1:
            return float(text)
    raise argparse.ArgumentTypeError(f"must be a share above 0 and up to 1, not {text!r}")


def main() -> int:
    parser = script.parser("scale", __doc__)
    add = parser.add_argument
    add("--measure", type=Path, metavar="FOLDER", help="measure the files of a folder instead")
    add("--adaptive", action="store_true", help="with --measure: adaptive analysis too")
    add("--share", type=shares, default=FULL, help="of the work that is done: 0.5, or mp3=0.5,...")
    add("--tracks", type=positive, default=Library.tracks, help="(default: 100 million)")
    add("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.measure is not None:
        if not options.measure.is_dir():
            parser.error(f"{options.measure}: no such folder")
        from benchmarks.scale_costs import measure, print_rates, print_shares

        found = measure(options.measure, options.adaptive)
        print_rates(found)
        if options.adaptive:
            print_shares({kind: found[kind] for kind in RATES if kind in found})
    else:
        print_forecast(Library(tracks=options.tracks), options.seed, options.share)
    return 0


if __name__ == "__main__":
    sys.exit(main())
