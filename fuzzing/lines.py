"""Damaged lines of the protocol; the pong to a ping after each line marks the end of replies."""

from __future__ import annotations

import json
import math
import random
import string
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from fuzzing.edits import Edit, apply_all, draw_edits
from fuzzing.findings import Finding, place_of
from fuzzing.media import OF_A_FILE, Problem
from fuzzing.target import Died, Message, NotAMessage, Target
from keyscan.server.protocol import MAX_LINE_BYTES

_PATIENCE = 60.0  # seconds; exceeded only by a hang
_MARKER = "the marker"
_DEEP = 800  # Python's parser fails at a little less than 1,000
# The codes about a path, and about the file there.
_OF_A_PATH = OF_A_FILE | {
    *("file_not_found", "invalid_path", "not_a_file", "permission_denied", "read_failed")
}
_RESET = ["reset_complete", "reset_idle"]
_ANY = [["bad_request"], ["pong"], ["cancel_complete"], ["ok"], ["error"], _RESET]
_PING = json.dumps({"type": "ping", "id": _MARKER}).encode()


class Lines:
    """One line at a time through the real server; a context manager.

    Any line gets one reply (a reset two: ``reset_complete`` and ``reset_idle``); blank lines get
    none.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._target: Target | None = None

    def line(self, number: int) -> bytes:
        """The line of that number, before its edits."""
        return draw_line(random.Random(number), self._folder)

    def edits(self, number: int) -> tuple[Edit, ...]:
        """The edits of that line; none for every third line."""
        if number % 3 == 0:
            return ()
        rng = random.Random(f"edits {number}")
        others = [draw_line(rng, self._folder) for _ in range(3)]
        return draw_edits(rng, self.line(number), others)

    def edited(self, number: int, edits: Sequence[Edit]) -> bytes:
        """The line after the edits, still one line."""
        return apply_all(self.line(number), edits).replace(b"\n", b"\r")

    def try_out(self, number: int) -> Finding | None:
        """Send one line."""
        return self.try_edits(number, self.edits(number))

    def try_edits(self, number: int, edits: Sequence[Edit]) -> Finding | None:
        """Send the line of that number with other edits."""
        line = self.edited(number, edits)
        try:
            target = self._running()
            problem = self._ask(target, line)
        except Died as error:
            problem = Problem("died", str(error))
        if problem is None:
            return None
        place = place_of(self._target.stderr()) if self._target is not None else ""
        self.close()
        return Finding("line", "json", number, problem.code, problem.why, place)

    def close(self) -> None:
        """End the server."""
        if self._target is not None:
            self._target.close()
        self._target = None

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _running(self) -> Target:
        if self._target is None:
            self._target = Target(self._folder / "lines", "-w", "1", "--timeout", "20")
        return self._target

    def _ask(self, target: Target, line: bytes) -> Problem | None:
        target.send(line)
        target.send(_PING)
        answers: list[Message | NotAMessage] = []
        while not _is_marker(answer := target.receive(_PATIENCE)):
            if answer is None:
                return Problem("no_reply", "there is no pong after the line")
            answers.append(answer)
        for _ in range(_owed(line, answers)):
            late = target.receive(_PATIENCE)
            if late is None:
                return Problem("no_reply", f"there is no reply to {line[:200]!r}")
            answers.append(late)
        if stderr := target.stderr():
            return Problem("stderr", stderr.strip().splitlines()[-1][:300])
        return judge(line, answers)


def _is_marker(answer: Message | NotAMessage | None) -> bool:
    is_pong = isinstance(answer, dict) and answer.get("type") == "pong"
    return is_pong and isinstance(answer, dict) and answer.get("id") == _MARKER


def _owed(line: bytes, answers: Sequence[Message | NotAMessage]) -> int:
    """The number of messages to come: the reply for a file, or the second one to a reset."""
    if _is_blank(line):
        return 0
    first = answers[0] if answers else None
    is_reset = isinstance(first, dict) and first.get("type") == "reset_complete"
    return (2 if is_reset else 1) - len(answers)


def judge(line: bytes, answers: Sequence[Message | NotAMessage]) -> Problem | None:
    """The problem with these replies to one line, if there is one."""
    for answer in answers:
        if isinstance(answer, NotAMessage):
            return Problem("not_json", f"to {line[:200]!r}: {answer.line[:200]!r}")
    kinds = [_kind(answer) for answer in answers if isinstance(answer, dict)]
    wanted = _wanted(line)
    if kinds not in wanted:
        return Problem("wrong_answer", f"{kinds} and not one of {wanted} to {line[:200]!r}")
    for answer in answers:
        assert isinstance(answer, dict)
        if answer.get("code") == "internal_error" or "could not be handled" in str(answer):
            return Problem("internal_error", f"to {line[:200]!r}: {str(answer)[:200]}")
        if (
            "id" in answer
            and not _may_be_too_deep(line)
            and not _same_id(answer["id"], _id_in(line))
        ):
            return Problem("wrong_id", f"to {line[:200]!r}: {str(answer)[:200]}")
    return None


def _kind(answer: Message) -> str:
    if "status" not in answer:
        return str(answer.get("type"))
    if answer["status"] == "success" or answer.get("code") == "bad_request":
        return str(answer.get("code"))
    return "error" if answer.get("code") in _OF_A_PATH else str(answer)[:200]


def _wanted(line: bytes) -> list[list[str]]:
    """The kinds of replies that docs/protocol.md documents for such a line."""
    if _is_blank(line):
        return [[]]
    if _may_be_too_deep(line):
        return _ANY
    value = _value_of(line)
    if not isinstance(value, dict):
        return [["bad_request"]]
    kind, request_id, path = value.get("type"), value.get("id"), value.get("path")
    if kind == "reset":
        return [_RESET]
    if kind == "ping":
        return [["pong"]]
    if kind not in (None, "cancel") or not _is_id(request_id):
        return [["bad_request"]]
    if kind == "cancel":
        return [["cancel_complete"]]
    return [["ok"], ["error"]] if isinstance(path, str) and path else [["bad_request"]]


def _is_blank(line: bytes) -> bool:
    return len(line) <= MAX_LINE_BYTES and not line.strip()


def _may_be_too_deep(line: bytes) -> bool:
    """Whether its nesting may exceed the parser's limit, which depends on the caller."""
    return line.count(b"[") + line.count(b"{") > _DEEP


