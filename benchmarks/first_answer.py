"""The time from a start to the first key, next to ``python -c "import torch"``, and where it goes.

``python -m benchmarks.first_answer --exe EXE FILE`` starts, in turns and ``--rounds`` times:

- *import torch*: Python, until the process that imports torch has ended;
- *server*: the server, whose first request is in its pipe at once, until the reply;
- *analyze*: ``keyscan analyze FILE`` as a person starts it, until it has printed the key;
- the same two of the frozen exe.

*warm* is a start right after others. ``--cold`` (Linux) measures cold starts as well: before each,
the pages of Python, its packages, the exe and the file are dropped from the page cache
(``posix_fadvise``, which needs no rights). The system keeps pages that a process has mapped, so no
other program may run with the same torch; and it keeps those of its own libraries.

The first table has medians; *over* is the median of the differences to the import of torch in the
same round, on which the bar is. The second has the medians of the moments, in seconds from the
spawn, at which the server reports its steps (``PROFILE_PERFORMANCE``), and the time of decoding.

Exit code: 1 if a program is above the bar, otherwise 0.
"""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
import sysconfig
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from benchmarks import script
from benchmarks.programs import ROOT, SERVER
from benchmarks.script import audio_file, positive, progress

BAR = 0.3
_IMPORT = "import torch"
_READY, _FIRST = "ready", "the first key"
_STEPS = {  # on stderr
    b"[THREADING] CPU cores": "Python has read the command line",
    b"[STARTUP] worker warm-up": "the worker process is ready",
    b"[STARTUP] import torch": "torch is imported",
    b"[STARTUP] model load": "the model is loaded",
    b"[STARTUP] warm-up": "the model has answered its warm-up",
    b"Server ready": _READY,
}
_DECODING = re.compile(rb"preprocess_audio: ([\d.]+)s")


@dataclass
class Run:
    """Seconds from the spawn to the key, and to each step before it; seconds of decoding alone."""

    first: float = 0.0
    steps: dict[str, float] = field(default_factory=dict)
    decoding: float | None = None


Runs = dict[str, list[Run]]


def start(command: Sequence[str], request: bytes = b"", answer: bytes | None = None) -> Run:
    """Spawn a program, write it a request, and wait for the line with its answer.

    ``answer``: what is in that line; None: the end of the process is waited for.

    Raises:
        SystemExit: there is no answer.
    """
    run, spawned, last = Run(), time.perf_counter(), b""
    process = subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, "PROFILE_PERFORMANCE": "1"},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None

    def read_steps(stream: IO[bytes]) -> None:
        nonlocal last
        for line in stream:
            for text, step in _STEPS.items():
                if line.startswith(text):
                    run.steps.setdefault(step, time.perf_counter() - spawned)
            if (found := _DECODING.search(line)) is not None:
                run.decoding = float(found[1])
            last = line

    reader = threading.Thread(target=read_steps, args=(process.stderr,))
    reader.start()
    process.stdin.write(request)
    process.stdin.flush()
    for line in process.stdout:
        if answer is not None and answer in line:
            run.first = time.perf_counter() - spawned
            break
    process.stdin.close()
    process.stdout.read()
    if process.wait() == 0 and answer is None:
        run.first = time.perf_counter() - spawned
    reader.join()
    if not run.first:
        raise SystemExit(f"{command[0]} gave no answer: {last.decode(errors='replace').strip()}")
    return run


def programs(file: Path, exe: Path | None) -> dict[str, Callable[[], Run]]:
    """What is started, by name."""
    request = json.dumps({"id": 1, "path": str(file)}).encode() + b"\n"
    module = (sys.executable, "-m", "keyscan")

    def pair(server: Sequence[str], command: Sequence[str]) -> tuple[Callable[[], Run], ...]:
        analyze = [*command, "analyze", str(file)]
        return (
            lambda: start(server, request, b'"status": "success"'),
            lambda: start(analyze, answer=os.fsencode(file.name)),
        )

    found = {_IMPORT: lambda: start((sys.executable, "-c", _IMPORT))}
    found["server"], found["analyze"] = pair(SERVER, module)
    if exe is not None:
        found["exe server"], found["exe analyze"] = pair([str(exe)], [str(exe)])
    return found


