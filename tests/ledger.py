"""A client's book on the line protocol: what was asked, and whether each message may come now.

It looks at the server from outside and is exact. Messages that answer a line at once come in the
order of the lines. Every file is answered once, in the generation that it was asked in, before
anything that forgets it. Of several requests with one id, the oldest that waits is the one that is
worked on; the next is the one that can be refused.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

Message = dict[str, Any]
_Id = str | int | float


class Violation(AssertionError):
    """The server broke the protocol."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """A line that was sent; ``position`` counts the lines."""

    position: int
    message: Message


class Ledger:
    """Told of every line in both directions, it raises ``Violation`` at the first wrong message.

    ``generation`` counts the resets that are complete, ``idle`` is the generation of the last
    ``reset_idle``, ``replies`` counts replies to files by their code.
    """

    def __init__(self, codes: Callable[[str], Collection[str]]) -> None:
        """``codes(path)``: what may become of a file that is neither cancelled nor refused."""
        self.generation = 0
        self.idle = 0
        self.replies: defaultdict[str, int] = defaultdict(int)
        self._codes = codes
        self._position = 0
        self._resets_sent = 0
        self._answered_in_turn: deque[_Asked] = deque()
        self._waiting: defaultdict[int, dict[tuple[type, _Id], list[_Asked]]]
        self._waiting = defaultdict(dict)
        self._just_cancelled: _Id | None = None

    @property
    def unanswered(self) -> int:
        """Files asked for since the last reset was sent, and not answered yet."""
        return sum(len(asked) for asked in self._waiting[self._resets_sent].values())

    @property
    def settled(self) -> bool:
        """Whether every line that was sent has had its consequences."""
        return not self.unanswered and not self._answered_in_turn and self.idle == self.generation

    def sent(self, message: Message) -> None:
        """A line was sent; one that is no request as ``{"type": "bad", "id": what is read}``."""
        self._position += 1
        asked = _Asked(self._position, message)
        if "path" in message:
            waiting = self._waiting[self._resets_sent]
            waiting.setdefault(_key(message["id"]), []).append(asked)
            return
        self._answered_in_turn.append(asked)
        if message["type"] == "reset":
            self._resets_sent += 1

    def received(self, message: Message) -> None:
        """A message has come.

        Raises:
            Violation: it may not come now.
        """
        kind = message.get("type")
        if kind == "heartbeat":
            return
        if self._just_cancelled is not None:
            _require(kind == "cancel_complete", "cancel_complete must follow its reply", message)
        if kind == "reset_idle":
            self._idle(message)
        elif kind is None and message["code"] != "bad_request":
            self._reply(message)
        else:
            self._in_its_turn(message)

    def ended(self) -> None:
        """The server has ended in good order.

        Raises:
            Violation: something that was asked has not been answered.
        """
        waiting = self._waiting[self._resets_sent]
        _require(not any(waiting.values()), "files without a reply", waiting)
        _require(not self._answered_in_turn, "lines without an answer", self._answered_in_turn)
        _require(self._just_cancelled is None, "cancelled without a request", self._just_cancelled)
        _require(self.idle == self.generation, "no reset_idle after the last reset", self.idle)

    def _reply(self, message: Message) -> None:
        _require(message["generation"] == self.generation, "a reply of another generation", message)
        key = _key(message["id"])
        waiting = self._waiting[self.generation].get(key, [])
        place = 1 if message["code"] == "duplicate_id" else 0
        _require(place < len(waiting), "a reply to what was not asked", message)
        asked = waiting.pop(place)
        if not waiting:
            del self._waiting[self.generation][key]
        path = asked.message["path"]
        _require(message["filename"] == PurePath(path).name, "a reply to another file", message)
        self._require_earlier_lines_answered(asked, message)
        if message["code"] == "cancelled":
            self._just_cancelled = message["id"]
        elif message["code"] != "duplicate_id":
            _require(message["code"] in self._codes(path), f"a wrong reply to {path}", message)
        self.replies[message["code"]] += 1

    def _require_earlier_lines_answered(self, asked: _Asked, message: Message) -> None:
        in_turn = self._answered_in_turn
        overtaken = bool(in_turn) and in_turn[0].position < asked.position
        _require(not overtaken, "a reply before the answer to an earlier line", message)

    def _in_its_turn(self, message: Message) -> None:
        _require(bool(self._answered_in_turn), "an answer to nothing", message)
        asked = self._answered_in_turn.popleft()
        answers = {
            "reset": self._reset_complete,
            "cancel": self._cancel_complete,
            "ping": self._pong,
            "bad": self._rejection,
        }
        kind = asked.message["type"]
        answers[kind](asked, message)

    def _reset_complete(self, asked: _Asked, message: Message) -> None:
        _require(message.get("type") == "reset_complete", "not the answer to a reset", message)
        self._waiting.pop(self.generation, None)
        self.generation += 1
        _require(message["generation"] == self.generation, "a wrong generation", message)

    def _cancel_complete(self, asked: _Asked, message: Message) -> None:
        _require(message.get("type") == "cancel_complete", "not the answer to a cancel", message)
        _require(_key(message["id"]) == _key(asked.message["id"]), "another id", message)
        _require(message["generation"] == self.generation, "a wrong generation", message)
        cancelled, self._just_cancelled = self._just_cancelled, None
        if cancelled is not None:
            _require(_key(cancelled) == _key(message["id"]), "another file was cancelled", message)
        _require(message["cancelled"] == (cancelled is not None), "not what was done", message)
        left = self._waiting[self.generation].get(_key(message["id"]), [])
        forgotten = [earlier for earlier in left if earlier.position < asked.position]
        _require(not forgotten, "a request that a cancel should have answered", message)

    def _pong(self, asked: _Asked, message: Message) -> None:
        _require(message.get("type") == "pong", "not the answer to a ping", message)
        _require(message["id"] == asked.message.get("id"), "another id", message)
        _require(message["generation"] == self.generation, "a wrong generation", message)
        waiting = self._waiting[self.generation].values()
        known = sum(one.position < asked.position for several in waiting for one in several)
        queued, running = message["queued"], message["running"]
        _require(queued <= known <= queued + running, f"{known} files wait", message)

    def _rejection(self, asked: _Asked, message: Message) -> None:
        _require(message.get("code") == "bad_request", "not the answer to a bad line", message)
        _require(message["id"] == asked.message.get("id"), "another id", message)
        _require(message["generation"] == self.generation, "a wrong generation", message)

    def _idle(self, message: Message) -> None:
        self.idle += 1
        _require(message["generation"] == self.idle, "reset_idle out of order", message)
        _require(self.idle <= self.generation, "reset_idle before reset_complete", message)


def _key(request_id: _Id) -> tuple[type, _Id]:
    return type(request_id), request_id


def _require(condition: bool, what: str, about: object) -> None:
    if not condition:
        raise Violation(f"{what}: {about}")
