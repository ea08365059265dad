"""The book that other tests rely on finds every way to break the protocol."""

from __future__ import annotations

import pytest

from tests.ledger import Ledger, Violation

RESET, COMPLETE, IDLE = (
    {"type": "reset"},
    {"type": "reset_complete", "generation": 1},
    {"type": "reset_idle", "generation": 1},
)


def ask(request_id, path="/a.mp3"):
    return {"id": request_id, "path": path}


def reply(request_id, code="ok", generation=0, filename="a.mp3"):
    return {"id": request_id, "code": code, "generation": generation, "filename": filename}


def cancel(request_id):
    return {"type": "cancel", "id": request_id}


def cancel_complete(request_id, cancelled):
    return {
        "type": "cancel_complete", "id": request_id, "cancelled": cancelled, "generation": 0
    }  # fmt: skip


def pong(queued, running):
    return {"type": "pong", "id": None, "queued": queued, "running": running, "generation": 0}


def tell(sent, received):
    ledger = Ledger(codes=lambda path: ("ok", "silent"))
    for message in sent:
        ledger.sent(message)
    for message in received:
        ledger.received(message)
    ledger.ended()


@pytest.mark.parametrize(
    ("sent", "received"),
    [
        ([ask(1), ask("1"), ask(1.0)], [reply(1.0), reply(1), reply("1", "silent")]),
        ([ask(1), ask(1)], [reply(1, "duplicate_id"), {"type": "heartbeat"}, reply(1)]),
        ([ask(1), ask(1)], [reply(1), reply(1)]),
        ([ask(1), RESET], [COMPLETE, IDLE]),
        ([ask(1), RESET, ask(1)], [reply(1), COMPLETE, reply(1, generation=1), IDLE]),
        ([ask(1), cancel(1)], [reply(1, "cancelled"), cancel_complete(1, True)]),
        ([ask(1), cancel(1)], [reply(1), cancel_complete(1, False)]),
        ([ask(1), {"type": "ping"}], [pong(0, 1), reply(1)]),
    ],
)
def test_what_may_be(sent, received):
    tell(sent, received)


@pytest.mark.parametrize(
    ("sent", "received", "what"),
    [
        ([ask(1)], [], "without a reply"),
        ([ask(1)], [reply(1), reply(1)], "not asked"),
        ([ask(1)], [reply("1")], "not asked"),
        ([ask(1)], [reply(1, filename="b.mp3")], "another file"),
        ([ask(1)], [reply(1, "timeout")], "a wrong reply"),
        ([ask(1)], [reply(1, "cancelled")], "without a request"),
        ([ask(1), ask(1)], [reply(1), reply(1, "duplicate_id")], "not asked"),
        ([ask(1), RESET], [COMPLETE, reply(1), IDLE], "another generation"),
        ([ask(1), RESET], [COMPLETE, reply(1, generation=1)], "not asked"),
        ([RESET], [COMPLETE], "no reset_idle"),
        ([RESET], [IDLE, COMPLETE], "before reset_complete"),
        ([RESET], [COMPLETE, IDLE, {**IDLE, "generation": 2}], "before reset_complete"),
        ([RESET], [{**COMPLETE, "generation": 2}], "wrong generation"),
        ([RESET, cancel(1)], [cancel_complete(1, False), COMPLETE], "not the answer"),
        ([RESET, ask(1)], [reply(1), COMPLETE], "not asked"),
        ([ask(1), cancel(1)], [cancel_complete(1, True)], "not what was done"),
        ([ask(1), cancel(1)], [cancel_complete(1, False), reply(1)], "should have answered"),
        ([ask(1), cancel(1)], [reply(1, "cancelled"), cancel_complete(1, False)], "was done"),
        ([ask(1), {"type": "ping"}], [pong(0, 0), reply(1)], "1 files wait"),
        ([{"type": "ping"}], [pong(1, 0)], "0 files wait"),
        ([{"type": "ping"}, ask(1)], [reply(1), pong(0, 0)], "earlier line"),
        ([], [pong(0, 0)], "answer to nothing"),
        ([{"type": "bad", "id": 1}], [reply(None, "bad_request")], "another id"),
    ],
)
def test_what_may_not_be(sent, received, what):
    with pytest.raises(Violation, match=what):
        tell(sent, received)