def drop_pages(places: Sequence[Path]) -> None:
    """Drop the pages of files, and of all files in folders, from the page cache."""
    os.sync()  # pages that are not written yet stay
    for place in places:
        for path in (place, *place.rglob("*")):
            if path.is_file():
                with path.open("rb") as file:
                    os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def table(title: str, runs: Runs) -> list[str]:
    """A line for each program; the names of those above the bar are returned."""
    late = []
    usual = [run.first for run in runs[_IMPORT]]
    for name, some in runs.items():
        first = [run.first for run in some]
        over = statistics.median(a - b for a, b in zip(first, usual, strict=True))
        ratio = statistics.median(first) / statistics.median(usual)
        print(f"| {title} | {name} | {statistics.median(first):.2f} | {over:+.2f} | {ratio:.2f} |")
        if over > BAR:
            late.append(f"{title} {name}")
    return late


def timeline(runs: Runs) -> None:
    """A line for each step, with the moment in every program."""
    names = [name for name in runs if name != _IMPORT]
    print(f"\n| | {' | '.join(names)} |\n|---|{'---|' * len(names)}")
    for step in (*_STEPS.values(), _FIRST):
        cells = []
        for name in names:
            moments = [
                run.first if step == _FIRST else run.steps[step]
                for run in runs[name]
                if step == _FIRST or step in run.steps
            ]
            cells.append(f"{statistics.median(moments):.2f}" if moments else "")
        print(f"| {step} | {' | '.join(cells)} |")
    decoding = [[run.decoding for run in runs[name] if run.decoding is not None] for name in names]
    cells = [f"{statistics.median(some):.2f}" if some else "" for some in decoding]
    print(f"| seconds of decoding, meanwhile | {' | '.join(cells)} |")


def main() -> int:
    parser = script.parser("first_answer", __doc__)
    parser.add_argument("file", type=audio_file, help="an MP3, or another file with a key")
    parser.add_argument("--exe", type=audio_file, help="measure the frozen exe as well")
    parser.add_argument("--cold", action="store_true", help="measure cold starts as well (Linux)")
    parser.add_argument("--rounds", type=positive, default=7, help="rounds of all programs")
    options = parser.parse_args()
    if options.cold and not hasattr(os, "posix_fadvise"):
        parser.error("--cold: this system cannot drop pages")
    exe = options.exe and options.exe.absolute()
    started = programs(options.file.absolute(), exe)
    folders = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    places = [Path(folder) for folder in dict.fromkeys(folders)]
    places += [Path(sys.executable).resolve(), ROOT / "keyscan", options.file]
    places += [exe.parent] if exe else []
    measured: dict[bool, Runs] = {}
    for cold in (True, False) if options.cold else (False,):
        runs: Runs = defaultdict(list)
        if not cold:
            for run in started.values():
                run()
        for _ in progress(range(options.rounds)):
            for name, run in started.items():
                if cold:
                    drop_pages(places)
                runs[name].append(run())
        measured[cold] = runs
    print("| cache | | first key, s | over import torch, s | ratio |\n|---|---|---|---|---|")
    late = [name for cold, runs in measured.items() for name in table(_cache(cold), runs)]
    for cold, runs in measured.items():
        print(f"\n{_cache(cold)}, seconds from the spawn:")
        timeline(runs)
    missed = late and f"MISSED: {', '.join(late)}"
    print(f"\nbar: {BAR} s over an import of torch, {missed or 'kept'}")
    return 1 if late else 0


def _cache(cold: bool) -> str:
    return "cold" if cold else "warm"


if __name__ == "__main__":
    sys.exit(main())
