"""Is the exe as fast as Python? Both servers side by side, from the first file on.

``pyinstaller openkeyscan-analyzer.spec``, then ``python -m benchmarks.frozen`` as root on an idle
Linux machine reproduces the tables of benchmarks/README.md. It writes a track of its own in every
format and starts both programs anew for each line of the table, in every round:

- *cold*: with an empty page cache, where the system permits it (Linux, as root; the output says
  if not), and with new, empty folders for HOME, caches and temporary files;
- *warm*: another process, right after that one, with the same folders;
- *first*: seconds from the first request to its reply, by a server that is ready;
- *later*: seconds for each of the following files, in batches of two for each worker. The two
  programs take turns, so that other work of the machine slows both down.

*start* is the time from the spawn to ``ready``, next to that of ``python -c "import torch"``.
Python has its bytecode in ``__pycache__``, cold or warm, as after an installation. Seconds are the
minimum of all rounds, as with ``timeit``: other load only adds to them. Pages that another process
has mapped stay in the page cache: while any process runs Python's torch, Python's cold start is a
warm one.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import script
from benchmarks.programs import ROOT, SERVER, Program
from benchmarks.script import positive, progress
from keyscan.keys import Key
from keyscan.runtime import usable_cores

NAME = "openkeyscan-analyzer"
EXTENSIONS = ("wav", "flac", "ogg", "mp3", "m4a", "aac")
BATCHES, FILES_EACH = 12, 2  # of later files for each process; files for each worker in a batch
FOLDERS = (
    *("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "TMPDIR"),
    *("USERPROFILE", "APPDATA", "LOCALAPPDATA", "TEMP", "TMP"),
)
CACHES = ("NUMBA_CACHE_DIR", "LIBROSA_CACHE_DIR", "TORCH_HOME", "PYTHONPYCACHEPREFIX")
STEADY_BAR, FIRST_BAR, START_BAR = 1.05, 1.2, 1.3


@dataclass(frozen=True)
class Case:
    """A line of the table."""

    extension: str
    workers: int
    cold: bool

    def __str__(self) -> str:
        return f"{self.extension} | {self.workers} | {cache_name(self.cold)}"


@dataclass
class Run:
    """Seconds of one process; ``later`` has one value a batch, for each of its files."""

    start: float
    first: float
    later: list[float] = field(default_factory=list)


Runs = dict[tuple[str, Case], list[Run]]
Imports = dict[bool, list[float]]


def write_tracks(folder: Path, seconds: float, copies: int) -> None:
    """``copies`` of the same track in every format."""
    from benchmarks.music import repeated
    from examples.track import SAMPLE_RATE, write_audio

    samples = repeated(Key.parse("A minor"), seconds, piece_seconds=30.0)
    for extension in EXTENSIONS:
        write_audio(folder / f"0.{extension}", samples, SAMPLE_RATE)
        for number in range(1, copies):
            shutil.copyfile(folder / f"0.{extension}", folder / f"{number}.{extension}")


def drop_page_cache() -> bool:
    """Empty the page cache; False where the system does not permit it."""
    switch = Path("/proc/sys/vm/drop_caches")
    if not os.access(switch, os.W_OK):
        return False
    os.sync()
    try:
        switch.write_text("3")
    except OSError:  # root in a container
        return False
    return True


def import_torch(home: Path) -> float:
    """Seconds for Python to start, import torch and end."""
    spawned = time.perf_counter()
    command = [sys.executable, "-c", "import torch"]
    subprocess.run(command, cwd=home, env=environment(home), check=True)
    return time.perf_counter() - spawned


def environment(home: Path) -> dict[str, str]:
    """The environment of this process, with every folder for caches in ``home``."""
    own = {name: value for name, value in os.environ.items() if name not in CACHES}
    return {**own, **dict.fromkeys(FOLDERS, str(home))}


def measure(
    programs: dict[str, list[str]], workers: list[int], rounds: int, music: Path
) -> tuple[Runs, Imports]:
    """All cases in turns; the first program changes from round to round."""
    runs: Runs = defaultdict(list)
    imports: Imports = defaultdict(list)
    turns = [(n, w, e) for n in range(rounds) for w in workers for e in EXTENSIONS]
    for number, amount, extension in progress(turns):
        order = sorted(programs, reverse=number % 2 == 1)
        with tempfile.TemporaryDirectory() as home:
            for cold in (True, False):  # the cold run warms up for the other
                case = Case(extension, amount, cold)
                for name, run in race(programs, order, case, music, Path(home)).items():
                    runs[name, case].append(run)
        if extension == EXTENSIONS[0]:
            with tempfile.TemporaryDirectory() as home:
                for cold in (True, False):
                    if cold:
                        drop_page_cache()
                    imports[cold].append(import_torch(Path(home)))
    return runs, imports


def race(
    programs: dict[str, list[str]], order: list[str], case: Case, music: Path, home: Path
) -> dict[str, Run]:
    """One process per program: each starts and analyses its first file, one after the other; then
    they take turns."""
    first, *later = (music / f"{n}.{case.extension}" for n in range(1 + FILES_EACH * case.workers))
    with contextlib.ExitStack() as stack:
        servers, runs = {}, {}
        for name in order:
            if case.cold:
                drop_page_cache()
            command = [*programs[name], "--workers", str(case.workers)]
            spawned = time.perf_counter()
            server = Program(name, command, cwd=home, env=environment(home))
            start = time.perf_counter() - spawned
            servers[name] = stack.enter_context(server)
            runs[name] = Run(start, server.seconds_for([first]))
        for number in range(BATCHES):
            for name in order if number % 2 else order[::-1]:
                runs[name].later.append(servers[name].seconds_for(later) / len(later))
    return runs


def print_files(runs: Runs) -> None:
    """The table of files, and the worst ratios with their bars."""
    print("| format | workers | cache | first: Python, s | exe, s | ratio "
          "| later: Python, s | exe, s | ratio |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|---|")
    ratios: dict[str, dict[Case, float]] = {"first": {}, "later": {}}
    cases = sorted({case for _, case in runs}, key=lambda c: (EXTENSIONS.index(c.extension),
                                                              c.workers, not c.cold))  # fmt: skip
    for case in cases:
        cells = []
        for stage, found in ratios.items():
            plain, frozen = (
                min(seconds_of(run, stage) for run in runs[name, case])
                for name in ("python", "exe")
            )
            found[case] = frozen / plain
            cells.append(f"{plain:.3f} | {frozen:.3f} | {found[case]:.2f}")
        print(f"| {case} | {' | '.join(cells)} |")
    cold = {case: ratio for case, ratio in ratios["first"].items() if case.cold}
    print()
    for what, found, bar in (
        ("later files", ratios["later"], STEADY_BAR),
        ("first file, cold", cold, FIRST_BAR),
    ):
        worst = max(found, key=found.__getitem__)
        over = sum(ratio > bar for ratio in found.values())
        print(
            f"{what}: at worst {found[worst]:.2f} (| {worst} |), {over} of {len(found)} over {bar}"
        )


def seconds_of(run: Run, stage: str) -> float:
    """Seconds of the first file, or the minimum of the batches of later files."""
    return run.first if stage == "first" else min(run.later)


def print_start(runs: Runs, imports: Imports) -> None:
    """The time to ``ready``, in seconds and relative to an import of torch."""
    print(f"\n| start | import torch, s | Python, s (ratio) | exe, s (ratio, bar {START_BAR}) |")
    print("|---|---|---|---|")
    for workers, warm in sorted({(case.workers, not case.cold) for _, case in runs}):
        cold = not warm
        usual = min(imports[cold])
        cells = []
        for name in ("python", "exe"):
            start = min(
                run.start
                for (program, case), some in runs.items()
                if (program, case.workers, case.cold) == (name, workers, cold)
                for run in some
            )
            cells.append(f"{start:.2f} ({start / usual:.2f})")
        title = f"{cache_name(cold)}, {workers} worker{'s' * (workers > 1)}"
        print(f"| {title} | {usual:.2f} | {' | '.join(cells)} |")


def cache_name(cold: bool) -> str:
    """The name in the tables."""
    return "cold" if cold else "warm"


def main() -> None:
    parser = script.parser("frozen", __doc__)
    suffix = ".exe" if sys.platform == "win32" else ""
    parser.add_argument("--exe", type=Path, default=ROOT / "dist" / NAME / f"{NAME}{suffix}")
    parser.add_argument("--seconds", type=float, default=120.0, help="length of the track")
    parser.add_argument("--rounds", type=positive, default=3, help="rounds of the whole table")
    options = parser.parse_args()
    if not options.exe.is_file() or not os.access(options.exe, os.X_OK):
        parser.error(f"no program {options.exe}: build it with pyinstaller {NAME}.spec")
    workers = sorted({1, usable_cores()})
    programs = {
        "exe": [str(options.exe.absolute())],
        "python": list(SERVER),
    }
    with tempfile.TemporaryDirectory() as folder:
        music, copies = Path(folder), 1 + FILES_EACH * workers[-1]
        # in another process: pages that this process maps would stay in the page cache
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, mp_context=context) as executor:
            executor.submit(write_tracks, music, options.seconds, copies).result()
        if not drop_page_cache():
            print("The page cache cannot be dropped here: cold means a new process\n"
                  "with new folders that reads from memory.\n")  # fmt: skip
        runs, imports = measure(programs, workers, options.rounds, music)
    print_files(runs)
    print_start(runs, imports)


if __name__ == "__main__":
    main()
