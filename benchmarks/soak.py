"""A soak test of the server: good and bad files, with all kinds of failures in between.

``python -m benchmarks.soak --requests 20000`` (or ``--seconds 28800``) keeps a server busy with
good files in every format, damaged, cut, missing and wrong ones, duplicate ids, cancels, resets,
malformed lines, and workers that are killed, crashed or stopped from outside. ``--faulty`` starts a
server whose workers also crash, stall and hoard memory by themselves. The benchmark checks every
message against the protocol and every reply against the file: its key or error must be correct and
the same each time. It samples memory, descriptors and processor time of the server and its
children once a second, and prints them once a minute.

At the end it compares the medians of the first and the last quarter of the time after the warm-up.
Exit code: 0 if all figures are flat and all replies correct, 1 if not, 2 if all replies are correct
and the time was too short for the comparison.
"""

from __future__ import annotations

import argparse
import os
import queue
import random
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
from tqdm import tqdm

from benchmarks import script
from benchmarks.script import positive
from benchmarks.soak_files import File, write_files
from benchmarks.soak_report import Recorder, Verdict, verdict
from tests.ledger import Ledger, Violation
from tests.server_process import COMMAND, ROOT, ServerProcess

FAULTY_COMMAND = [sys.executable, str(ROOT / "tests" / "faulty_server.py")]
WINDOW = 50  # maximum number of requests without a reply
BAD_LINES = (b"this is not JSON\n", b"[1, 2]\n", b'{"path": "a.mp3"}\n', b'{"id": null}\n')
SIGNALS = (signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT, signal.SIGSTOP)
SAYINGS = {
    Verdict.HELD: "it held",
    Verdict.MISSED: "it did NOT hold",
    Verdict.TOO_SHORT: "it was too short to tell",
}
BY_ACCIDENT = frozenset({"decoder_crashed", "timeout"})  # codes of a file whose worker was killed


class Soak:
    """A client that sends random messages of the whole protocol, and checks every reply."""

    def __init__(self, files: list[File], process: ServerProcess, seed: int) -> None:
        self.ledger = Ledger(codes=self._codes)
        self.requests = 0
        self.kills = dict.fromkeys(SIGNALS, 0)
        self._files = files
        self._by_name = {Path(file.path).name: file for file in files}
        self._first_answers: dict[str, tuple[object, ...]] = {}
        self._process = process
        self._chance = random.Random(seed)
        self._recent: list[str | int | float] = [0]
        self._moves = {
            self._request: 1000,
            self._request_again: 20,
            self._cancel: 40,
            self._ping: 20,
            self._bad_line: 10,
            self._reset: 3,
            self._kill: 3,
        }

    def replies(self) -> int:
        """The number of files with a reply, success or error."""
        return sum(self.ledger.replies.copy().values())

    def step(self) -> None:
        """Send something, or read a message if enough requests wait."""
        if self.ledger.unanswered >= WINDOW:
            self.receive()
        else:
            moves, weights = zip(*self._moves.items(), strict=True)
            self._chance.choices(moves, weights)[0]()

    def receive(self) -> None:
        """Read one message and check it."""
        self.check(self._process.receive())

    def check(self, message: dict[str, Any]) -> None:
        """Check a message against the protocol and the file.

        Raises:
            Violation: the message is wrong.
        """
        self.ledger.received(message)
        if "status" not in message or message["code"] in (
            *BY_ACCIDENT, "cancelled", "duplicate_id", "bad_request"
        ):  # fmt: skip
            return
        file = self._by_name[message["filename"]]
        answer = (message["code"], message.get("camelot"), message.get("duration"))
        if answer != self._first_answers.setdefault(file.path, answer):
            raise Violation(f"first {self._first_answers[file.path]}, now {message}")
        if file.camelot is not None and file.camelot != message["camelot"]:
            raise Violation(f"the key of {file.path} is {file.camelot}: {message}")

    def _codes(self, path: str) -> frozenset[str]:
        return self._by_name[Path(path).name].codes | BY_ACCIDENT

    def _send(self, message: dict[str, Any]) -> None:
        self.ledger.sent(message)
        self._process.send(message)

    def _request(self) -> None:
        self.requests += 1
        number = self.requests
        request_id = self._chance.choice((number, float(number), f"track {number}"))
        self._recent = [*self._recent[-WINDOW:], request_id]
        self._send({"id": request_id, "path": self._chance.choice(self._files).path})

    def _request_again(self) -> None:
        path = self._chance.choice(self._files).path
        self._send({"id": self._chance.choice(self._recent[-20:]), "path": path})

    def _cancel(self) -> None:
        self._send({"type": "cancel", "id": self._chance.choice(self._recent)})

    def _ping(self) -> None:
        self._send({"type": "ping", "id": "soak"})

    def _reset(self) -> None:
        self._send({"type": "reset"})

    def _bad_line(self) -> None:
        self.ledger.sent({"type": "bad"})
        self._process.send(self._chance.choice(BAD_LINES))

    def _kill(self) -> None:
        workers = self._process.worker_pids()
        if workers:
            (number,) = self._chance.choices(SIGNALS, (4, 4, 4, 1))
            self.kills[number] += 1
            os.kill(self._chance.choice(workers), number)


