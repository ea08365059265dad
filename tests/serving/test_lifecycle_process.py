"""Exactly one reply or none after a reset: the real process, with workers that really die."""

from __future__ import annotations

import os
import random
import signal
import sys
from pathlib import Path

import psutil
import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests import faulty_server
from tests.ledger import Ledger
from tests.server_process import PATIENCE, ROOT, ServerProcess

COMMAND = [sys.executable, str(ROOT / "tests" / "faulty_server.py")]
IDS = (1, 1.0, "1", "a", "b")
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
        self.ledger = Ledger(codes=lambda path: FILES[Path(path).name])
        self.process = ServerProcess(
            *("-w", "2", "--timeout", "4", "--memory-limit", "400"),
            command=COMMAND,
            environ={"PYTHONPATH": str(ROOT)},
        )

    def analyze(self, request_id, name):
        self.send({"id": request_id, "path": str(self.folder / name)})

    def send(self, message):
        self.ledger.sent(message)
        self.process.send(message)

    def receive(self):
        message = self.process.receive()
        self.ledger.received(message)
        return message

    def settle(self):
        """Read until everything that was sent is answered."""
        while not self.ledger.settled:
            self.receive()

    def end(self):
        """End the input, and hold the server to a clean end."""
        family = psutil.Process(self.process.pid).children(recursive=True)
        for message in self.process.finish():
            self.ledger.received(message)
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


class Process(RuleBasedStateMachine):
    """One client's life; it leaves the server idle to the next one, or ends it."""

    @initialize(how_it_ends=st.sampled_from(("reset", "reset", "reset", "end of input")))
    def connect(self, how_it_ends):
        self.conversation = Library.open()
        self.how_it_ends = how_it_ends

    @rule(request_id=st.sampled_from(IDS), name=st.sampled_from(sorted(FILES)))
    def analyze(self, request_id, name):
        self.conversation.analyze(request_id, name)

    @rule(request_id=st.sampled_from(IDS))
    def analyze_good(self, request_id):
        self.conversation.analyze(request_id, "good.flac")

    @rule(request_id=st.sampled_from((*IDS, "never asked")))
    def cancel(self, request_id):
        self.conversation.send({"type": "cancel", "id": request_id})

    @rule()
    def reset(self):
        self.conversation.send({"type": "reset"})

    @rule()
    def look(self):
        self.conversation.send({"type": "ping", "id": "look"})
        while self.conversation.receive().get("type") != "pong":
            continue

    @rule()
    def bad_line(self):
        self.conversation.ledger.sent({"type": "bad", "id": "a"})
        self.conversation.process.send(b'{"id": "a"}\n')

    @rule()
    def settle(self):
        self.conversation.settle()

    @rule(number=st.sampled_from((signal.SIGKILL, signal.SIGSEGV)))
    def idle_workers_die(self, number):
        """No file is to blame, and none pays."""
        self.conversation.settle()
        for pid in self.conversation.process.worker_pids():
            os.kill(pid, number)

    def teardown(self):
        if sys.exc_info()[0] is not None:
            Library.close()
        elif self.how_it_ends == "reset":
            self.conversation.send({"type": "reset"})
            self.conversation.settle()
        else:
            self.conversation.end()
            Library.close()


TestProcess = Process.TestCase
TestProcess.settings = settings(
    max_examples=12,
    stateful_step_count=15,
    report_multiple_bugs=False,
    phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
)


@pytest.fixture
def conversation():
    Library.close()
    yield Library.open()
    Library.close()


def test_every_fault_costs_one_reply(conversation):
    """In a random order, with good files in between that are all answered."""
    names = [*faulty_server.FAULTS, *["good"] * 20]
    random.Random(0).shuffle(names)
    for number, name in enumerate(names):
        conversation.analyze(number, f"{name}.flac" if name == "good" else f"{name}.mp3")
    conversation.end()
    assert conversation.ledger.replies["ok"] == 20
