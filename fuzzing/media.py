"""Damaged files, many at once, through the real server; each failure is tried again alone."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from fuzzing.edits import Edit
from fuzzing.findings import Finding, place_of
from fuzzing.inputs import Mutant, Originals
from fuzzing.target import Died, Message, NotAMessage, Target
from keyscan.errors import ERROR_CODES

_AT_ONCE = 8
_LOOK_FOR_STRAYS_EVERY = 200  # inputs
# The codes for a regular file with any damage; the other documented codes are about the path, the
# line or the server.
OF_A_FILE = frozenset(
    (
        *("empty_file", "unsupported_format", "no_audio", "decode_failed"),
        *("too_short", "too_long", "silent"),
    )
)
_OF_A_BUSY_MACHINE = frozenset(("timeout", "no_reply"))  # findings only if they recur alone


@dataclass(frozen=True)
class Limits:
    """``timeout`` in seconds per file, ``memory`` in resident bytes per decoding process."""

    timeout: float = 20.0
    memory: int = 400 << 20


@dataclass(frozen=True)
class Problem:
    """A failure of the server on a file."""

    code: str
    why: str
    place: str = ""

    def of(self, mutant: Mutant) -> Finding:
        """As a finding."""
        return Finding(
            "media", mutant.format, mutant.number, self.code, self.why.strip(), self.place
        )


class Media:
    """Sends mutants to two decoding processes; a context manager."""

    def __init__(self, originals: Originals, folder: Path, limits: Limits) -> None:
        self._originals, self._folder, self._limits = originals, folder, limits
        self._inputs = folder / "inputs"
        self._inputs.mkdir()
        self._target: Target | None = None
        self._in_flight: dict[str, Mutant] = {}
        self._tried = 0
        self.alone = Alone(originals, folder / "alone", self._inputs, limits)

    def try_out(self, mutant: Mutant) -> list[Finding]:
        """Send one more; the findings may be about earlier files."""
        found = []
        while len(self._in_flight) >= _AT_ONCE:
            found += self._collect()
        target = self._running()
        path = self._inputs / mutant.name
        path.write_bytes(self._originals.bytes_of(mutant))
        self._in_flight[mutant.name] = mutant
        try:
            target.send(_request(mutant, path))
        except Died as error:
            found += self._examine(Problem("died", str(error)), tuple(self._in_flight.values()))
        self._tried += 1
        if self._tried % _LOOK_FOR_STRAYS_EVERY == 0:
            found += self._look_for_strays()
        return found

    def drain(self) -> list[Finding]:
        """Wait for every expected reply, and check that no other arrives."""
        found: list[Finding] = []
        last: tuple[Mutant, ...] = ()
        while self._in_flight:
            last = tuple(self._in_flight.values())
            found += self._collect()
        if self._target is None or not last:
            return found
        try:
            problem = _extra(self._target, self._limits)
        except Died as error:
            problem = Problem("died", str(error))
        return found + (self._examine(problem, last) if problem is not None else [])

    def close(self) -> None:
        """End the servers."""
        self.alone.close()
        self._stop()

    def __enter__(self) -> Media:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _running(self) -> Target:
        if self._target is None:
            timeout = f"{self._limits.timeout:g}"
            self._target = Target(self._folder / "many", "-w", "2", "--timeout", timeout)
        return self._target

    def _stop(self) -> None:
        if self._target is not None:
            self._target.close()
        self._target = None
        for name in self._in_flight:
            (self._inputs / name).unlink(missing_ok=True)
        self._in_flight.clear()

    def _collect(self) -> list[Finding]:
        """Check one reply."""
        target, suspects = self._running(), tuple(self._in_flight.values())
        try:
            reply = target.receive(_AT_ONCE * self._limits.timeout)
        except Died as error:
            return self._examine(Problem("died", str(error), place_of(target.stderr())), suspects)
        if reply is None:
            return self._examine(Problem("no_reply", "no reply for long"), suspects)
        problem = complaint(reply)
        name = reply.get("id") if isinstance(reply, dict) else None
        mutant = self._in_flight.pop(name, None) if isinstance(name, str) else None
        if mutant is None:
            problem = Problem("extra_reply", f"unexpected: {str(reply)[:200]}")
        elif problem is not None:
            suspects = (mutant,)
        problem = problem or _excess(target, self._limits) or _said(target.stderr())
        if problem is not None:
            return self._examine(problem, suspects)
        if mutant is not None:
            (self._inputs / mutant.name).unlink()
        return []

    def _look_for_strays(self) -> list[Finding]:
        strays = self._running().stray_files(self._inputs)
        if not strays:
            return []
        problem = Problem("stray_file", f"opened or left behind: {', '.join(strays)}"[:300])
        return self._examine(problem, tuple(self._in_flight.values()))

    def _examine(self, problem: Problem, suspects: Iterable[Mutant]) -> list[Finding]:
        """Try the suspects alone, and send the others again."""
        suspects = tuple(suspects)
        others = [mutant for mutant in self._in_flight.values() if mutant not in suspects]
        self._stop()
        confirmed = [(self.alone.problem(mutant), mutant) for mutant in suspects]
        found = [again.of(mutant) for again, mutant in confirmed if again is not None]
        if not found and suspects and problem.code not in _OF_A_BUSY_MACHINE:
            alone = Problem(problem.code, f"{problem.why} (not when tried alone)", problem.place)
            found = [alone.of(suspects[0])]
        for mutant in others:
            found += self.try_out(mutant)
        return found


class Alone:
    """One file at a time through one decoding process, so that a failure is due to the file."""

    def __init__(self, originals: Originals, folder: Path, inputs: Path, limits: Limits) -> None:
        self._originals, self._folder, self._inputs = originals, folder, inputs
        self._limits = limits
        self._target: Target | None = None

    def problem(self, mutant: Mutant) -> Problem | None:
        """The server's failure on this file; None without one."""
        path = self._inputs / f"alone-{mutant.name}"
        path.write_bytes(self._originals.bytes_of(mutant))
        target = self._running()
        target.forget_peak()
        try:
            problem = self._ask(target, mutant, path)
        except Died as error:
            problem = Problem("died", str(error), place_of(target.stderr()))
        finally:
            path.unlink()
        if problem is not None:
            self.close()  # the next file gets a fresh server
        return problem

    def fails_alike(self, mutant: Mutant, finding: Finding, edits: Iterable[Edit]) -> bool:
        """Whether other edits of the same file lead to the same finding."""
        problem = self.problem(mutant.with_edits(edits))
        return problem is not None and problem.of(mutant).signature == finding.signature

    def close(self) -> None:
        """End the server."""
        if self._target is not None:
            self._target.close()
        self._target = None

    def _running(self) -> Target:
        if self._target is None:
            timeout = f"{2 * self._limits.timeout:g}"
            self._target = Target(self._folder, "-w", "1", "--timeout", timeout)
        return self._target

    def _ask(self, target: Target, mutant: Mutant, path: Path) -> Problem | None:
        reply = target.receive_after(_request(mutant, path), 4 * self._limits.timeout)
        if reply is None:
            return Problem("no_reply", "no reply for long")
        if isinstance(reply, dict) and reply.get("id") != mutant.name:
            return Problem("extra_reply", f"unexpected: {str(reply)[:200]}")
        stderr = target.stderr()
        if problem := complaint(reply):
            return Problem(problem.code, problem.why, place_of(stderr))
        if problem := _excess(target, self._limits) or _said(stderr):
            return problem
        if problem := _extra(target, self._limits):
            return problem
        strays = target.stray_files(self._inputs)
        return Problem("stray_file", ", ".join(strays)[:300]) if strays else None


