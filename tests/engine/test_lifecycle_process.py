"""Exactly one reply or none after a reset: the real process, with workers that really die."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import sys
from pathlib import Path

import psutil
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests import faulty_server
from tests.ledger import Ledger, Violation
from tests.server_process import PATIENCE, ROOT, ServerProcess

COMMAND = [sys.executable, str(ROOT / "tests" / "faulty_server.py")]
IDS = (1, 1.0, "1")
FILES = {
    "good.flac": ("ok",),
    "missing.mp3": ("file_not_found",),
    "short.mp3": ("unsupported_format",),
    **{f"{name}.mp3": codes for name, codes in faulty_server.CODES.items()},
}
DEFECTS = (b"a worker thread failed", b"could not be handled", b"the model failed", b"Exception in")


class Conversation:
    """A server that is told what to do with each file by its name, and the book on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sent: list[bytes] = []
        self.ledger = Ledger(codes=lambda path: FILES[Path(path).name])
        self.process = ServerProcess(
            *("-w", "2", "--timeout", "3", "--memory-limit", "256"),
            command=COMMAND,
            environ={"PYTHONPATH": str(ROOT)},
        )

    def analyze(self, request_id, name):
        self.send({"id": request_id, "path": str(self.folder / name)})

    def send(self, message, line=None):
        """``line`` is what is written if it is not that message."""
        self.sent.append(line or json.dumps(message).encode() + b"\n")
        self.ledger.sent(message)
        self.process.send(self.sent[-1])

    def receive(self):
        message = self.process.receive()
        self.check(message)
        return message

    def check(self, message):
        """A wrong message is shown with what led to it: real processes do not do it twice."""
        try:
            self.ledger.received(message)
        except Violation as violation:
            violation.add_note(b"".join([b"after\n", *self.sent[-50:]]).decode())
            raise

    def ping(self):
        """Read until the server has handled all that was sent; the pong."""
        self.send({"type": "ping", "id": "look"})
        while (message := self.receive()).get("type") != "pong":
            continue
        return message

    def settle(self):
        """Read until everything that was sent is answered."""
        while not self.ledger.settled:
            self.receive()

    def end(self):
        """End the input, and hold the server to a clean end."""
        family = psutil.Process(self.process.pid).children(recursive=True)
        for message in self.process.finish():
            self.check(message)
        self.ledger.ended()
        assert self.process.process.returncode == 0
        assert not psutil.wait_procs(family, PATIENCE)[1]
        for line in self.process.stderr.splitlines():
            assert not any(defect in line for defect in DEFECTS), self.process.stderr.decode()


class Library:
    """The files, and at most one server, which lives as long as nothing goes wrong with it."""

    folder: Path
    conversation: Conversation | None = None

    @classmethod
    def open(cls) -> Conversation:
        if cls.conversation is None:
            cls.conversation = Conversation(cls.folder)
        return cls.conversation

    @classmethod
    def close(cls) -> None:
        if cls.conversation is not None:
            cls.conversation.process.__exit__()
            cls.conversation = None


@pytest.fixture(scope="module", autouse=True)
def library(track, tmp_path_factory):
    Library.folder = tmp_path_factory.mktemp("library")
    (Library.folder / "good.flac").write_bytes(track.read_bytes())
    (Library.folder / "short.mp3").write_bytes(b"no music")
    yield
    Library.close()


ids = st.sampled_from(IDS)
names = st.sampled_from(("good.flac", "deaf.mp3")) | st.sampled_from(sorted(FILES))
ask = st.tuples(st.just("ask"), ids, names)
steps = st.one_of(
    *(ask, ask, ask),  # the more there is to do, the more gets into each other's way
    st.tuples(st.just("cancel"), ids),
    st.sampled_from((("look",), ("settle",), ("bad line",))),
    st.sampled_from((("reset",), ("the same list again",))),
    st.tuples(st.just("idle workers die"), st.sampled_from((signal.SIGKILL, signal.SIGSEGV))),
)


def follow(program, conversation):
    """Do what it says, in order, without waiting for anything but where it says so."""
    for step in program:
        match step:
            case ("ask", request_id, name):
                conversation.analyze(request_id, name)
            case ("cancel", request_id):
                conversation.send({"type": "cancel", "id": request_id})
            case ("look",):
                conversation.ping()
            case ("settle",):
                conversation.settle()
            case ("bad line",):
                conversation.send({"type": "bad", "id": "a"}, line=b'{"id": "a"}\n')
            case ("reset",):
                conversation.send({"type": "reset"})
            case ("the same list again",):
                conversation.ping()
                conversation.send({"type": "reset"})
                follow([one for one in program if one[0] == "ask"][:4], conversation)
            case ("idle workers die", number):  # no file is to blame, and none pays
                conversation.settle()
                for pid in conversation.process.worker_pids():
                    with contextlib.suppress(ProcessLookupError):  # dead already, not yet replaced
                        os.kill(pid, number)
            case _:
                raise AssertionError(step)


@settings(
    max_examples=10,
    report_multiple_bugs=False,
    phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
)
@given(
    st.lists(steps, min_size=8, max_size=16), st.sampled_from(("reset", "reset", "end of input"))
)
@pytest.mark.timeout(900)  # a failure is made as short as it can be
def test_any_program(program, how_it_ends):
    """Written before it runs: what a real process answers does not come at the same time twice.

    It leaves the server idle to the next one, or ends it.
    """
    conversation = Library.open()
    try:
        follow(program, conversation)
        if how_it_ends == "end of input":
            conversation.end()
        else:
            conversation.send({"type": "reset"})
            conversation.settle()
    except BaseException:
        Library.close()
        raise
    if how_it_ends == "end of input":
        Library.close()


@pytest.fixture
def conversation():
    Library.close()
    yield Library.open()
    Library.close()


def test_every_fault_costs_one_reply(conversation):
    """In a random order, with good files in between that are all answered."""
    names = [*faulty_server.CODES, *["good"] * 20]
    random.Random(0).shuffle(names)
    for number, name in enumerate(names):
        conversation.analyze(number, f"{name}.flac" if name == "good" else f"{name}.mp3")
    conversation.end()
    assert conversation.ledger.replies["ok"] == 20


def test_an_id_is_used_again_while_its_old_file_still_runs(conversation):
    for number in range(3):
        conversation.analyze("x", "deaf.mp3")
        while not conversation.ping()["running"]:
            continue
        conversation.send({"type": "reset"})
        conversation.analyze("x", "good.flac" if number else "deaf.mp3")
        conversation.settle()
    conversation.end()
    assert conversation.ledger.replies == {"file_not_found": 1, "ok": 2}