def _value_of(line: bytes) -> Any:
    """The JSON value of a line; None if it is not JSON, or too long."""
    if len(line) > MAX_LINE_BYTES:
        return None
    try:
        return json.loads(line.decode("utf-8-sig"), parse_constant=_refuse)
    except ValueError:
        return None


def _id_in(line: bytes) -> object:
    value = _value_of(line)
    request_id = value.get("id") if isinstance(value, dict) else None
    return request_id if _is_id(request_id) else None


def _is_id(value: object) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, str | int) and not isinstance(value, bool)


def _same_id(given: object, wanted: object) -> bool:
    return type(given) is type(wanted) and given == wanted


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def draw_line(rng: random.Random, folder: Path) -> bytes:
    """A request, often an unusual one; not always JSON."""
    draw: Callable[[random.Random, Path], bytes] = rng.choice(
        (_request, _request, _request, _control, _nested, _long, _garbage)
    )
    line = draw(rng, folder)
    return rng.choice((b"", b"", b"", b"", b"\xef\xbb\xbf", b" ", b"\0")) + line + rng.choice(
        (b"", b"", b"", b"\r", b"\r\r", b" ", b"\0", b"}")
    )  # fmt: skip


def _request(rng: random.Random, folder: Path) -> bytes:
    fields = [("id", _value(rng)), ("path", rng.choice((_path(rng, folder), _value(rng))))]
    if rng.random() < 0.2:
        fields.append((rng.choice(("id", "path", "type", "x")), _value(rng)))
    rng.shuffle(fields)
    return _object(fields)


def _control(rng: random.Random, folder: Path) -> bytes:
    kind = rng.choice(('"reset"', '"cancel"', '"ping"', '"cancel"', '"RESET"', _value(rng)))
    fields = [("type", kind)]
    if rng.random() < 0.8:
        fields.append(("id", _value(rng)))
    rng.shuffle(fields)
    return _object(fields)


def _nested(rng: random.Random, folder: Path) -> bytes:
    depth = rng.choice((10, 900, 1100, 10_000, 100_000))
    opening, closing = rng.choice((("[", "]"), ('{"a":', "}"), ('{"id":[', "]}")))
    text = opening * depth + rng.choice(("", "1")) + rng.choice((closing * depth, ""))
    return rng.choice(
        (text, f'{{"id": {text}, "path": "/x"}}', f'{{"id": 1, "x": {text}}}')
    ).encode()


def _long(rng: random.Random, folder: Path) -> bytes:
    size = rng.choice((5_000, MAX_LINE_BYTES - 40, MAX_LINE_BYTES, MAX_LINE_BYTES + 1, 3 << 20))
    if rng.random() < 0.5:
        return _object([("id", _value(rng)), ("path", json.dumps("/" + "x" * size))])
    return rng.choice((b"9", b" ", b"{", b'"', b"\0", b"\xc3")) * size


def _garbage(rng: random.Random, folder: Path) -> bytes:
    return rng.randbytes(rng.randrange(60))


def _object(fields: Sequence[tuple[str, str]]) -> bytes:
    text = ", ".join(f'"{name}": {value}' for name, value in fields)
    return f"{{{text}}}".encode("utf-8", "surrogatepass")


def _path(rng: random.Random, folder: Path) -> str:
    names = (".", "..", "missing", "a\0b", "\ud800", "é", "e\u0301", "x" * 300, "-", "~", "con")
    name = rng.choice(names)
    path = rng.choice((name, f"/{name}", f"{folder}/{name}", f"file:{name}", f"//{name}/"))
    return json.dumps(path, ensure_ascii=rng.random() < 0.7)


def _value(rng: random.Random) -> str:
    """A JSON value, or nearly JSON."""
    return rng.choice(
        (
            str(rng.randrange(-5, 100)),
            str(rng.choice((2**31, 2**53 + 1, -(2**63), 2**64, 10**30))),
            "9" * rng.choice((19, 400, 4299, 4300, 4301, 20_000)),
            *("1e5", "1E400", "-1e400", "0.1", "-0", "-0.0", "1.0", "1e-400", "5e-324", "01", "+1"),
            *("NaN", "Infinity", "-Infinity", "null", "true", "false", "[]", "{}", "[1]", '""'),
            *('"\\u0000"', '"\\ud800"', '"\\udc00\\ud800"', '"\\ud83c\\udfb5"', '"\\n"', "'x'"),
            *('"\x7f"', '"\u2028"', '"\ufeff"', '"reset"', '"\\x"', '{"id": 1}'),
            json.dumps("".join(rng.choices(string.printable + "äß漢🎵", k=rng.randrange(20)))),
        )
    )