def complaint(reply: Message | NotAMessage) -> Problem | None:
    """The problem with the reply for a damaged, readable file, if there is one."""
    if isinstance(reply, NotAMessage):
        return Problem("not_json", f"not a JSON object: {reply.line[:200]!r}")
    code = reply.get("code")
    if reply.get("status") == "success" and code == "ok":
        return None
    if code not in ERROR_CODES or reply.get("status") != "error":
        return Problem("unknown_reply", f"not documented: {str(reply)[:200]}")
    return None if code in OF_A_FILE else Problem(str(code), str(reply.get("error")))


def _extra(target: Target, limits: Limits) -> Problem | None:
    """A message that arrives after all replies."""
    pong = target.receive_after(b'{"type": "ping", "id": "end"}', 4 * limits.timeout)
    if isinstance(pong, dict) and pong.get("type") == "pong":
        return None
    return Problem("extra_reply", f"instead of a pong: {str(pong)[:200]}")


def _excess(target: Target, limits: Limits) -> Problem | None:
    if target.peak <= limits.memory:
        return None
    return Problem("memory", f"a decoding process has {target.peak >> 20} MiB")


def _said(stderr: str) -> Problem | None:
    if not stderr:
        return None
    return Problem("stderr", stderr.strip().splitlines()[-1][:300], place_of(stderr))


def _request(mutant: Mutant, path: Path) -> bytes:
    return json.dumps({"id": mutant.name, "path": str(path)}).encode()
