"""Exactly one reply, or none after a reset, for all requests in any order: the scheduler."""

from __future__ import annotations

import random
import sys
import threading
import tracemalloc
from collections.abc import Callable

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from keyscan.errors import DecoderCrashed, Silent, TimedOut, TooShort, WorkerFailed
from keyscan.server.protocol import Analyze, Cancel, Ping, failure, parse
from keyscan.server.scheduler import Job, Scheduler
from tests.ledger import Ledger, Message
from tests.messages import check_reply

IDS = (1, 1.0, "1", "a", "b")
ERRORS = {kind.code: kind for kind in (Silent, TimedOut, DecoderCrashed, WorkerFailed, TooShort)}
OUTCOMES = tuple(ERRORS)
MAX_RUNNING = 4


class Recorder:
    """Both directions of a conversation among threads, written down to be checked afterwards."""

    def __init__(self) -> None:
        self.lines: list[tuple[Callable[[Ledger, Message], None], Message]] = []

    def sent(self, message: Message) -> None:
        self.lines.append((Ledger.sent, message))

    def received(self, message: Message) -> None:
        self.lines.append((Ledger.received, message))

    def replay(self, ledger: Ledger) -> None:
        for tell, message in self.lines:
            tell(ledger, message)


class Client:
    """Drives a scheduler and keeps book of both directions."""

    def __init__(self, ledger: Ledger | Recorder) -> None:
        self.ledger = ledger
        self.scheduler = Scheduler(lambda message: ledger.received(check_reply(message)))

    def analyze(self, request_id, path="/a.mp3", priority=False):
        self.ledger.sent({"id": request_id, "path": path, "priority": priority})
        self.scheduler.submit(Analyze(request_id, path, priority=priority))

    def cancel(self, request_id):
        self.ledger.sent({"type": "cancel", "id": request_id})
        self.scheduler.cancel(Cancel(request_id))

    def reset(self):
        self.ledger.sent({"type": "reset"})
        self.scheduler.reset()

    def ping(self):
        self.ledger.sent({"type": "ping", "id": "p"})
        self.scheduler.ping(Ping("p"))


def finish(scheduler: Scheduler, job: Job, code: str) -> None:
    """What the server does with the outcome of a worker: a reply, wanted or not."""
    error = ERRORS[code]("as simulated")
    scheduler.finish(job, failure(job.request, job.generation, error))