def accidents_explained(soak: Soak) -> bool:
    """Whether crashes and timeouts are at most as many as the signals sent; prints the counts."""
    crashes, timeouts = soak.ledger.replies["decoder_crashed"], soak.ledger.replies["timeout"]
    stops = soak.kills[signal.SIGSTOP]
    kills = sum(soak.kills.values()) - stops
    print(f"{kills} workers killed, {stops} stopped: {crashes} decoder_crashed, {timeouts} timeout")
    return crashes <= kills and timeouts <= stops


def end(process: ServerProcess, soak: Soak, temporary: Path) -> list[str]:
    """Let the server finish; returns all problems found then."""
    family = psutil.Process(process.pid).children(recursive=True)
    for message in process.finish():
        soak.check(message)
    soak.ledger.ended()
    left = psutil.wait_procs(family, timeout=10)[1]
    return [
        *([f"exit code {process.process.returncode}"] if process.process.returncode else []),
        *([f"{len(left)} processes left"] if left else []),
        *(f"temporary file left: {path.name}" for path in temporary.iterdir()),
    ]


def build_parser() -> argparse.ArgumentParser:
    """All options with their defaults."""
    parser = script.parser("soak", __doc__)
    parser.add_argument(
        "--requests", type=int, help="stop after this many replies (default: 20000)"
    )
    parser.add_argument("--seconds", type=float, help="stop after this time instead")
    parser.add_argument("-w", "--workers", type=positive, default=2)
    parser.add_argument("--timeout", type=float, default=10.0, help="the server's limit for a file")
    parser.add_argument(
        "--faulty", action="store_true", help="use workers that also fail by themselves"
    )
    parser.add_argument("--seed", type=int, default=0)
    return parser


def run(options: argparse.Namespace, folder: Path) -> Verdict:
    """Run the soak; returns its verdict."""
    temporary = folder / "temporary"
    temporary.mkdir()
    (folder / "library").mkdir()
    files = write_files(folder / "library", options.seed, faulty=options.faulty)
    print(f"{len(files)} files, {options.workers} workers, time-out {options.timeout:g} s\n")
    limit = options.requests or (sys.maxsize if options.seconds else 20_000)
    deadline = time.monotonic() + (options.seconds or float("inf"))
    arguments = ("-w", str(options.workers), "--timeout", str(options.timeout))
    environ = {"TMPDIR": str(temporary), "PYTHONPATH": str(ROOT)}
    command = FAULTY_COMMAND if options.faulty else COMMAND
    with (
        ServerProcess(*arguments, command=command, environ=environ) as process,
        tqdm(total=limit, disable=not sys.stderr.isatty()) as progress,
    ):
        soak = Soak(files, process, options.seed)
        recorder = Recorder(process.pid, soak.replies, progress)
        try:
            while soak.replies() < limit and time.monotonic() < deadline:
                soak.step()
            recorder.stop()
            wrong = end(process, soak, temporary)
        except (AssertionError, queue.Empty) as error:
            print(f"\nwrong after {soak.requests:,} requests: {error or 'no message any more'}")
            return Verdict.MISSED
        finally:
            recorder.stop()
    held = verdict(recorder.samples)
    replies = ", ".join(f"{code} {n:,}" for code, n in sorted(soak.ledger.replies.items()))
    print(f"\n{soak.requests:,} requests, {soak.ledger.generation} resets; replies: {replies}")
    explained = options.faulty or accidents_explained(soak)
    print("\n".join(wrong) or "it ended clean")
    return held if explained and not wrong else Verdict.MISSED


def main() -> int:
    options = build_parser().parse_args()
    with tempfile.TemporaryDirectory() as folder:
        held = run(options, Path(folder))
    print(SAYINGS[held])
    return held.value


if __name__ == "__main__":
    sys.exit(main())
