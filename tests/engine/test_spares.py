"""Who may have a worker, and when its owner has it back."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import cast

import pytest

from keyscan.engine.spares import Loan, Spares
from keyscan.engine.worker import Worker
from tests.server_process import PATIENCE, wait_for


class FakeWorker:
    """A worker that is told things."""

    def __init__(self, name: str = "worker", *, alive: bool = True) -> None:
        self.name, self.alive, self.stopped = name, alive, 0
        self.on_stop: Callable[[], None] = lambda: None

    def stop(self) -> None:
        self.stopped += 1
        self.on_stop()


def as_worker(fake: FakeWorker) -> Worker:
    return cast(Worker, fake)


class Owner:
    """A thread that offers its worker until it is called."""

    def __init__(self, spares: Spares, fake: FakeWorker) -> None:
        self._spares, self._fake = spares, fake
        self._offers, self._called = threading.Event(), threading.Event()
        self.has_it = threading.Event()
        self._thread = threading.Thread(target=self._offer, daemon=True)
        self._thread.start()
        assert self._offers.wait(PATIENCE)

    def call(self) -> None:
        self._called.set()

    def wait(self) -> None:
        assert self.has_it.wait(PATIENCE)
        self._thread.join(PATIENCE)

    def _offer(self) -> None:
        with self._spares.offered(as_worker(self._fake)):
            self._offers.set()
            self._called.wait(PATIENCE)
        self.has_it.set()


@contextmanager
def owner_of(spares: Spares, fake: FakeWorker) -> Iterator[Owner]:
    owner = Owner(spares, fake)
    try:
        yield owner
    finally:
        owner.call()


@pytest.fixture
def spares() -> Spares:
    return Spares()


def borrowed(spares: Spares) -> Loan:
    loan = spares.borrow()
    assert loan is not None
    return loan


def test_nobody_offers(spares: Spares) -> None:
    assert spares.count() == 0
    assert spares.borrow() is None


def test_a_worker_is_lent_while_it_is_offered(spares: Spares) -> None:
    fake = FakeWorker()
    with spares.offered(as_worker(fake)):
        assert spares.count() == 1
        loan = borrowed(spares)
        assert loan.worker is as_worker(fake)
        assert not loan.wanted_back.is_set()
        assert spares.count() == 0
        assert spares.borrow() is None
        spares.give_back(loan)
        assert spares.count() == 1
    assert spares.count() == 0
    assert spares.borrow() is None
    assert fake.stopped == 0


def test_a_worker_that_came_back_is_lent_again(spares: Spares) -> None:
    with spares.offered(as_worker(FakeWorker())):
        loans = []
        for _ in range(3):
            loans.append(borrowed(spares))
            spares.give_back(loans[-1])
    assert len(set(loans)) == 3
    assert not any(loan.wanted_back.is_set() for loan in loans)


def test_two_borrowers_never_have_the_same(spares: Spares) -> None:
    fakes = [FakeWorker(str(number)) for number in range(3)]
    with (
        spares.offered(as_worker(fakes[0])),
        spares.offered(as_worker(fakes[1])),
        spares.offered(as_worker(fakes[2])),
    ):
        loans = [borrowed(spares) for _ in fakes]
        assert {loan.worker for loan in loans} == {as_worker(fake) for fake in fakes}
        assert spares.borrow() is None
        for loan in loans:
            spares.give_back(loan)
        assert spares.count() == 3


def test_a_dead_worker_is_not_lent(spares: Spares) -> None:
    dead, living = FakeWorker("dead", alive=False), FakeWorker("living")
    with spares.offered(as_worker(dead)), spares.offered(as_worker(living)):
        assert spares.count() == 1
        loan = borrowed(spares)
        assert loan.worker is as_worker(living)
        assert spares.borrow() is None
        living.alive = False  # it died of its piece
        spares.give_back(loan)
        assert spares.count() == 0
        assert spares.borrow() is None


def test_the_owner_waits_until_its_worker_was_given_back(spares: Spares) -> None:
    fake = FakeWorker()
    with owner_of(spares, fake) as owner:
        loan = borrowed(spares)
        owner.call()
        assert loan.wanted_back.wait(PATIENCE)
        wait_for(lambda: fake.stopped)
        assert not owner.has_it.wait(0.05)
        assert spares.borrow() is None
        spares.give_back(loan)
        owner.wait()
    assert fake.stopped == 1
    assert spares.count() == 0


def test_an_owner_whose_worker_is_there_does_not_wait(spares: Spares) -> None:
    mine, other = FakeWorker("mine"), FakeWorker("other")
    with owner_of(spares, other):
        loan = borrowed(spares)
        with owner_of(spares, mine) as owner:
            owner.call()
            owner.wait()
        assert (mine.stopped, other.stopped) == (0, 0)
        assert not loan.wanted_back.is_set()
        spares.give_back(loan)


def test_the_borrower_may_give_back_as_soon_as_the_worker_is_told_to_stop(spares: Spares) -> None:
    """From another thread, as the stop is told with the lock held."""
    fake = FakeWorker()
    with owner_of(spares, fake) as owner:
        loan = borrowed(spares)
        fake.on_stop = threading.Thread(target=spares.give_back, args=(loan,)).start
        owner.call()
        owner.wait()
    assert spares.count() == 0


def test_a_worker_is_back_when_its_offer_ends_in_an_error(spares: Spares) -> None:
    fake, taken, failed = FakeWorker(), threading.Event(), threading.Event()

    def offer() -> None:
        with suppress(ZeroDivisionError), spares.offered(as_worker(fake)):
            taken.wait(PATIENCE)
            1 / 0  # noqa: B018
        failed.set()

    threading.Thread(target=offer, daemon=True).start()
    wait_for(spares.count)
    loan = borrowed(spares)
    taken.set()
    assert loan.wanted_back.wait(PATIENCE)
    assert not failed.is_set()
    spares.give_back(loan)
    assert failed.wait(PATIENCE)
    assert spares.count() == 0


def test_a_worker_that_is_wanted_back_is_not_lent_again_on_its_way(spares: Spares) -> None:
    """Two files one after the other: the second must not take what a third request waits for."""
    fake = FakeWorker()
    with owner_of(spares, fake) as owner:
        loan = borrowed(spares)
        owner.call()
        assert loan.wanted_back.wait(PATIENCE)
        with spares._changed:  # so that the owner does not come in between
            spares.give_back(loan)
            assert spares.count() == 0
            assert spares.borrow() is None
        owner.wait()


def test_many_borrowers_and_owners(spares: Spares) -> None:
    """Nobody waits for ever, and no worker has two masters."""
    fakes = [FakeWorker(str(number)) for number in range(4)]
    masters: dict[Worker, list[str]] = {as_worker(fake): [] for fake in fakes}
    clashes: list[list[str]] = []
    busy = threading.Event()

    def use(worker: Worker, name: str) -> None:
        masters[worker].append(name)
        if len(masters[worker]) != 1:
            clashes.append(list(masters[worker]))
        masters[worker].remove(name)

    def own(fake: FakeWorker) -> None:
        for _ in range(200):
            with spares.offered(as_worker(fake)):
                pass
            use(as_worker(fake), "owner")

    def borrow(number: int) -> None:
        while not busy.is_set():
            if (loan := spares.borrow()) is not None:
                use(loan.worker, f"borrower {number}")
                spares.give_back(loan)

    owners = [threading.Thread(target=own, args=(fake,), daemon=True) for fake in fakes]
    borrowers = [threading.Thread(target=borrow, args=(n,), daemon=True) for n in range(2)]
    for thread in owners + borrowers:
        thread.start()
    for thread in owners:
        thread.join(PATIENCE)
        assert not thread.is_alive()
    busy.set()
    for thread in borrowers:
        thread.join(PATIENCE)
        assert not thread.is_alive()
    assert clashes == []
    assert spares.count() == 0


def test_a_late_recall_does_not_stop_the_owners_own_file() -> None:
    spares, fake = Spares(), FakeWorker()
    with owner_of(spares, fake):
        loan = spares.borrow()
        assert loan is not None
        spares.give_back(loan)
        spares.recall(loan)
        later = spares.borrow()
        assert later is not None
        spares.recall(loan)
        assert fake.stopped == 0
        spares.give_back(later)