class Protocol(RuleBasedStateMachine):
    """The scheduler against a model: requests in a list, and jobs that are wanted or not."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger(codes=lambda path: OUTCOMES)
        self.client = Client(self.ledger)
        self.scheduler = self.client.scheduler
        self.queued: list[tuple[object, str]] = []
        self.running: list[tuple[Job, int]] = []  # with the generation it belongs to
        self.wanted: set[Job] = set()
        self.generation = 0
        self.closed = False

    def waits(self, request_id: object) -> bool:
        ids = [repr(one) for one, _ in self.queued] + [repr(job.request.id) for job in self.wanted]
        return repr(request_id) in ids

    @precondition(lambda self: not self.closed)
    @rule(request_id=st.sampled_from(IDS), name=st.sampled_from("xyz"), priority=st.booleans())
    def analyze(self, request_id, name, priority):
        refused, before = self.waits(request_id), self.ledger.replies["duplicate_id"]
        self.client.analyze(request_id, f"/{name}.mp3", priority)
        assert self.ledger.replies["duplicate_id"] == before + refused
        if not refused:
            place = 0 if priority else len(self.queued)
            self.queued.insert(place, (request_id, f"/{name}.mp3"))

    @precondition(lambda self: not self.closed)
    @rule(request_id=st.sampled_from(IDS))
    def cancel(self, request_id):
        waited, before = self.waits(request_id), self.ledger.replies["cancelled"]
        self.client.cancel(request_id)
        assert self.ledger.replies["cancelled"] == before + waited
        self.queued = [one for one in self.queued if repr(one[0]) != repr(request_id)]
        self.wanted = {job for job in self.wanted if repr(job.request.id) != repr(request_id)}

    @precondition(lambda self: not self.closed)
    @rule()
    def reset(self):
        self.client.reset()
        self.generation += 1
        self.queued, self.wanted = [], set()
        assert self.ledger.generation == self.generation

    @precondition(lambda self: not self.closed)
    @rule()
    def ping(self):
        self.client.ping()

    @precondition(lambda self: self.queued and len(self.running) < MAX_RUNNING)
    @rule()
    def a_worker_takes_the_next(self):
        job = self.scheduler.next_job()
        assert job is not None
        request_id, path = self.queued.pop(0)
        assert (repr(job.request.id), job.request.path) == (repr(request_id), path)
        self.running.append((job, self.generation))
        self.wanted.add(job)

    @precondition(lambda self: self.running)
    @rule(which=st.integers(0, MAX_RUNNING - 1), code=st.sampled_from(OUTCOMES))
    def a_worker_ends(self, which, code):
        job, _ = self.running.pop(which % len(self.running))
        before = self.ledger.replies[code]
        finish(self.scheduler, job, code)
        assert self.ledger.replies[code] == before + (job in self.wanted)
        self.wanted.discard(job)

    @precondition(lambda self: not self.closed)
    @rule()
    def end_of_input(self):
        self.scheduler.close()
        self.closed = True

    @precondition(lambda self: self.closed and not self.queued and not self.running)
    @rule()
    def a_worker_is_sent_home(self):
        assert self.scheduler.next_job() is None

    @invariant()
    def model_agrees(self):
        """Nothing is lost, idle is said as soon as it is true, workers know what is cancelled."""
        assert self.ledger.unanswered == len(self.queued) + len(self.wanted)
        oldest = min((generation for _, generation in self.running), default=self.generation)
        assert self.ledger.idle == oldest
        for job, _ in self.running:
            assert job.cancelled.is_set() == (job not in self.wanted)

    def teardown(self):
        if sys.exc_info()[0] is not None:  # a rule has failed, and the rest would hide it
            return
        self.scheduler.close()
        while self.queued or self.running:
            if self.queued:
                self.a_worker_takes_the_next()
            self.a_worker_ends(0, "silent")
        assert self.scheduler.next_job() is None
        self.scheduler.wait_until_done()
        self.ledger.ended()


TestProtocol = Protocol.TestCase
TestProtocol.settings = settings(
    max_examples=200, stateful_step_count=60, report_multiple_bugs=False
)


@pytest.fixture
def restless():
    """Threads that take turns a thousand times as often as usual."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(5e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.parametrize("seed", range(8))
def test_threads_that_race(restless, seed):
    recorder, failed = Recorder(), []
    client = Client(recorder)

    def work(number):
        chance = random.Random(f"{seed} {number}")
        while (job := client.scheduler.next_job()) is not None:
            for _ in range(chance.randrange(20)):
                if job.cancelled.is_set():
                    break
            try:
                finish(client.scheduler, job, chance.choice(OUTCOMES))
            except BaseException as error:
                failed.append(error)
                raise

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    chance = random.Random(seed)
    rules = [client.analyze] * 12 + [client.cancel] * 4
    for _ in range(3000):
        if chance.random() < 0.02:
            client.reset()
        elif chance.random() < 0.05:
            client.ping()
        else:
            chance.choice(rules)(chance.choice(IDS))
    client.scheduler.close()
    client.scheduler.wait_until_done()
    for thread in threads:
        thread.join(30)
    assert not failed
    ledger = Ledger(codes=lambda path: OUTCOMES)
    recorder.replay(ledger)
    ledger.ended()
    assert min(ledger.replies[code] for code in (*OUTCOMES, "cancelled", "duplicate_id")) > 0


def test_a_long_queue_costs_little_more_than_its_text():
    lines = [b'{"id": "track %d", "path": "/music/%d.mp3"}' % (n, n) for n in range(10_000)]
    scheduler = Scheduler(lambda message: None)
    parsed = [parse(line) for line in lines]
    tracemalloc.start()
    try:
        for request in parsed:
            assert isinstance(request, Analyze)
            scheduler.submit(request)
        size, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size / len(lines) < 300  # bytes, beyond the request itself
